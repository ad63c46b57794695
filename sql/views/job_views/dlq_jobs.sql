create view jobstream.dlq_jobs
with (security_invoker = true) as
select
    j.id,
    j.queue,
    j.kind,
    j.reason,
    j.last_error,
    j.attempt,
    j.failures,
    j.crashes,
    j.completed_at,
    j.owner,
    j.args
from jobstream.jobs as j
where j.status = 'dlq'
order by j.id desc;

comment on view jobstream.dlq_jobs is 'Dead letters, newest first. Bring them back: jobstream.retry(id), jobstream.retry_dlq(queue, kind, max).';

comment on column jobstream.dlq_jobs.id is 'The job.';

comment on column jobstream.dlq_jobs.queue is 'Its queue.';

comment on column jobstream.dlq_jobs.kind is 'Its kind.';

comment on column jobstream.dlq_jobs.reason is 'attempts, not_retryable, deadline, poison or unstorable_result.';

comment on column jobstream.dlq_jobs.last_error is 'The latest error.';

comment on column jobstream.dlq_jobs.attempt is 'Attempts made.';

comment on column jobstream.dlq_jobs.failures is 'Those that failed.';

comment on column jobstream.dlq_jobs.crashes is 'Those whose worker was lost.';

comment on column jobstream.dlq_jobs.completed_at is 'When it was set aside.';

comment on column jobstream.dlq_jobs.owner is 'Whose it is.';

comment on column jobstream.dlq_jobs.args is 'What the handler got.';
