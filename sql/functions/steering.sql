-- What operators and owners do to a job. Each locks the job first. JS404: no such job, or not one
-- that this database user may touch. JS409: not in this state.

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

-- Cancels locked jobs that do not run.
create function jobstream.cancel_held(p_ids text[])
returns void
language plpgsql
set search_path = ''
as $$
begin
    delete from jobstream.job_awaits as a where a.job_id = any (p_ids);
    update jobstream.jobs as j
    set revision = j.revision + 1, status = 'cancelled', reason = 'requested', hold = null, completed_at = jobstream.clock()
    where j.id = any (p_ids);
end
$$;

comment on function jobstream.cancel_held(text[]) is 'Cancels locked jobs that are waiting, pending or failed.';

-- What locked jobs that are started anew wait for again: upstreams that have not ended, or are started anew with them.
create function jobstream.await_again(p_ids text[])
returns void
language sql
volatile
set search_path = ''
as $$
    insert into jobstream.job_awaits (job_id, upstream_id)
    select distinct j.id, u.id
    from jobstream.jobs as j
    cross join lateral unnest(j.await_jobs) as a (id)
    inner join jobstream.jobs as u on a.id = u.id
    where j.id = any (p_ids)
        and j.status <> 'failed'
        and (u.status not in ('done', 'dlq', 'cancelled') or u.id = any (p_ids))
    on conflict do nothing
$$;

comment on function jobstream.await_again(text[]) is 'Notes what jobs that are started anew wait for again.';

-- Starts locked jobs anew that ended or failed: counters at 0, a deadline that has passed and the result dropped,
-- history kept. They wait again for upstreams that have not ended.
create function jobstream.restart_jobs(p_ids text[])
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
begin
    perform jobstream.await_again(p_ids);
    update jobstream.jobs as j
    set
        revision = j.revision + 1,
        status = case when not gate.is_shut then 'pending' when j.status = 'failed' then 'failed' else 'waiting' end,
        hold = case when gate.is_shut then 'settling' end,
        trigger = 'retry',
        failures = 0,
        crashes = 0,
        deadline = case when j.deadline > v_now then j.deadline end,
        result = null,
        progress = null,
        reason = null,
        completed_at = null,
        cancel_requested = false,
        cancel_requested_at = null,
        scheduled_at = v_now
    from (
        select
            t.id,
            t.concurrency_key is not null
            or exists (select from jobstream.job_awaits as a where a.job_id = t.id) as is_shut
        from unnest(p_ids) as i (id)
        inner join jobstream.jobs as t on i.id = t.id
    ) as gate
    where j.id = gate.id;
end
$$;

comment on function jobstream.restart_jobs(text[]) is 'Starts locked jobs anew that ended or failed.';

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
