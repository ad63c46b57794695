-- Plain SQL of people and programs: checked, and what it left open is filled in. The verbs write whole rows and are not
-- looked at here (their changes of status are checked by record_updates): they raise revision, which plain SQL does not
-- know of.
create function jobstream.check_insert()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
begin
    perform jobstream.act_as('');
    new.revision := 1;
    new.status := coalesce(new.status, 'pending');
    if new.status not in ('waiting', 'pending', 'cancelled') then
        perform jobstream.refuse('JS409', 'a new job is waiting, pending or cancelled, not ' || new.status);
    elsif not jobstream.is_id(new.id) then
        perform jobstream.refuse('JS400', 'ids are made by jobstream.new_id()');
    elsif new.await_jobs is not null then
        perform jobstream.refuse('JS400', 'a job that awaits others is made by jobstream.enqueue()');
    end if;
    perform jobstream.check_values(new);
    new.attempt := 0;
    new.failures := 0;
    new.crashes := 0;
    new.cancel_requested := false;
    new.worker := null;
    new.lease_until := null;
    if new.status = 'cancelled' then
        new.completed_at := coalesce(new.completed_at, v_now);
        new.reason := coalesce(new.reason, 'requested');
    elsif new.status = 'waiting' or new.concurrency_key is not null or new.scheduled_at > v_now then
        new.status := 'waiting';
        new.hold := 'settling';
    end if;
    return new;
end
$$;

comment on function jobstream.check_insert() is
'Trigger: a plain INSERT of a job is checked, and completed.';

create trigger check_insert
before insert on jobstream.jobs
for each row
when (new.revision = 0)
execute function jobstream.check_insert();
