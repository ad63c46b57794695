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
