create function jobstream.run_now(id text)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_job jobstream.jobs := jobstream.lock_job(run_now.id);
begin
    perform jobstream.act_as('run_now');
    if v_job.status = 'pending' then
        return v_job.status;
    elsif v_job.status not in ('waiting', 'failed') then
        perform jobstream.refuse('JS409', 'only a job that waits can be run now; it is ' || v_job.status);
    end if;
    return jobstream.set_due(v_job, jobstream.clock());
end
$$;

comment on function jobstream.run_now(text) is
'Makes a waiting or failed job due now; upstreams and keys still hold it. Answers the status after.';
