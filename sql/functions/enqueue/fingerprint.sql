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
