-- Jobs past their deadline that do not run.
create function jobstream.expire_jobs(p_ids text[])
returns void
language plpgsql
set search_path = ''
as $$
begin
    delete from jobstream.job_awaits as a where a.job_id = any (p_ids);
    update jobstream.jobs as j
    set
        revision = j.revision + 1,
        status = 'dlq',
        reason = 'deadline',
        hold = null,
        completed_at = jobstream.clock(),
        last_error = coalesce(j.last_error, 'the deadline passed')
    where j.id = any (p_ids) and j.status in ('waiting', 'pending', 'failed');
end
$$;

comment on function jobstream.expire_jobs(text[]) is 'Sets locked jobs aside whose deadline has passed.';
