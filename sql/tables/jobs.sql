-- The one table an operator needs. A change of status is never HOT (status stands in index predicates), so every index
-- is paid about three times in a job's life: each has a comment naming who needs it. Vacuum does not cut the file short:
-- claims would wait for its lock, and the space is needed again.
create table jobstream.jobs (
    id text collate "C" not null default jobstream.new_id(),
    queue text collate "C" not null default 'default',
    kind text collate "C" not null,
    priority integer not null default 0,
    status text collate "C" not null,
    reason text,
    attempt integer not null default 0,
    failures integer not null default 0,
    crashes integer not null default 0,
    max_attempts integer not null default 3,
    scheduled_at timestamptz,
    deadline timestamptz,
    created_at timestamptz not null default jobstream.clock(),
    started_at timestamptz,
    completed_at timestamptz,
    lease_until timestamptz,
    worker text,
    cancel_requested boolean not null default false,
    owner text collate "C" not null default '',
    idempotency_key text collate "C",
    concurrency_key text collate "C",
    unique_key text collate "C",
    await_jobs text[],
    await_for text not null default 'done',
    timeout_seconds integer,
    backoff jsonb,
    labels jsonb not null default '{}',
    args jsonb not null default '{}',
    progress jsonb,
    result jsonb,
    last_error text,
    errors jsonb not null default '[]',
    trigger text not null default 'demand',
    triggered_by text,
    parent_job text collate "C",
    pipeline_id text collate "C",
    pipeline_step text,
    cron_expr text,
    cost_usd numeric,
    class text,
    mode text,
    scope text,
    hold text,
    cancel_requested_at timestamptz,
    unique_for text,
    fingerprint bytea,
    ended_attempt integer,
    ended_verb text,
    traceparent text,
    error_count integer not null default 0,
    revision bigint not null default 0,
    look_at timestamptz,
    constraint jobs_pkey primary key (id),
    constraint jobs_idempotency_key unique (owner, idempotency_key),
    constraint jobs_status_known check (
        status in ('waiting', 'pending', 'running', 'failed', 'done', 'dlq', 'cancelled')
    ),
    constraint jobs_running_is_leased check (
        (status = 'running') = (lease_until is not null) and (status = 'running') = (worker is not null)
    ),
    constraint jobs_ended_is_dated check (
        (status in ('done', 'dlq', 'cancelled')) = (completed_at is not null)
    ),
    constraint jobs_ended_has_reason check (
        (status in ('dlq', 'cancelled')) = (reason is not null)
        and reason in (
            'attempts', 'not_retryable', 'deadline', 'poison', 'unstorable_result', 'requested', 'upstream'
        )
    ),
    constraint jobs_held_has_hold check (
        (status in ('waiting', 'failed')) = (hold is not null)
        and hold in ('settling', 'upstream', 'time', 'key')
    ),
    constraint jobs_counters_positive check (
        attempt >= 0 and failures >= 0 and crashes >= 0 and max_attempts >= 1
    )
)
with (
    fillfactor = 85,
    toast_tuple_target = 256,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 1,
    vacuum_truncate = off
);

create index jobs_to_claim on jobstream.jobs (queue, priority, id) where status = 'pending';
comment on index jobstream.jobs_to_claim is 'claim(): the next jobs of a queue.';

create index jobs_due on jobstream.jobs (scheduled_at) where hold = 'time';
comment on index jobstream.jobs_due is 'maintain(): jobs whose time has come.';

create index jobs_to_settle on jobstream.jobs (look_at, id) where hold = 'settling';
comment on index jobstream.jobs_to_settle is 'settle_jobs(): jobs whose upstreams and keys were not looked at yet.';

create index jobs_leased on jobstream.jobs (lease_until) where status = 'running';
comment on index jobstream.jobs_leased is 'maintain(): expired leases; counting what runs.';

create index jobs_cancelling on jobstream.jobs (cancel_requested_at)
where status = 'running' and cancel_requested;
comment on index jobstream.jobs_cancelling is 'maintain(): running jobs whose cancel grace may be over.';

create index jobs_deadlines on jobstream.jobs (deadline)
where deadline is not null and status in ('waiting', 'pending', 'failed');
comment on index jobstream.jobs_deadlines is 'maintain(): jobs past their deadline.';

create index jobs_holding_key on jobstream.jobs (queue, concurrency_key, priority, id)
where concurrency_key is not null and status in ('pending', 'running');
comment on index jobstream.jobs_holding_key is 'admit_jobs(): who holds a key.';

create index jobs_wanting_key on jobstream.jobs (queue, concurrency_key, priority, id)
where concurrency_key is not null and hold in ('key', 'settling');
comment on index jobstream.jobs_wanting_key is 'admit_jobs(): who is next. Apart from the holders, who would be counted past all of them.';

create index jobs_by_unique_key on jobstream.jobs (kind, unique_key)
where unique_key is not null and status in ('waiting', 'pending', 'running', 'failed');
comment on index jobstream.jobs_by_unique_key is 'enqueue(unique_for): another job of that kind and key.';

create index jobs_by_status on jobstream.jobs (status, id)
where status in ('waiting', 'failed', 'dlq', 'cancelled');
comment on index jobstream.jobs_by_status is
'Lists by status, newest first; views. Without the statuses of the way from pending to done, which is not to pay for it.';

create index jobs_by_pipeline on jobstream.jobs (pipeline_id, id) where pipeline_id is not null;
comment on index jobstream.jobs_by_pipeline is 'A pipeline''s steps.';

create index jobs_by_parent on jobstream.jobs (parent_job, id) where parent_job is not null;
comment on index jobstream.jobs_by_parent is 'A job''s children.';

alter table jobstream.jobs
    alter column args set storage extended,
    alter column result set storage extended;

comment on table jobstream.jobs is
'One row a job. Plain UPDATEs of status, priority, schedule, labels and args are checked, completed, logged and announced.';
comment on column jobstream.jobs.id is 'ULID, rises with time.';
comment on column jobstream.jobs.queue is 'Which queue it waits in.';
comment on column jobstream.jobs.kind is 'Which handler runs it.';
comment on column jobstream.jobs.priority is 'A smaller number is claimed first.';
comment on column jobstream.jobs.status is 'waiting, pending, running, failed, done, dlq or cancelled.';
comment on column jobstream.jobs.reason is 'Why it is in dlq or cancelled.';
comment on column jobstream.jobs.attempt is 'Counts claims, never goes back: the fence.';
comment on column jobstream.jobs.failures is 'Failed attempts that count against max_attempts.';
comment on column jobstream.jobs.crashes is 'Attempts that ended without a word from their worker.';
comment on column jobstream.jobs.max_attempts is 'Failures after which the job goes to dlq.';
comment on column jobstream.jobs.scheduled_at is 'Not before this time; of a failed job: the next attempt.';
comment on column jobstream.jobs.deadline is 'Past it the job is not claimed and goes to dlq.';
comment on column jobstream.jobs.created_at is 'When it was enqueued.';
comment on column jobstream.jobs.started_at is 'When the latest attempt was claimed.';
comment on column jobstream.jobs.completed_at is 'When it became done, dlq or cancelled.';
comment on column jobstream.jobs.lease_until is 'Until when its worker holds it.';
comment on column jobstream.jobs.worker is 'The worker that holds it.';
comment on column jobstream.jobs.cancel_requested is 'Its worker has been asked to stop.';
comment on column jobstream.jobs.owner is 'The principal whose job it is; never null.';
comment on column jobstream.jobs.idempotency_key is 'Unique per owner, as long as the job lives.';
comment on column jobstream.jobs.concurrency_key is 'At most queues.key_limit jobs of one key run at once.';
comment on column jobstream.jobs.unique_key is 'With unique_for: no second job of that kind and key.';
comment on column jobstream.jobs.await_jobs is 'Ids of the jobs that it waits for.';
comment on column jobstream.jobs.await_for is 'done: they must be done; ended: any end will do.';
comment on column jobstream.jobs.timeout_seconds is 'How long one attempt may take.';
comment on column jobstream.jobs.backoff is '{type, base, max, jitter}; null: exponential, 5 s to 120 s, 0.1.';
comment on column jobstream.jobs.labels is 'Names and values to filter by.';
comment on column jobstream.jobs.args is 'What the handler gets.';
comment on column jobstream.jobs.progress is '{current, total, percent, step, eta_secs} of the running attempt.';
comment on column jobstream.jobs.result is 'What the handler gave back.';
comment on column jobstream.jobs.last_error is 'The latest error, for people.';
comment on column jobstream.jobs.errors is 'The last 20 errors: attempt, at, worker, type, message, traceback.';
comment on column jobstream.jobs.trigger is 'demand, schedule, pipeline or retry.';
comment on column jobstream.jobs.triggered_by is 'Who or what asked for it, in free text.';
comment on column jobstream.jobs.parent_job is 'The job that enqueued it.';
comment on column jobstream.jobs.pipeline_id is 'The pipeline that it is a step of.';
comment on column jobstream.jobs.pipeline_step is 'Its key in that pipeline.';
comment on column jobstream.jobs.cron_expr is 'The schedule''s expression that made it.';
comment on column jobstream.jobs.cost_usd is 'What it cost, as its worker says.';
comment on column jobstream.jobs.class is 'Free text of the user.';
comment on column jobstream.jobs.mode is 'Free text of the user.';
comment on column jobstream.jobs.scope is 'Free text of the user.';
comment on column jobstream.jobs.hold is
'Why it is not pending: settling (not looked at yet), upstream, time, key.';
comment on column jobstream.jobs.cancel_requested_at is 'When its worker was asked to stop.';
comment on column jobstream.jobs.unique_for is 'pending or active: how long unique_key keeps others away.';
comment on column jobstream.jobs.fingerprint is 'SHA-256 of the request, kept beside the idempotency key.';
comment on column jobstream.jobs.ended_attempt is 'The attempt that ended last.';
comment on column jobstream.jobs.ended_verb is 'What ended it: complete, fail, release, rescue, cancel, update.';
comment on column jobstream.jobs.revision is
'Counts changes. Every verb raises it: an UPDATE that does not is plain SQL, and is checked and completed.';
comment on column jobstream.jobs.look_at is
'Of a settling job: not before this time, because what it needs was locked; null: at once.';
comment on column jobstream.jobs.error_count is 'How many errors there were; errors keeps the last 20.';
comment on column jobstream.jobs.traceparent is 'W3C trace context of the request.';
