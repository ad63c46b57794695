-- The next due time is stored; whoever holds the maintenance lock and knows cron (the Python side) enqueues and moves it
-- on in one transaction. What makes each due time exactly one job is schedule_runs' primary key, not the lock.
create table jobstream.schedules (
    name text collate "C" primary key,
    cron text not null,
    timezone text not null default 'UTC',
    spec jsonb not null,
    owner text collate "C" not null default '',
    paused boolean not null default false,
    catch_up text not null default 'last',
    next_at timestamptz,
    last_at timestamptz,
    last_job text,
    last_error text,
    created_at timestamptz not null default jobstream.clock(),
    updated_at timestamptz not null default jobstream.clock(),
    declared_at timestamptz,
    constraint schedules_name_form check (name ~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$'),
    constraint schedules_catch_up_known check (catch_up in ('skip', 'last', 'all'))
);

comment on table jobstream.schedules is 'Jobs by cron expression: each due time makes exactly one job.';
comment on column jobstream.schedules.name is 'The schedule''s name.';
comment on column jobstream.schedules.cron is 'Five fields: minute, hour, day, month, weekday.';
comment on column jobstream.schedules.timezone is 'IANA name of the zone that the expression is read in.';
comment on column jobstream.schedules.spec is 'What to enqueue: an object as for enqueue_many.';
comment on column jobstream.schedules.owner is 'The owner of its jobs.';
comment on column jobstream.schedules.paused is 'A paused schedule makes no jobs.';
comment on column jobstream.schedules.catch_up is 'Due times missed: skip them, run the last, run all.';
comment on column jobstream.schedules.next_at is 'The next due time; null: not computed yet.';
comment on column jobstream.schedules.last_at is 'The last due time that made a job.';
comment on column jobstream.schedules.last_job is 'That job.';
comment on column jobstream.schedules.last_error is 'Why the last due time made none.';
comment on column jobstream.schedules.created_at is 'When it was made.';
comment on column jobstream.schedules.updated_at is 'When it was last changed.';
comment on column jobstream.schedules.declared_at is
'When a running worker last had it in its code; null: it was made by hand.';

create table jobstream.schedule_runs (
    schedule text collate "C" not null,
    due_at timestamptz not null,
    job_id text collate "C" not null,
    constraint schedule_runs_pkey primary key (schedule, due_at)
);

comment on table jobstream.schedule_runs is 'The due times that have made their job: one row each.';
comment on column jobstream.schedule_runs.schedule is 'The schedule''s name.';
comment on column jobstream.schedule_runs.due_at is 'The due time.';
comment on column jobstream.schedule_runs.job_id is 'The job that it made.';
