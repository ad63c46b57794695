create function jobstream.reschedule(id text, at timestamptz)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_job jobstream.jobs;
begin
    perform jobstream.act_as('reschedule');
    if reschedule.at is null or jobstream.time_fault(reschedule.at) is not null then
        perform jobstream.refuse('JS400', 'at must be a time of the years 1 to 9999', '{"field": "at"}');
    end if;
    v_job := jobstream.lock_job(reschedule.id);
    if v_job.status not in ('waiting', 'pending', 'failed') then
        perform jobstream.refuse('JS409', 'only a job that waits can be rescheduled; it is ' || v_job.status);
    end if;
    return jobstream.set_due(v_job, reschedule.at);
end
$$;

comment on function jobstream.reschedule(text, timestamptz) is
'Makes a waiting, pending or failed job due at that time. Answers the status after.';
