create function jobstream.lock_job(p_id text)
returns jobstream.jobs
language plpgsql
set search_path = ''
as $$
declare
    v_job jobstream.jobs;
begin
    select j.* into v_job from jobstream.jobs as j where j.id = p_id for update;
    if not found or not jobstream.may_touch(v_job.owner) then
        perform jobstream.refuse('JS404', 'no such job: ' || coalesce(p_id, 'null'));
    end if;
    return v_job;
end
$$;

comment on function jobstream.lock_job(text) is 'Locks a job to steer it; JS404.';
