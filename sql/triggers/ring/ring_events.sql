create function jobstream.ring_events()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if jobstream.may_ring(1785688947, 1) then
        perform pg_catalog.pg_notify('jobstream_events', '');
    end if;
    return null;
end
$$;

comment on function jobstream.ring_events() is 'Trigger at commit: there are events.';

create constraint trigger ring_events
after insert on jobstream.job_events
deferrable initially deferred
for each row
when (jobstream.first_ring('jobstream.rung_events', new.xid::text))
execute function jobstream.ring_events();
