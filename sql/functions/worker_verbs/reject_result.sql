create function jobstream.reject_result(id text, attempt integer, error text)
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
begin
    perform jobstream.act_as('work');
    v_job := jobstream.lock_attempt(reject_result.id, reject_result.attempt, 'reject');
    if v_job.id is null then
        return (select j.status from jobstream.jobs as j where j.id = reject_result.id);
    end if;
    v_error := jobstream.error_entry(
        v_job, jsonb_build_object('type', 'UnstorableResult', 'message', reject_result.error)
    );
    if v_job.cancel_requested then
        return jobstream.end_attempt(v_job.id, 'reject', 'cancelled', 'requested', null, v_error, 1);
    end if;
    return jobstream.end_attempt(v_job.id, 'reject', 'dlq', 'unstorable_result', null, v_error, 1);
end
$$;

comment on function jobstream.reject_result(text, integer, text) is
'The attempt ended well, but its result cannot be stored: dlq, unstorable_result.';
