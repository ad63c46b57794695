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
