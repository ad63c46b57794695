create function jobstream.ring_ready()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if jobstream.may_ring(1785688948, pg_catalog.hashtext(new.queue)) then
        perform pg_catalog.pg_notify('jobstream_ready', new.queue);
    end if;
    return null;
end
$$;

comment on function jobstream.ring_ready() is 'Trigger at commit: a queue has a job to claim.';

create constraint trigger ring_ready
after insert on jobstream.job_events
deferrable initially deferred
for each row
when (
    new.status = 'pending' and new.type in ('status', 'updated')
    and jobstream.first_ring('jobstream.rung_ready', new.xid::text || new.queue)
)
execute function jobstream.ring_ready();
