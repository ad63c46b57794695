-- Inserts the requests and answers for each, in order: its id, status, and whether it was there before.
-- Requests must be numbered 1 to n. JS422: a key is there with another request. Waits while an open transaction holds a
-- key: insert_jobs_in_time() bounds that.
-- Writes: jobs, job_awaits. Locks: new rows and unique keys only.
create function jobstream.insert_jobs(p_jobs jobstream.new_job[])
returns table (ordinal integer, id text, status text, idempotent boolean)
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_awaited pg_catalog.jsonb := '{}';
    v_known pg_catalog.jsonb := '{}';
    v_ids pg_catalog.text[];
    v_statuses pg_catalog.text[];
begin
    perform jobstream.check_new_jobs(p_jobs);
    if exists (select from unnest(p_jobs) as n where n.await_jobs <> '{}') then
        v_awaited := jobstream.read_awaited(p_jobs);
    end if;
    if exists (select from unnest(p_jobs) as n where n.unique_key is not null) then
        v_known := jobstream.find_uniques(p_jobs);
    end if;

    with requests as (
        select
            n as request,
            coalesce(n.scheduled_at, v_now + n.delay) as due_at,
            case when v_awaited <> '{}' then v_awaited -> n.id ->> 'failed' end as failed,
            n.concurrency_key is not null or coalesce(v_awaited -> n.id -> 'open' <> '[]', false) as is_shut
        from unnest(p_jobs) as n
        where v_known = '{}' or not v_known ? n.ordinal::pg_catalog.text
        order by n.ordinal
        offset 0
    ),

    inserted as (
        insert into jobstream.jobs as j (
            revision, id, queue, kind, priority, status, hold, reason, last_error, completed_at, max_attempts, scheduled_at,
            deadline, created_at, owner, idempotency_key, fingerprint, concurrency_key, unique_key, unique_for,
            await_jobs, await_for, timeout_seconds, backoff, labels, args, trigger, triggered_by, parent_job,
            pipeline_id, pipeline_step, cron_expr, class, mode, scope, traceparent
        )
        select
            1,
            (r.request).id,
            (r.request).queue,
            (r.request).kind,
            (r.request).priority,
            case
                when r.failed is not null then 'cancelled'
                when r.is_shut or r.due_at > v_now then 'waiting'
                else 'pending'
            end,
            case
                when r.failed is not null then null
                when r.is_shut then 'settling'
                when r.due_at > v_now then 'time'
            end,
            case when r.failed is not null then 'upstream' end,
            'awaited job ' || r.failed || ' ended ' || (v_awaited -> (r.request).id ->> 'ended'),
            case when r.failed is not null then v_now end,
            (r.request).max_attempts,
            r.due_at,
            (r.request).deadline,
            v_now,
            (r.request).owner,
            (r.request).idempotency_key,
            case when (r.request).idempotency_key is not null then jobstream.fingerprint(r.request) end,
            (r.request).concurrency_key,
            (r.request).unique_key,
            (r.request).unique_for,
            nullif((r.request).await_jobs, '{}'),
            (r.request).await_for,
            (r.request).timeout_seconds,
            (r.request).backoff,
            (r.request).labels,
            (r.request).args,
            (r.request).trigger,
            (r.request).triggered_by,
            (r.request).parent_job,
            (r.request).pipeline_id,
            (r.request).pipeline_step,
            (r.request).cron_expr,
            (r.request).class,
            (r.request).mode,
            (r.request).scope,
            (r.request).traceparent
        from requests as r
        on conflict on constraint jobs_idempotency_key do nothing
        returning j.id, j.status
    )

    select array_agg(i.id), array_agg(i.status) into v_ids, v_statuses from inserted as i;

    if v_awaited <> '{}' then
        insert into jobstream.job_awaits (job_id, upstream_id)
        select i.id, o.id
        from unnest(v_ids, v_statuses) as i (id, status)
        cross join lateral jsonb_array_elements_text(v_awaited -> i.id -> 'open') as o (id)
        where i.status = 'waiting';
    end if;
    if cardinality(v_ids) = cardinality(p_jobs) then
        return query
        select i.ordinal::integer, i.id, i.status, false
        from unnest(v_ids, v_statuses) with ordinality as i (id, status, ordinal);
    else
        return query
        select a.ordinal, a.id, a.status, a.idempotent
        from jobstream.known_jobs(p_jobs, v_ids, v_statuses, v_known) as a;
    end if;
end
$$;

comment on function jobstream.insert_jobs(jobstream.new_job[]) is
'Inserts requests; answers ordinal, id, status, idempotent for each.';
