-- Cancels a job that does not run; of a running one (force) asks its worker to stop: told with its heartbeat and by
-- NOTIFY jobstream_cancel; after the grace of 10 s maintain() takes the lease away. Ended jobs stay as they are.
create function jobstream.cancel(id text, force boolean default false)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_job jobstream.jobs := jobstream.lock_job(cancel.id);
begin
    perform jobstream.act_as('cancel');
    if jobstream.is_terminal(v_job.status) then
        return v_job.status;
    elsif v_job.status <> 'running' then
        perform jobstream.cancel_held(array[v_job.id]);
        return 'cancelled';
    elsif not coalesce(cancel.force, false) then
        perform jobstream.refuse('JS409', 'the job is running: cancel it with force, or wait for its end');
    end if;
    if not v_job.cancel_requested then
        update jobstream.jobs as j
        set revision = j.revision + 1, cancel_requested = true, cancel_requested_at = jobstream.clock()
        where j.id = v_job.id;
        perform jobstream.ring('jobstream_cancel', v_job.worker);
    end if;
    return 'running';
end
$$;

comment on function jobstream.cancel(text, boolean) is
'Cancels a job; a running one only with force, by asking its worker to stop. Answers the status after.';
