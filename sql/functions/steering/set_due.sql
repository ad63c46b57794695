-- Sets the due time of a locked job, and whether it is held until then.
create function jobstream.set_due(p_job jobstream.jobs, p_at timestamptz)
returns text
language plpgsql
set search_path = ''
as $$
declare
    v_gated boolean := p_job.concurrency_key is not null
        or exists (select from jobstream.job_awaits as a where a.job_id = p_job.id);
    v_hold pg_catalog.text := case
        when v_gated then 'settling'
        when p_at > jobstream.clock() then 'time'
    end;
    v_status pg_catalog.text := case
        when v_hold is null or (p_job.status = 'pending' and p_at <= jobstream.clock()) then 'pending'
        when p_job.status = 'failed' then 'failed'
        else 'waiting'
    end;
begin
    update jobstream.jobs as j
    set revision = j.revision + 1, scheduled_at = p_at, status = v_status, hold = case when v_status <> 'pending' then v_hold end
    where j.id = p_job.id;
    return v_status;
end
$$;

comment on function jobstream.set_due(jobstream.jobs, timestamptz) is
'Sets the due time of a locked job and its status.';
