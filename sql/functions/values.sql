-- What values may look like: the limits of the contract, in one place for enqueue and for plain UPDATEs.
-- Each function answers what is wrong, in words, or null.

create function jobstream.name_fault(p_name text)
returns text
language sql
immutable
as $$
    select case
        when p_name is null then 'is missing'
        when p_name !~ '^[A-Za-z0-9][A-Za-z0-9_.:-]*$' or pg_catalog.char_length(p_name) > 128
        then 'must be 1 to 128 of A-Z a-z 0-9 _ . : - and begin with a letter or digit'
    end
$$;

comment on function jobstream.name_fault(text) is 'What is wrong with the name of a queue or kind; null: nothing.';

-- Bytes of a JSON value as text without white space, as programs send it: the blanks outside of texts are jsonb's own.
create function jobstream.json_length(p_json jsonb)
returns integer
language sql
immutable
as $$
    select pg_catalog.octet_length(p_json::pg_catalog.text) - pg_catalog.octet_length(outside.line)
        + pg_catalog.octet_length(pg_catalog.replace(outside.line, ' ', ''))
    from (select pg_catalog.regexp_replace(p_json::pg_catalog.text, '"(?:\\.|[^"\\])*"', '', 'g') as line) as outside
$$;

comment on function jobstream.json_length(jsonb) is 'Bytes of a JSON value as text without white space.';

-- pg_column_size is cheap and at most six times smaller than the text (control characters are escaped in text).
create function jobstream.json_fault(p_json jsonb)
returns text
language sql
immutable
as $$
    select case
        when pg_catalog.pg_column_size(p_json) > 170000 and pg_catalog.octet_length(p_json::pg_catalog.text) > 1048576
            and jobstream.json_length(p_json) > 1048576
        then 'is over 1 MiB'
    end
$$;

comment on function jobstream.json_fault(jsonb) is 'What is wrong with the size of args or a result; null: nothing.';

create function jobstream.labels_fault(p_labels jsonb)
returns text
language sql
immutable
as $$
    select case
        when p_labels is null or p_labels = '{}' then null
        when pg_catalog.jsonb_typeof(p_labels) <> 'object' then 'must be an object'
        when (select pg_catalog.count(*) from pg_catalog.jsonb_object_keys(p_labels)) > 32
        then 'more than 32 labels'
        when exists (
            select from pg_catalog.jsonb_each(p_labels) as l
            where pg_catalog.jsonb_typeof(l.value) <> 'string'
                or pg_catalog.char_length(l.value #>> '{}') > 128
                or pg_catalog.char_length(l.key) not between 1 and 128
                or l.key ~ ':'
        )
        then 'names (without a colon) and values must be texts of at most 128 characters'
    end
$$;

comment on function jobstream.labels_fault(jsonb) is 'What is wrong with labels; null: nothing.';

create function jobstream.backoff_fault(p_backoff jsonb)
returns text
language sql
immutable
as $$
    select case
        when p_backoff is null then null
        when pg_catalog.jsonb_typeof(p_backoff) <> 'object' then 'must be an object'
        when exists (
            select from pg_catalog.jsonb_each(p_backoff) as b
            where case
                when b.key = 'type' then b.value not in ('"exponential"', '"linear"', '"fixed"')
                when b.key not in ('base', 'max', 'jitter') then true
                when pg_catalog.jsonb_typeof(b.value) <> 'number' then true
                when b.key = 'jitter' then not (b.value #>> '{}')::numeric between 0 and 1
                else not (b.value #>> '{}')::numeric between 0 and 31536000
            end
        )
        then 'takes type (exponential, linear, fixed), base and max (seconds, at most a year), jitter (0 to 1)'
    end
$$;

comment on function jobstream.backoff_fault(jsonb) is 'What is wrong with a backoff; null: nothing.';

-- A backoff with its defaults filled in.
create function jobstream.whole_backoff(p_backoff jsonb)
returns jsonb
language sql
immutable
as $$
    select '{"type": "exponential", "base": 5, "max": 120, "jitter": 0.1}'::pg_catalog.jsonb || coalesce(p_backoff, '{}')
$$;

comment on function jobstream.whole_backoff(jsonb) is 'A backoff with its defaults filled in.';

-- Years from 1 to 9999: what other languages can read.
create function jobstream.time_fault(p_at timestamptz)
returns text
language sql
immutable
as $$
    select case
        when p_at < '0001-01-02 00:00:00+00' or p_at >= '9999-12-31 00:00:00+00'
        then 'must be a time of the years 1 to 9999'
    end
$$;

comment on function jobstream.time_fault(timestamptz) is 'What is wrong with a time; null: nothing.';

-- The values of a row that plain SQL wrote: what enqueue would refuse, and what workers and programs could not read.
create function jobstream.check_values(p_job jobstream.jobs)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_fault pg_catalog.text := coalesce(
        array_to_string(jobstream.new_job_fault(row(
            p_job.id, 1, p_job.kind, p_job.args, p_job.queue, p_job.priority, p_job.scheduled_at, null, p_job.deadline,
            p_job.idempotency_key, p_job.max_attempts, p_job.backoff, p_job.timeout_seconds, p_job.labels,
            p_job.concurrency_key, p_job.await_jobs, p_job.await_for,
            case when p_job.unique_key is not null then coalesce(p_job.unique_for, 'active') end, p_job.unique_key,
            p_job.owner, p_job.triggered_by, p_job.parent_job, p_job.class, p_job.mode, p_job.scope, p_job.trigger,
            p_job.pipeline_id, p_job.pipeline_step, p_job.cron_expr, p_job.traceparent
        )::jobstream.new_job), ' '),
        'result ' || jobstream.json_fault(p_job.result),
        'started_at ' || jobstream.time_fault(p_job.started_at),
        'completed_at ' || jobstream.time_fault(p_job.completed_at),
        'lease_until ' || jobstream.time_fault(p_job.lease_until),
        case when jsonb_typeof(p_job.errors) <> 'array' then 'errors must be an array' end,
        case when jsonb_typeof(p_job.progress) <> 'object' then 'progress must be an object' end,
        case when not p_job.cost_usd between 0 and 1e18 then 'cost_usd must be a number from 0 to 1e18' end,
        case
            when p_job.trigger not in ('demand', 'schedule', 'pipeline', 'retry')
            then 'trigger must be demand, schedule, pipeline or retry'
        end
    );
begin
    if v_fault is not null then
        perform jobstream.refuse('JS400', v_fault);
    end if;
end
$$;

comment on function jobstream.check_values(jobstream.jobs) is
'Refuses (JS400) values that enqueue would refuse.';
