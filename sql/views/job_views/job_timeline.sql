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
