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
