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
