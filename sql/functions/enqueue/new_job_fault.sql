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
