create function jobstream.fail(
    id text, attempt integer, error jsonb, retryable boolean default true, retry_at timestamptz default null
)
returns text
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_job jobstream.jobs;
    v_error pg_catalog.jsonb;
    v_due pg_catalog.timestamptz;
begin
    perform jobstream.act_as('work');
    if jobstream.time_fault(fail.retry_at) is not null then
        perform jobstream.refuse('JS400', 'retry_at must be a time of the years 1 to 9999', '{"field": "retry_at"}');
    end if;
    v_job := jobstream.lock_attempt(fail.id, fail.attempt, 'fail');
    if v_job.id is null then
        return (select j.status from jobstream.jobs as j where j.id = fail.id);
    end if;
    v_error := jobstream.error_entry(v_job, fail.error);
    v_due := coalesce(fail.retry_at, jobstream.clock() + jobstream.backoff_delay(v_job.backoff, v_job.failures + 1));
    return case
        when v_job.cancel_requested
        then jobstream.end_attempt(v_job.id, 'fail', 'cancelled', 'requested', null, v_error, 1)
        when not coalesce(fail.retryable, true)
        then jobstream.end_attempt(v_job.id, 'fail', 'dlq', 'not_retryable', null, v_error, 1)
        when v_job.failures + 1 >= v_job.max_attempts
        then jobstream.end_attempt(v_job.id, 'fail', 'dlq', 'attempts', null, v_error, 1)
        when v_due > v_job.deadline
        then jobstream.end_attempt(v_job.id, 'fail', 'dlq', 'deadline', null, v_error, 1)
        else jobstream.end_attempt(v_job.id, 'fail', 'failed', null, v_due, v_error, 1)
    end;
end
$$;

comment on function jobstream.fail(text, integer, jsonb, boolean, timestamptz) is
'Ends an attempt badly: failed with a next attempt, or dlq; answers the status after. error: text or {type, message, traceback}.';
