-- What event streams stand on, besides job_events itself: see the proof in docs/adr.

-- Cursors are good for one history of transactions: this cluster, its timeline, this database of it, and a value that is
-- made anew when events are rebased.
create function jobstream.epoch_parts()
returns text
language sql
stable
security definer
set search_path = ''
as $$
    select concat_ws(
        ':', c.system_identifier, left(pg_walfile_name(pg_current_wal_lsn()), 8), d.oid, s.value
    )
    from pg_control_system() as c
    cross join jobstream.settings as s
    inner join pg_catalog.pg_database as d on d.datname = current_database()
    where s.name = 'epoch'
$$;

comment on function jobstream.epoch_parts() is
'What an epoch is made of: system identifier, timeline, database, stored value.';

create function jobstream.stream_epoch()
returns text
language sql
stable
security definer
set search_path = ''
as $$
    select substr(
        translate(encode(sha256(convert_to(jobstream.epoch_parts(), 'UTF8')), 'base64'), '+/=', '-_'), 1, 8
    )
$$;

comment on function jobstream.stream_epoch() is
'What cursors are good for, in 8 characters: this cluster, its timeline, this database, and the stored epoch.';

-- Notes the epoch and, where it is a new one, moves the ids of events on by 2^32, so that plain ids of before are not taken
-- for ids of after. Called by maintain() and by each serve process at its start and when its streams meet a new epoch.
--     same     nothing to do
--     new      another epoch than last time: promoted, restored within the cluster, rebased
--     restored the events were written in another cluster, or by transactions that this one has yet to begin: rebase them
-- Waits for nobody: who is at it already does it for all. Locks: an advisory lock, the row of settings.
create function jobstream.enter_epoch()
returns text
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_now pg_catalog.text := jobstream.epoch_parts();
    v_before pg_catalog.text := (select s.value from jobstream.settings as s where s.name = 'epoch_entered');
begin
    if split_part(v_before, ':', 1) <> split_part(v_now, ':', 1) and exists (select from jobstream.job_events)
        -- Ordered, so that it reads the end of an index, whatever the planner thinks of the comparison.
        or (
            select e.xid from jobstream.job_events as e
            where e.xid >= pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())
                and e.xid is distinct from pg_catalog.pg_current_xact_id_if_assigned()
            order by e.xid desc
            limit 1
        ) is not null
    then
        return 'restored';
    elsif v_before = v_now or not pg_catalog.pg_try_advisory_xact_lock(1785688947, 2) then
        return 'same';
    end if;
    insert into jobstream.settings as s (name, value)
    values ('epoch_entered', v_now)
    on conflict (name) do update set value = excluded.value where s.value <> excluded.value;
    if not found or v_before is null then
        return 'same';
    end if;
    perform setval('jobstream.job_events_id', nextval('jobstream.job_events_id') + 4294967296);
    return 'new';
end
$$;

comment on function jobstream.enter_epoch() is
'Notes the epoch; a new one moves the ids of events on by 2^32. Answers same, new, or restored: rebase_events() first.';

-- After a restore: gives every event a transaction id that all snapshots see, and begins a new epoch. Whoever writes waits.
create function jobstream.rebase_events()
returns bigint
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_events bigint;
begin
    lock table jobstream.job_events in share row exclusive mode;
    update jobstream.job_events as e set xid = '3' where e.xid <> '3';
    get diagnostics v_events = row_count;
    update jobstream.event_horizon as h set max_xid = '3' where h.max_xid > '3';
    delete from jobstream.stream_snapshots;
    update jobstream.settings as s
    set value = substr(replace(gen_random_uuid()::pg_catalog.text, '-', ''), 1, 8)
    where s.name = 'epoch';
    insert into jobstream.settings as s (name, value)
    values ('epoch_entered', jobstream.epoch_parts())
    on conflict (name) do update set value = excluded.value;
    perform setval('jobstream.job_events_id', nextval('jobstream.job_events_id') + 4294967296);
    return v_events;
end
$$;

comment on function jobstream.rebase_events() is
'After a restore into another cluster: makes events of a foreign history readable by cursors; begins a new epoch.';

create function jobstream.keep_snapshots(names text[], snapshots text[])
returns void
language sql
security definer
set search_path = ''
as $$
    insert into jobstream.stream_snapshots (name, snapshot)
    select u.name, u.snapshot
    from unnest(keep_snapshots.names, keep_snapshots.snapshots) as u (name, snapshot)
    on conflict (name) do update set created_at = jobstream.clock()
$$;

comment on function jobstream.keep_snapshots(text[], text[]) is
'Keeps snapshots that are too long for a cursor''s token.';

-- Returns when the log is flushed up to everything that any transaction has done by now. A cursor is a snapshot, and a
-- crash hands out again the ids of transactions whose end was not flushed, rolled back ones too: a cursor that had seen
-- them end would pass over the events of their namesakes.
create function jobstream.flush_wal()
returns void
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
    if pg_catalog.pg_current_wal_insert_lsn() <= pg_catalog.pg_current_wal_flush_lsn() then
        return;
    end if;
    if pg_catalog.current_setting('server_version_num')::integer >= 170000 then
        perform pg_catalog.pg_logical_emit_message(false, 'jobstream', '', true);
    else
        -- The commit of this statement's transaction flushes.
        perform pg_catalog.set_config('synchronous_commit', 'local', true);
        perform pg_catalog.pg_logical_emit_message(true, 'jobstream', '');
    end if;
end
$$;

comment on function jobstream.flush_wal() is
'Returns when the log is flushed up to now: a cursor handed out after it outlives a crash.';
