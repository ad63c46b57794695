-- The fence. A worker's verb counts only where its job is running with the attempt that it names. The same verb again
-- with the attempt that it ended changes nothing and succeeds: a lost acknowledgement can be repeated.

-- The job, locked, if the attempt is running. Null: this verb ended this attempt before. JS404, JS410 otherwise.
create function jobstream.lock_attempt(p_id text, p_attempt integer, p_verb text)
returns jobstream.jobs
language plpgsql
set search_path = ''
as $$
declare
    v_job jobstream.jobs;
begin
    select j.* into v_job from jobstream.jobs as j where j.id = p_id for update;
    if not found then
        perform jobstream.refuse('JS404', 'no such job: ' || coalesce(p_id, 'null'));
    elsif v_job.status = 'running' and v_job.attempt = p_attempt then
        return v_job;
    elsif v_job.ended_attempt = p_attempt and v_job.ended_verb = p_verb then
        return null;
    end if;
    perform jobstream.refuse(
        'JS410', 'lease lost: attempt ' || coalesce(p_attempt::pg_catalog.text, 'null') || ' of job ' || p_id
        || ' no longer runs (it is ' || v_job.status || ', attempt ' || v_job.attempt || ')'
    );
end
$$;

comment on function jobstream.lock_attempt(text, integer, text) is
'Locks a job for its worker''s verb; null where the verb is a repetition; JS404, JS410.';

-- Rows of a verb for many, in the order that all verbs keep: ascending id.
create function jobstream.lock_jobs(p_ids text[])
returns void
language plpgsql
set search_path = ''
as $$
begin
    perform from (select distinct i.id from unnest(p_ids) as i (id) order by i.id offset 0) as ordered
    cross join lateral (select from jobstream.jobs as j where j.id = ordered.id for update) as locked;
end
$$;

comment on function jobstream.lock_jobs(text[]) is 'Locks jobs in ascending id.';

-- Seconds until the attempt after this failure: min(max, base * 2^(failures - 1)) and its kin, give or take the jitter.
create function jobstream.backoff_delay(p_backoff jsonb, p_failures integer)
returns interval
language sql
volatile
as $$
    select pg_catalog.make_interval(secs => (
        least(
            b.longest,
            case b.type
                when 'fixed' then b.base
                when 'linear' then b.base * p_failures
                else b.base * pg_catalog.power(2::double precision, least(p_failures - 1, 60))
            end
        ) * (1 + b.jitter * (2 * pg_catalog.random() - 1))
    ))
    from (
        select
            w.whole ->> 'type' as type,
            (w.whole ->> 'base')::double precision as base,
            (w.whole ->> 'max')::double precision as longest,
            (w.whole ->> 'jitter')::double precision as jitter
        from (select jobstream.whole_backoff(p_backoff) as whole) as w
    ) as b
$$;

comment on function jobstream.backoff_delay(jsonb, integer) is
'How long to wait after that many failures.';

-- One error as it is kept: {attempt, at, worker, type, message, traceback}, bounded.
create function jobstream.error_entry(p_job jobstream.jobs, p_error jsonb)
returns jsonb
language sql
volatile
as $$
    select pg_catalog.jsonb_build_object(
        'attempt', p_job.attempt,
        'at', jobstream.clock(),
        'started_at', p_job.started_at,
        'worker', p_job.worker,
        'type', pg_catalog.left(p_error ->> 'type', 256),
        'message', pg_catalog.left(
            case pg_catalog.jsonb_typeof(p_error)
                when 'object' then coalesce(p_error ->> 'message', p_error ->> 'type', 'error')
                when 'string' then p_error #>> '{}'
                else coalesce(p_error::pg_catalog.text, 'error')
            end, 4000
        ),
        'traceback', pg_catalog.right(p_error ->> 'traceback', 16000)
    )
$$;

comment on function jobstream.error_entry(jobstream.jobs, jsonb) is 'One entry of jobs.errors.';

create function jobstream.error_text(p_entry jsonb)
returns text
language sql
immutable
as $$
    select pg_catalog.concat_ws(': ', p_entry ->> 'type', p_entry ->> 'message')
$$;

comment on function jobstream.error_text(jsonb) is 'An entry of jobs.errors as one text.';

-- The last 20 errors.
create function jobstream.add_error(p_errors jsonb, p_entry jsonb)
returns jsonb
language sql
immutable
as $$
    select case
        when pg_catalog.jsonb_array_length(p_errors) >= 20 then (p_errors - 0) || p_entry
        else p_errors || p_entry
    end
$$;

comment on function jobstream.add_error(jsonb, jsonb) is 'Appends to jobs.errors, keeping the last 20.';
