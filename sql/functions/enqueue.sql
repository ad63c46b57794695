-- Enqueue: one INSERT for any number of jobs. It touches no counter and no other job's row, so a transaction that
-- enqueued and stays open holds up nobody: jobs that await others or share a concurrency key start held and are let
-- through by settle_jobs() after the commit.

create type jobstream.new_job as (
    id text,
    ordinal integer,
    kind text,
    args jsonb,
    queue text,
    priority integer,
    scheduled_at timestamptz,
    delay interval,
    deadline timestamptz,
    idempotency_key text,
    max_attempts integer,
    backoff jsonb,
    timeout_seconds integer,
    labels jsonb,
    concurrency_key text,
    await_jobs text[], -- noqa: LT01
    await_for text,
    unique_for text,
    unique_key text,
    owner text,
    triggered_by text,
    parent_job text,
    class text,
    mode text,
    scope text,
    trigger text,
    pipeline_id text,
    pipeline_step text,
    cron_expr text,
    traceparent text
);

comment on type jobstream.new_job is 'A request to enqueue, after defaults.';

-- What is wrong with a request: field and words, or null.
create function jobstream.new_job_fault(p_job jobstream.new_job)
returns text[]
language sql
immutable
as $$
    select case
        when jobstream.name_fault(p_job.kind) is not null
        then array['kind', jobstream.name_fault(p_job.kind)]
        when jobstream.name_fault(p_job.queue) is not null
        then array['queue', jobstream.name_fault(p_job.queue)]
        when jobstream.json_fault(p_job.args) is not null
        then array['args', jobstream.json_fault(p_job.args)]
        when p_job.labels <> '{}' and jobstream.labels_fault(p_job.labels) is not null
        then array['labels', jobstream.labels_fault(p_job.labels)]
        when p_job.backoff is not null and jobstream.backoff_fault(p_job.backoff) is not null
        then array['backoff', jobstream.backoff_fault(p_job.backoff)]
        when p_job.scheduled_at is not null and p_job.delay is not null
        then array['delay', 'not together with scheduled_at']
        when p_job.delay < interval '0' or p_job.delay > interval '100 years'
        then array['delay', 'must not be negative nor over 100 years']
        when jobstream.time_fault(p_job.scheduled_at) is not null
        then array['scheduled_at', jobstream.time_fault(p_job.scheduled_at)]
        when jobstream.time_fault(p_job.deadline) is not null
        then array['deadline', jobstream.time_fault(p_job.deadline)]
        when p_job.idempotency_key !~ '^[!-~]+$' or pg_catalog.char_length(p_job.idempotency_key) > 256
        then array['idempotency_key', 'must be 1 to 256 visible ASCII characters']
        when p_job.max_attempts not between 1 and 1000
        then array['max_attempts', 'must be 1 to 1000']
        when p_job.timeout_seconds not between 1 and 31536000
        then array['timeout_seconds', 'must be 1 to 31536000']
        when pg_catalog.char_length(p_job.concurrency_key) not between 1 and 256
        then array['concurrency_key', 'must be 1 to 256 characters']
        when p_job.await_for not in ('done', 'ended')
        then array['await_for', 'must be done or ended']
        when pg_catalog.cardinality(p_job.await_jobs) > 10000
        then array['await_jobs', 'at most 10000']
        when p_job.unique_for not in ('pending', 'active')
        then array['unique_for', 'must be pending or active']
        when (p_job.unique_for is null) <> (p_job.unique_key is null)
        then array['unique_key', 'unique_for and unique_key go together']
        when pg_catalog.char_length(p_job.unique_key) not between 1 and 256
        then array['unique_key', 'must be 1 to 256 characters']
        when pg_catalog.char_length(p_job.owner) > 256
        then array['owner', 'must be at most 256 characters']
        when p_job.parent_job is not null and not jobstream.is_id(p_job.parent_job)
        then array['parent_job', 'must be the id of a job']
        when greatest(
            pg_catalog.char_length(p_job.triggered_by),
            pg_catalog.char_length(p_job.class),
            pg_catalog.char_length(p_job.mode),
            pg_catalog.char_length(p_job.scope)
        ) > 1024
        then array['triggered_by', 'triggered_by, class, mode and scope take at most 1024 characters']
    end
$$;

comment on function jobstream.new_job_fault(jobstream.new_job) is
'What is wrong with a request: {field, words}; null: nothing.';

-- The fingerprint of a request: SHA-256 over its values after defaults, the delay as given. Times and intervals go in as
-- numbers, so that no session's formats matter; jsonb text is canonical.
create function jobstream.fingerprint(p_job jobstream.new_job)
returns bytea
language sql
stable
as $$
    select pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.jsonb_build_array(
        p_job.kind, p_job.args, p_job.queue, p_job.priority,
        extract(epoch from p_job.scheduled_at), extract(epoch from p_job.delay), extract(epoch from p_job.deadline),
        p_job.max_attempts, w.backoff ->> 'type',
        pg_catalog.trim_scale((w.backoff ->> 'base')::numeric), pg_catalog.trim_scale((w.backoff ->> 'max')::numeric),
        pg_catalog.trim_scale((w.backoff ->> 'jitter')::numeric), p_job.timeout_seconds, p_job.labels, p_job.concurrency_key, pg_catalog.to_jsonb(nullif(p_job.await_jobs, '{}')), p_job.parent_job, p_job.class, p_job.mode, p_job.scope
    )::pg_catalog.text, 'UTF8'))
    from (select jobstream.whole_backoff(p_job.backoff) as backoff) as w
$$;

comment on function jobstream.fingerprint(jobstream.new_job) is
'SHA-256 of what a request asks for, to tell a repetition from another request under the same key.';

-- Refuses faulty requests (JS400), unknown parents (JS404) and owners that this database user may not act for.
-- A plan made for the array's own values looks cheaper, so each call would plan anew, rules inlined: 0.8 ms of a single
-- enqueue that takes 0.17 ms with the plan kept.
create function jobstream.check_new_jobs(p_jobs jobstream.new_job[])
returns void
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
    v_bad pg_catalog.record;
begin
    select n.ordinal, f.fault
    into v_bad
    from unnest(p_jobs) as n
    cross join lateral (select jobstream.new_job_fault(n) as fault) as f
    where f.fault is not null
    order by n.ordinal
    limit 1;
    if found then
        perform jobstream.refuse(
            'JS400', v_bad.fault[1] || ' ' || v_bad.fault[2],
            jsonb_build_object('ordinal', v_bad.ordinal, 'field', v_bad.fault[1])
        );
    end if;

    select n.ordinal, n.parent_job
    into v_bad
    from unnest(p_jobs) as n
    where n.parent_job is not null
        and not exists (select from jobstream.jobs as j where j.id = n.parent_job and j.owner = n.owner)
    order by n.ordinal
    limit 1;
    if found then
        perform jobstream.refuse(
            'JS404', 'no such parent job: ' || v_bad.parent_job,
            jsonb_build_object('ordinal', v_bad.ordinal, 'field', 'parent_job')
        );
    end if;

    select n.ordinal
    into v_bad
    from unnest(p_jobs) as n
    where n.owner not in ('', session_user) and not jobstream.may_touch(n.owner)
    limit 1;
    if found then
        perform jobstream.refuse(
            'JS400', 'owner must be empty or ' || session_user,
            jsonb_build_object('ordinal', v_bad.ordinal, 'field', 'owner')
        );
    end if;
end
$$;

comment on function jobstream.check_new_jobs(jobstream.new_job[]) is
'Refuses requests that break a rule; the error''s detail names ordinal and field.';

-- What the requests await, as committed now: {id of the request: {"open": [ids], "failed": id, "ended": its status}}.
-- JS404 where an awaited job is unknown or another owner's. Reads only: nobody's row is locked.
create function jobstream.read_awaited(p_jobs jobstream.new_job[])
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_missing pg_catalog.record;
begin
    select n.ordinal, a.id
    into v_missing
    from unnest(p_jobs) as n
    cross join lateral unnest(n.await_jobs) as a (id)
    where a.id is null
        or not exists (select from jobstream.jobs as u where u.id = a.id and u.owner = n.owner)
    order by n.ordinal
    limit 1;
    if found then
        perform jobstream.refuse(
            'JS404', 'no such job to await: ' || coalesce(v_missing.id, 'null'),
            jsonb_build_object('ordinal', v_missing.ordinal, 'field', 'await_jobs')
        );
    end if;

    return (
        select coalesce(jsonb_object_agg(r.id, r.awaited), '{}')
        from (
            select
                n.id,
                jsonb_build_object(
                    'open', coalesce(
                        jsonb_agg(distinct u.id) filter (where u.status not in ('done', 'dlq', 'cancelled')), '[]'
                    ),
                    'failed', min(u.id) filter (where n.await_for = 'done' and u.status in ('dlq', 'cancelled')),
                    'ended', (
                        array_agg(u.status order by u.id) filter (where u.status in ('dlq', 'cancelled'))
                    )[1]
                ) as awaited
            from unnest(p_jobs) as n
            cross join lateral unnest(n.await_jobs) as a (id)
            inner join jobstream.jobs as u on a.id = u.id
            group by n.id
        ) as r
    );
end
$$;

comment on function jobstream.read_awaited(jobstream.new_job[]) is
'What the requests await: {id of the request: {open, failed, ended}}. JS404.';

-- {ordinal: id} of the requests that a unique key makes a repetition: of a job that is there, or of an earlier request.
-- A request whose idempotency key is there already is answered by that, and stands for nobody else's unique key.
-- Locks: the advisory locks of the keys, in ascending order, until the transaction ends.
create function jobstream.find_uniques(p_jobs jobstream.new_job[])
returns jsonb
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan -- as check_new_jobs
as $$
begin
    perform pg_advisory_xact_lock(1785688950, k.number)
    from (
        select distinct hashtext(concat_ws(chr(31), n.owner, n.kind, n.unique_key)) as number
        from unnest(p_jobs) as n
        where n.unique_key is not null
        order by number
    ) as k;

    return (
        select coalesce(jsonb_object_agg(f.ordinal, f.id) filter (where f.id is not null), '{}')
        from (
            select
                n.ordinal,
                coalesce(there.id, nullif(first_value(n.id) over w, n.id)) as id
            from unnest(p_jobs) as n
            left join lateral (
                select j.id
                from jobstream.jobs as j
                where j.kind = n.kind
                    and j.status in ('waiting', 'pending', 'running', 'failed')
                    and j.unique_key = n.unique_key
                    and j.owner = n.owner
                    and (
                        j.status in ('waiting', 'pending')
                        or (n.unique_for = 'active' and j.status in ('running', 'failed'))
                    )
                order by j.id
                limit 1
            ) as there on true
            where n.unique_key is not null
                and not exists (
                    select from jobstream.jobs as k
                    where k.owner = n.owner and k.idempotency_key = n.idempotency_key
                )
            window w as (partition by n.owner, n.kind, n.unique_key order by n.ordinal)
        ) as f
    );
end
$$;

comment on function jobstream.find_uniques(jobstream.new_job[]) is
'{ordinal: id} of the requests that a unique key makes a repetition.';

-- Answers for requests of which some were there before: by idempotency key, where the fingerprints must match (JS422),
-- or by unique key. A fresh snapshot: who won may have committed after our insert began.
create function jobstream.known_jobs(
    p_jobs jobstream.new_job[], p_ids text[], p_statuses text[], p_known jsonb
)
returns table (ordinal integer, id text, status text, idempotent boolean)
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan -- as check_new_jobs
as $$
declare
    v_answer pg_catalog.record;
begin
    for v_answer in
        select
            n.ordinal,
            coalesce(own.id, there.id) as id,
            coalesce(own.status, there.status) as status,
            own.id is null as idempotent,
            own.id is null and not p_known ? n.ordinal::pg_catalog.text
            and there.fingerprint is distinct from jobstream.fingerprint(n) as is_other
        from unnest(p_jobs) as n
        left join unnest(p_ids, p_statuses) as own (id, status) on n.id = own.id
        left join lateral (
            select j.id, j.status, j.fingerprint
            from jobstream.jobs as j
            where own.id is null and j.id = p_known ->> n.ordinal::pg_catalog.text
            union all
            select j.id, j.status, j.fingerprint
            from jobstream.jobs as j
            where own.id is null and not p_known ? n.ordinal::pg_catalog.text
                and j.owner = n.owner and j.idempotency_key = n.idempotency_key
        ) as there on true
        order by n.ordinal
    loop
        if v_answer.id is null then
            raise exception using errcode = '40001', message = 'the job of that idempotency key is just being deleted';
        elsif v_answer.is_other then
            perform jobstream.refuse(
                'JS422', 'this idempotency key was used with another request',
                jsonb_build_object('ordinal', v_answer.ordinal, 'field', 'idempotency_key', 'id', v_answer.id)
            );
        end if;
        ordinal := v_answer.ordinal;
        id := v_answer.id;
        status := v_answer.status;
        idempotent := v_answer.idempotent;
        return next;
    end loop;
end
$$;

comment on function jobstream.known_jobs(jobstream.new_job[], text[], text[], jsonb) is
'Answers for requests of which some were there before. JS422.';

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

-- The same, and JS423 where a key stays held by an open transaction for 2 s. A block with an exception handler is a
-- subtransaction, so only requests with keys come this way.
create function jobstream.insert_jobs_in_time(p_jobs jobstream.new_job[])
returns table (ordinal integer, id text, status text, idempotent boolean)
language plpgsql
set search_path = ''
set lock_timeout = '2s'
as $$
begin
    return query select i.ordinal, i.id, i.status, i.idempotent from jobstream.insert_jobs(p_jobs) as i;
exception
    when lock_not_available then
        perform jobstream.refuse('JS423', 'the key is held by a transaction that has been open for over 2 s');
end
$$;

comment on function jobstream.insert_jobs_in_time(jobstream.new_job[]) is
'insert_jobs, with at most 2 s of waiting for a key.';

-- Requests from JSON. JS400 for what cannot be read, naming ordinal (and field where known).
create function jobstream.read_new_job(p_job jsonb, p_ordinal integer, p_id text)
returns jobstream.new_job
language sql
stable
as $$
    select row(
        p_id, p_ordinal, r.kind, coalesce(r.args, '{}'), coalesce(r.queue, 'default'), coalesce(r.priority, 0),
        r.scheduled_at, r.delay, r.deadline, r.idempotency_key, coalesce(r.max_attempts, 3),
        nullif(r.backoff, 'null'), r.timeout_seconds, coalesce(nullif(r.labels, 'null'), '{}'), r.concurrency_key,
        r.await_jobs, coalesce(r.await_for, 'done'), r.unique_for, r.unique_key, coalesce(r.owner, ''),
        r.triggered_by, r.parent_job, r.class, r.mode, r.scope, coalesce(r.trigger, 'demand'), r.pipeline_id,
        r.pipeline_step, r.cron_expr, r.traceparent
    )::jobstream.new_job
    from pg_catalog.jsonb_populate_record(null::jobstream.new_job, p_job) as r
$$;

comment on function jobstream.read_new_job(jsonb, integer, text) is
'One request from JSON, with defaults.';

-- p_own: what the schema's own callers may say besides; who enqueues cannot put a job into somebody's pipeline.
create function jobstream.read_new_jobs(p_jobs jsonb, p_own text[] default '{}')
returns jobstream.new_job[]
language plpgsql
set search_path = ''
as $$
declare
    v_fields constant pg_catalog.text[] := array[
        'kind', 'args', 'queue', 'priority', 'scheduled_at', 'delay', 'deadline', 'idempotency_key', 'max_attempts',
        'backoff', 'timeout_seconds', 'labels', 'concurrency_key', 'await_jobs', 'await_for', 'unique_for',
        'unique_key', 'owner', 'triggered_by', 'parent_job', 'class', 'mode', 'scope', 'traceparent'
    ] || p_own;
    v_bad pg_catalog.record;
    v_time pg_catalog.text := jobstream.id_time(jobstream.clock());
    v_ordinal integer := 0;
    v_message pg_catalog.text;
begin
    if jsonb_typeof(p_jobs) is distinct from 'array' then
        perform jobstream.refuse('JS400', 'jobs must be an array of objects');
    end if;
    for v_bad in
        select
            e.ordinal,
            case
                when jsonb_typeof(e.job) = 'object'
                then (select min(k) from jsonb_object_keys(e.job) as k where k <> all (v_fields))
            end as field,
            jsonb_typeof(e.job) <> 'object' as is_no_object
        from jsonb_array_elements(p_jobs) with ordinality as e (job, ordinal)
        where jsonb_typeof(e.job) <> 'object' or e.job - v_fields <> '{}'
        limit 1
    loop
        perform jobstream.refuse(
            'JS400',
            case when v_bad.is_no_object then 'each job must be an object' else 'unknown field ' || v_bad.field end,
            jsonb_strip_nulls(jsonb_build_object('ordinal', v_bad.ordinal, 'field', v_bad.field))
        );
    end loop;

    begin
        return array(
            select jobstream.read_new_job(e.job, e.ordinal::integer, v_time || jobstream.id_tail())
            from jsonb_array_elements(p_jobs) with ordinality as e (job, ordinal)
            order by e.ordinal
        );
    exception
        when data_exception then
            null;
    end;
    for v_bad in
        select e.job, e.ordinal from jsonb_array_elements(p_jobs) with ordinality as e (job, ordinal)
    loop
        v_ordinal := v_bad.ordinal;
        perform jobstream.read_new_job(v_bad.job, v_ordinal, '');
    end loop;
    return null;
exception
    when data_exception then
        get stacked diagnostics v_message = message_text;
        perform jobstream.refuse('JS400', v_message, jsonb_build_object('ordinal', v_ordinal));
end
$$;

comment on function jobstream.read_new_jobs(jsonb, text[]) is
'Requests from a JSON array of objects with the names of enqueue''s parameters.';

create function jobstream.enqueue_many(jobs jsonb)
returns table (ordinal integer, id text, status text, idempotent boolean)
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
as $$
declare
    v_jobs jobstream.new_job[] := jobstream.read_new_jobs(enqueue_many.jobs);
begin
    perform jobstream.act_as('enqueue');
    if exists (select from unnest(v_jobs) as n where n.idempotency_key is not null or n.unique_key is not null) then
        return query select i.ordinal, i.id, i.status, i.idempotent from jobstream.insert_jobs_in_time(v_jobs) as i;
    else
        return query select i.ordinal, i.id, i.status, i.idempotent from jobstream.insert_jobs(v_jobs) as i;
    end if;
end
$$;

comment on function jobstream.enqueue_many(jsonb) is
'Enqueues an array of objects with the names of enqueue''s parameters: all or none. Answers in order.';

create function jobstream.enqueue(
    kind text,
    args jsonb default '{}',
    queue text default 'default',
    priority integer default 0,
    scheduled_at timestamptz default null,
    delay interval default null,
    deadline timestamptz default null,
    idempotency_key text default null,
    max_attempts integer default 3,
    backoff jsonb default null,
    timeout_seconds integer default null,
    labels jsonb default null,
    concurrency_key text default null,
    await_jobs text[] default null,
    await_for text default null,
    unique_for text default null,
    unique_key text default null,
    owner text default '',
    triggered_by text default null,
    parent_job text default null,
    class text default null,
    mode text default null,
    scope text default null
)
returns table (id text, status text, idempotent boolean)
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
as $$
declare
    v_jobs jobstream.new_job[] := array[row(
        jobstream.new_id(), 1, enqueue.kind, coalesce(enqueue.args, '{}'), coalesce(enqueue.queue, 'default'),
        coalesce(enqueue.priority, 0), enqueue.scheduled_at, enqueue.delay, enqueue.deadline,
        enqueue.idempotency_key, coalesce(enqueue.max_attempts, 3), nullif(enqueue.backoff, 'null'),
        enqueue.timeout_seconds, coalesce(nullif(enqueue.labels, 'null'), '{}'), enqueue.concurrency_key,
        enqueue.await_jobs, coalesce(enqueue.await_for, 'done'), enqueue.unique_for, enqueue.unique_key,
        coalesce(enqueue.owner, ''), enqueue.triggered_by, enqueue.parent_job, enqueue.class, enqueue.mode,
        enqueue.scope, 'demand', null, null, null, null
    )::jobstream.new_job];
begin
    perform jobstream.act_as('enqueue');
    if enqueue.idempotency_key is not null or enqueue.unique_key is not null then
        return query select i.id, i.status, i.idempotent from jobstream.insert_jobs_in_time(v_jobs) as i;
    else
        return query select i.id, i.status, i.idempotent from jobstream.insert_jobs(v_jobs) as i;
    end if;
end
$$;

comment on function jobstream.enqueue(
    text, jsonb, text, integer, timestamptz, interval, timestamptz, text, integer, jsonb, integer, jsonb, text,
    text[], text, text, text, text, text, text, text, text, text
) is 'Enqueues one job. select * from jobstream.enqueue(''thumbnail'', ''{"path": "a.png"}'', queue => ''images'');';
