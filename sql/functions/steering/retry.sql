create function jobstream.retry(id text)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_job jobstream.jobs := jobstream.lock_job(retry.id);
begin
    perform jobstream.act_as('retry');
    if v_job.status not in ('done', 'dlq', 'cancelled', 'failed') then
        perform jobstream.refuse('JS409', 'only a job that ended or failed can be retried; it is ' || v_job.status);
    end if;
    perform jobstream.restart_jobs(array[v_job.id]);
    return (select j.status from jobstream.jobs as j where j.id = v_job.id);
end
$$;

comment on function jobstream.retry(text) is
'Starts a job anew that ended or failed, with its counters at 0 and its history kept. Answers the status after.';
