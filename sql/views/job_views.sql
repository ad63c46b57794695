create view jobstream.running_jobs
with (security_invoker = true) as
select
    j.id,
    j.queue,
    j.kind,
    j.worker,
    j.attempt,
    j.started_at,
    jobstream.clock() - j.started_at as running_for,
    j.lease_until,
    j.cancel_requested,
    j.progress ->> 'percent' as percent,
    j.progress ->> 'step' as step
from jobstream.jobs as j
where j.status = 'running'
order by j.started_at;

comment on view jobstream.running_jobs is 'What runs now, oldest first.';
comment on column jobstream.running_jobs.id is 'The job.';
comment on column jobstream.running_jobs.queue is 'Its queue.';
comment on column jobstream.running_jobs.kind is 'Its kind.';
comment on column jobstream.running_jobs.worker is 'Who holds it.';
comment on column jobstream.running_jobs.attempt is 'The attempt.';
comment on column jobstream.running_jobs.started_at is 'When it was claimed.';
comment on column jobstream.running_jobs.running_for is 'How long it has been running.';
comment on column jobstream.running_jobs.lease_until is 'Until when the lease counts.';
comment on column jobstream.running_jobs.cancel_requested is 'Whether it was asked to stop.';
comment on column jobstream.running_jobs.percent is 'How far it is.';
comment on column jobstream.running_jobs.step is 'What it does.';

create view jobstream.stuck_jobs
with (security_invoker = true) as
select
    j.id,
    j.queue,
    j.kind,
    j.status,
    case
        when j.status = 'running' and j.lease_until < jobstream.clock() then 'its lease has expired'
        when j.status = 'running' and j.cancel_requested then 'asked to stop and still running'
        when j.status = 'running' then 'running longer than its timeout'
        when j.deadline < jobstream.clock() then 'past its deadline'
        when j.hold = 'settling' then 'held and not looked at'
        when j.status = 'pending' then 'pending for over 5 minutes'
        else 'due and not promoted: does anybody call maintain()?'
    end as why,
    coalesce(j.lease_until, j.scheduled_at, j.created_at) as since
from jobstream.jobs as j
where (j.status = 'running' and j.lease_until < jobstream.clock() - interval '5 s')
    or (
        j.status = 'running' and j.cancel_requested
        and j.cancel_requested_at < jobstream.clock() - interval '15 s'
    )
    or (
        j.status = 'running'
        and j.started_at + pg_catalog.make_interval(secs => j.timeout_seconds) < jobstream.clock() - interval '15 s'
    )
    or (j.status in ('waiting', 'pending', 'failed') and j.deadline < jobstream.clock() - interval '10 s')
    or (j.hold = 'settling' and j.created_at < jobstream.clock() - interval '10 s')
    or (j.hold = 'time' and j.scheduled_at < jobstream.clock() - interval '10 s')
    or (
        j.status = 'pending'
        and coalesce(j.scheduled_at, j.created_at) < jobstream.clock() - interval '5 minutes'
    )
order by since;

comment on view jobstream.stuck_jobs is 'Jobs that should have moved on, and why they are thought so.';
comment on column jobstream.stuck_jobs.id is 'The job; see jobstream.explain_job(id).';
comment on column jobstream.stuck_jobs.queue is 'Its queue.';
comment on column jobstream.stuck_jobs.kind is 'Its kind.';
comment on column jobstream.stuck_jobs.status is 'Its status.';
comment on column jobstream.stuck_jobs.why is 'What is wrong.';
comment on column jobstream.stuck_jobs.since is 'Since about when.';

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

create view jobstream.job_timeline
with (security_invoker = true) as
select
    e.job_id,
    e.id,
    e.at,
    e.at - lag(e.at) over (partition by e.job_id order by e.id) as after, -- noqa: RF04
    e.type,
    e.status,
    e.attempt,
    e.by,
    e.data
from jobstream.job_events as e
where e.job_id is not null;

comment on view jobstream.job_timeline is 'What happened to a job: select * from jobstream.job_timeline where job_id = ''...'' order by id.';
comment on column jobstream.job_timeline.job_id is 'The job.';
comment on column jobstream.job_timeline.id is 'The event.';
comment on column jobstream.job_timeline.at is 'When.';
comment on column jobstream.job_timeline.after is 'How long after the event before.';
comment on column jobstream.job_timeline.type is 'What kind of event.';
comment on column jobstream.job_timeline.status is 'The status after it.';
comment on column jobstream.job_timeline.attempt is 'The attempt.';
comment on column jobstream.job_timeline.by is 'Who did it, where it was not the worker.';
comment on column jobstream.job_timeline.data is 'The particulars.';
