-- What a worker says of an attempt. Each locks the job and checks the fence first (JS404, JS410), then writes.

-- Ends an attempt: the one place where a running job's row is closed. Null scheduled_at keeps what stands.
create function jobstream.end_attempt(
    p_id text, p_verb text, p_status text, p_reason text default null, p_due timestamptz default null,
    p_error jsonb default null, p_failures integer default 0, p_crashes integer default 0
)
returns text
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
begin
    update jobstream.jobs as j
    set
        revision = j.revision + 1,
        status = p_status,
        reason = p_reason,
        scheduled_at = coalesce(p_due, j.scheduled_at),
        hold = case when p_status in ('waiting', 'failed') then 'time' end,
        completed_at = case when jobstream.is_terminal(p_status) then v_now end,
        worker = null,
        lease_until = null,
        cancel_requested = false,
        cancel_requested_at = null,
        failures = j.failures + p_failures,
        crashes = j.crashes + p_crashes,
        last_error = coalesce(jobstream.error_text(p_error), j.last_error),
        errors = case when p_error is null then j.errors else jobstream.add_error(j.errors, p_error) end,
        error_count = j.error_count + case when p_error is null then 0 else 1 end,
        ended_attempt = j.attempt,
        ended_verb = p_verb
    where j.id = p_id;
    return p_status;
end
$$;

comment on function jobstream.end_attempt(text, text, text, text, timestamptz, jsonb, integer, integer) is
'Closes the row of a running job: its next status, reason, due time and error.';

create function jobstream.complete(id text, attempt integer, result jsonb default null, cost_usd numeric default null)
returns text
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_fault pg_catalog.text := jobstream.json_fault(complete.result);
    v_job jobstream.jobs;
begin
    perform jobstream.act_as('work');
    if v_fault is not null then
        perform jobstream.refuse('JS400', 'result ' || v_fault, '{"field": "result"}');
    elsif complete.cost_usd < 0 or complete.cost_usd > 1e18 then
        perform jobstream.refuse('JS400', 'cost_usd must be a number from 0 to 1e18', '{"field": "cost_usd"}');
    end if;
    v_job := jobstream.lock_attempt(complete.id, complete.attempt, 'complete');
    if v_job.id is null then
        return (select j.status from jobstream.jobs as j where j.id = complete.id);
    end if;
    update jobstream.jobs as j
    set
        revision = j.revision + 1,
        status = 'done',
        completed_at = jobstream.clock(),
        worker = null,
        lease_until = null,
        cancel_requested = false,
        cancel_requested_at = null,
        result = complete.result,
        cost_usd = coalesce(complete.cost_usd, j.cost_usd),
        ended_attempt = j.attempt,
        ended_verb = 'complete'
    where j.id = complete.id;
    return 'done';
end
$$;

comment on function jobstream.complete(text, integer, jsonb, numeric) is
'Ends an attempt well; answers the status after. JS410: the lease is lost.';

-- Completes many; never raises for one of them: lost says which attempts no longer ran. A result over 1 MiB sets its own
-- job aside (dlq, unstorable_result). Rows are locked in ascending id in one statement and written in the next, whose
-- snapshot sees what was locked; results travel in one object, so that no join of jobs to an array is needed.
create function jobstream.complete_many(ids text[], attempts integer[], results jsonb[] default null)
returns table (id text, status text, lost boolean)
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_places pg_catalog.tid[];
    v_results pg_catalog.jsonb;
    v_too_long pg_catalog.text[];
begin
    perform jobstream.act_as('work');
    if cardinality(ids) <> cardinality(attempts) or cardinality(ids) <> coalesce(cardinality(results), cardinality(ids))
    then
        perform jobstream.refuse('JS400', 'ids, attempts and results must be of one length');
    end if;
    if array_length(array_remove(results, null), 1) > 0 then
        select
            jsonb_object_agg(u.id, u.result) filter (where jobstream.json_fault(u.result) is null),
            array_agg(u.id) filter (where jobstream.json_fault(u.result) is not null)
        into v_results, v_too_long
        from unnest(complete_many.ids, complete_many.results) as u (id, result)
        where u.result is not null and u.id is not null;
    end if;

    v_places := array(
        select locked.place
        from (
            select u.id, u.attempt
            from unnest(complete_many.ids, complete_many.attempts) as u (id, attempt)
            order by u.id
            offset 0
        ) as asked
        cross join lateral (
            select j.ctid as place, j.status as status_now
            from jobstream.jobs as j
            where j.id = asked.id and j.attempt = asked.attempt
            for update
            offset 0
        ) as locked
        where locked.status_now = 'running' and asked.id <> all (coalesce(v_too_long, '{}'))
    );
    update jobstream.jobs as j
    set
        revision = j.revision + 1,
        status = 'done',
        completed_at = v_now,
        worker = null,
        lease_until = null,
        cancel_requested = false,
        cancel_requested_at = null,
        result = v_results -> j.id,
        ended_attempt = j.attempt,
        ended_verb = 'complete'
    where j.ctid = any (array(select p.place from unnest(v_places) as p (place)));

    if v_too_long is not null then
        perform jobstream.reject_result(u.id, u.attempt, 'the result is over 1 MiB')
        from unnest(complete_many.ids, complete_many.attempts) as u (id, attempt)
        cross join lateral (
            select from jobstream.jobs as j
            where j.id = u.id and j.attempt = u.attempt and j.status = 'running'
        ) as running
        where u.id = any (v_too_long);
    end if;

    return query
    select u.id, j.status, coalesce(j.ended_attempt <> u.attempt or j.ended_verb not in ('complete', 'reject'), true)
    from unnest(complete_many.ids, complete_many.attempts) with ordinality as u (id, attempt, place)
    left join lateral (
        select t.status, t.ended_attempt, t.ended_verb
        from jobstream.jobs as t
        where t.id = u.id
        offset 0
    ) as j on true
    order by u.place;
end
$$;

comment on function jobstream.complete_many(text[], integer[], jsonb[]) is
'Ends many attempts well, in one statement; lost: that attempt no longer ran.';

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

create function jobstream.release(id text, attempt integer, delay interval default '0')
returns text
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_job jobstream.jobs;
begin
    perform jobstream.act_as('work');
    if release.delay is null or release.delay > interval '100 years' then
        perform jobstream.refuse('JS400', 'delay must be at most 100 years', '{"field": "delay"}');
    end if;
    v_job := jobstream.lock_attempt(release.id, release.attempt, 'release');
    if v_job.id is null then
        return (select j.status from jobstream.jobs as j where j.id = release.id);
    elsif v_job.cancel_requested then
        return jobstream.end_attempt(v_job.id, 'release', 'cancelled', 'requested');
    elsif release.delay > interval '0' then
        return jobstream.end_attempt(
            v_job.id, 'release', 'waiting', null, jobstream.clock() + release.delay
        );
    end if;
    return jobstream.end_attempt(v_job.id, 'release', 'pending');
end
$$;

comment on function jobstream.release(text, integer, interval) is
'Gives an attempt back, unspent: pending, or waiting for the delay; answers the status after.';

-- Renews many leases; rows that somebody has locked are left for the next time. An expired lease that nobody has rescued
-- is renewed too.
create function jobstream.heartbeat(ids text[], attempts integer[], lease interval default '30 s')
returns table (id text, lost boolean, cancel_requested boolean)
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_until pg_catalog.timestamptz := jobstream.clock() + heartbeat.lease;
    v_places pg_catalog.tid[];
begin
    perform jobstream.act_as('work');
    if cardinality(ids) <> cardinality(attempts) then
        perform jobstream.refuse('JS400', 'ids and attempts must be of one length');
    elsif heartbeat.lease is null or heartbeat.lease < interval '1 s' or heartbeat.lease > interval '1 day' then
        perform jobstream.refuse('JS400', 'lease must be 1 second to 1 day', '{"field": "lease"}');
    end if;
    v_places := array(
        select locked.place
        from (
            select u.id, u.attempt
            from unnest(heartbeat.ids, heartbeat.attempts) as u (id, attempt)
            order by u.id
            offset 0
        ) as asked
        cross join lateral (
            select j.ctid as place, j.status as status_now
            from jobstream.jobs as j
            where j.id = asked.id and j.attempt = asked.attempt
            for update skip locked
            offset 0
        ) as locked
        where locked.status_now = 'running'
    );
    update jobstream.jobs as j
    set lease_until = v_until, revision = j.revision + 1
    where j.ctid = any (array(select p.place from unnest(v_places) as p (place)));

    return query
    select
        u.id,
        coalesce(j.status <> 'running' or j.attempt <> u.attempt, true),
        coalesce(j.status = 'running' and j.attempt = u.attempt and j.cancel_requested, false)
    from unnest(heartbeat.ids, heartbeat.attempts) with ordinality as u (id, attempt, place)
    left join lateral (
        select t.status, t.attempt, t.cancel_requested
        from jobstream.jobs as t
        where t.id = u.id
        offset 0
    ) as j on true
    order by u.place;
end
$$;

comment on function jobstream.heartbeat(text[], integer[], interval) is
'Renews the leases of running attempts; says which are lost and which should stop.';

create function jobstream.report_progress(
    id text, attempt integer, current numeric, total numeric default null, step text default null,
    cost_usd numeric default null
)
returns boolean
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_job jobstream.jobs;
    v_elapsed numeric;
begin
    perform jobstream.act_as('work');
    if report_progress.current is null or not report_progress.current between 0 and 1e18 then
        perform jobstream.refuse('JS400', 'current must be a number from 0 to 1e18', '{"field": "current"}');
    elsif not report_progress.total between 0 and 1e18 then
        perform jobstream.refuse('JS400', 'total must be a number from 0 to 1e18', '{"field": "total"}');
    elsif char_length(report_progress.step) > 1024 then
        perform jobstream.refuse('JS400', 'step must be at most 1024 characters', '{"field": "step"}');
    elsif report_progress.cost_usd < 0 or report_progress.cost_usd > 1e18 then
        perform jobstream.refuse('JS400', 'cost_usd must be a number from 0 to 1e18', '{"field": "cost_usd"}');
    end if;
    v_job := jobstream.lock_attempt(report_progress.id, report_progress.attempt, 'none');
    v_elapsed := extract(epoch from jobstream.clock() - v_job.started_at);
    update jobstream.jobs as j
    set
        revision = j.revision + 1,
        cost_usd = coalesce(report_progress.cost_usd, j.cost_usd),
        progress = jsonb_build_object(
            'current', report_progress.current,
            'total', report_progress.total,
            'percent', case
                when report_progress.total > 0
                then round(100 * least(report_progress.current / report_progress.total, 1), 1)
            end,
            'step', report_progress.step,
            'eta_secs', case
                when report_progress.total > 0 and report_progress.current > 0
                then least(ceil(
                    v_elapsed * greatest(report_progress.total - report_progress.current, 0) / report_progress.current
                ), 1e9)
            end
        )
    where j.id = report_progress.id;
    return v_job.cancel_requested;
end
$$;

comment on function jobstream.report_progress(text, integer, numeric, numeric, text, numeric) is
'Says how far an attempt is; answers whether it was asked to stop.';

-- An event of a running attempt, beside the job's row.
create function jobstream.add_event(p_job jobstream.jobs, p_type text, p_data jsonb)
returns void
language plpgsql
set search_path = ''
as $$
begin
    perform jobstream.keep_events_durable();
    insert into jobstream.job_events (
        job_id, type, status, attempt, queue, kind, owner, pipeline_id, labels, by, data
    )
    values (
        p_job.id, p_type, p_job.status, p_job.attempt, p_job.queue, p_job.kind, p_job.owner, p_job.pipeline_id,
        p_job.labels, jobstream.actor(), p_data
    );
end
$$;

comment on function jobstream.add_event(jobstream.jobs, text, jsonb) is
'Writes one event of a job whose row is locked.';

create function jobstream.log(id text, attempt integer, message text, level text default 'info')
returns void
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
begin
    perform jobstream.act_as('work');
    if log.message is null or octet_length(log.message) > 8192 then
        perform jobstream.refuse('JS400', 'message must be at most 8 KiB', '{"field": "message"}');
    elsif log.level is null or log.level not in ('debug', 'info', 'warning', 'error', 'critical') then
        perform jobstream.refuse(
            'JS400', 'level must be debug, info, warning, error or critical', '{"field": "level"}'
        );
    end if;
    perform jobstream.add_event(
        jobstream.lock_attempt(log.id, log.attempt, 'none'), 'log',
        jsonb_build_object('level', log.level, 'message', log.message)
    );
end
$$;

comment on function jobstream.log(text, integer, text, text) is 'A line of log on the job''s stream; at most 8 KiB.';

create function jobstream.emit(id text, attempt integer, type text, data jsonb default '{}')
returns void
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
begin
    perform jobstream.act_as('work');
    if emit.type is null or emit.type !~ '^[a-z][a-z0-9_.-]{0,63}$' or emit.type in (
        'status', 'progress', 'log', 'updated', 'deleted', 'pipeline', 'hello', 'heartbeat', 'reset', 'end',
        'overloaded', 'summary', 'message', 'open', 'error'
    ) then
        perform jobstream.refuse(
            'JS400', 'type must be [a-z][a-z0-9_.-]{0,63} and none of the product''s own types', '{"field": "type"}'
        );
    elsif pg_column_size(emit.data) > 10000 and octet_length(emit.data::pg_catalog.text) > 65536
        and jobstream.json_length(emit.data) > 65536
    then
        perform jobstream.refuse('JS400', 'data must be at most 64 KiB', '{"field": "data"}');
    end if;
    perform jobstream.add_event(
        jobstream.lock_attempt(emit.id, emit.attempt, 'none'), emit.type, coalesce(emit.data, '{}')
    );
end
$$;

comment on function jobstream.emit(text, integer, text, jsonb) is
'An event of the user''s own type on the job''s stream; data at most 64 KiB.';
