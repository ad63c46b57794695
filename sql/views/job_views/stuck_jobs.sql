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
