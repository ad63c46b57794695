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
