-- schema.sql
create schema if not exists jobstream;

comment on schema jobstream is
'Job queue with live, resumable event streams. Start with: select * from jobstream.status;';

-- tables/schema_version.sql
-- Alembic makes this table itself when it is missing, with the same columns; hence "if not exists" and its names.
create table if not exists jobstream.schema_version (
    version_num varchar(32) not null,
    constraint schema_version_pkc primary key (version_num)
);

comment on table jobstream.schema_version is
'The version of this schema, one row, written by jobstream migrate.';
comment on column jobstream.schema_version.version_num is 'The newest revision that was run.';

-- functions/clock.sql
-- The one clock of the product: the database's. Tests replace this function, nothing else reads the time.
create function jobstream.clock()
returns timestamptz
language sql
volatile
as $$
    select pg_catalog.clock_timestamp()
$$;

comment on function jobstream.clock() is
'The only clock: every time in this schema comes from here.';

-- functions/new_id/id_sequence.sql
-- Ids are ULIDs: 10 characters of milliseconds, 10 of a sequence, 6 random. The sequence makes ids rise within a
-- statement and a millisecond; the random part keeps ids of several databases apart. Sequence and random part are
-- hexadecimal, a subset of Crockford's alphabet, which PostgreSQL prints at a tenth of the cost of base32. Time and tail
-- are apart so that a bulk statement computes the time once; both are single expressions, so that they are inlined.
create sequence jobstream.id_sequence as bigint cache 32;

comment on sequence jobstream.id_sequence is
'Middle part of every id made by jobstream.new_id().';

-- functions/new_id/base32_digit.sql
create function jobstream.base32_digit(p_value bigint, p_place integer)
returns text
language sql
immutable
as $$
    select pg_catalog.substr(
        '0123456789ABCDEFGHJKMNPQRSTVWXYZ', ((p_value >> (5 * p_place)) & 31)::integer + 1, 1
    )
$$;

comment on function jobstream.base32_digit(bigint, integer) is
'One digit of a number in Crockford''s base32; place 0 is the last.';

-- functions/new_id/id_time.sql
create function jobstream.id_time(p_at timestamptz)
returns text
language sql
stable
set search_path = ''
as $$
    select string_agg(jobstream.base32_digit(floor(extract(epoch from p_at) * 1000)::bigint, place), '' order by place desc)
    from generate_series(0, 9) as place
$$;

comment on function jobstream.id_time(timestamptz) is
'First ten characters of an id made at that time: the lower bound of a range of ids.';

-- functions/new_id/id_tail.sql
create function jobstream.id_tail()
returns text
language sql
volatile
as $$
    select pg_catalog.upper(
        pg_catalog.lpad(
            pg_catalog.to_hex(pg_catalog.nextval('jobstream.id_sequence'::pg_catalog.regclass) & 1099511627775), 10, '0'
        )
        || pg_catalog.lpad(pg_catalog.to_hex((pg_catalog.random() * 16777215)::integer), 6, '0')
    )
$$;

comment on function jobstream.id_tail() is
'Last sixteen characters of a new id: sequence and random.';

-- functions/new_id/new_id.sql
create function jobstream.new_id()
returns text
language sql
volatile
as $$
    select jobstream.id_time(jobstream.clock()) || jobstream.id_tail()
$$;

comment on function jobstream.new_id() is
'A new ULID: 26 upper-case characters that rise with time. Ids are made here and nowhere else.';

-- functions/new_id/is_id.sql
create function jobstream.is_id(p_text text)
returns boolean
language sql
immutable
as $$
    select coalesce(p_text ~ '^[0-7][0-9A-HJKMNP-TV-Z]{25}$', false)
$$;

comment on function jobstream.is_id(text) is
'Whether a text has the form of an id.';

-- functions/refuse.sql
-- Raises one of our own errors. Returns text so that an expression can end in a refusal.
-- Codes: JS400 bad argument, JS404 no such job, JS409 not in this state, JS410 lease lost, JS422 key used with another
-- body, JS423 key busy.
create function jobstream.refuse(p_code text, p_message text, p_detail jsonb default null)
returns text
language plpgsql
volatile
set search_path = ''
as $$
begin
    raise exception using
        errcode = p_code,
        message = p_message,
        detail = coalesce(p_detail::pg_catalog.text, '');
end
$$;

comment on function jobstream.refuse(text, text, jsonb) is
'Raises an error with one of the codes JS400 to JS423; detail is JSON for programs.';

-- tables/settings.sql
create table jobstream.settings (
    name text primary key,
    value text not null
);

comment on table jobstream.settings is
'What one database keeps for all processes: secret_key, epoch, epoch_entered, event_retention_days.';
comment on column jobstream.settings.name is 'Name of the setting.';
comment on column jobstream.settings.value is 'Its value, as text.';

insert into jobstream.settings (name, value)
values
    ('event_retention_days', '14'),
    ('house_kept_at', '0'),
    ('pruned_to', ''),
    ('epoch', pg_catalog.substr(pg_catalog.replace(pg_catalog.gen_random_uuid()::text, '-', ''), 1, 8));

-- tables/queues.sql
-- A row here is optional: a queue without one has the defaults. Claims lock the row only where max_running or a rate
-- is set. Enqueue never touches this table, so that an open transaction of a producer holds nobody up.
create table jobstream.queues (
    name text collate "C" primary key,
    paused boolean not null default false,
    paused_by text,
    paused_at timestamptz,
    max_running integer,
    key_limit integer not null default 1,
    rate_count integer,
    rate_seconds integer,
    rate_tokens double precision,
    rate_filled_at timestamptz,
    retention_days integer not null default 7,
    created_at timestamptz not null default jobstream.clock(),
    constraint queues_name_form check (name ~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$'),
    constraint queues_limits_positive check (max_running >= 0 and key_limit >= 1 and retention_days between 0 and 36500),
    constraint queues_rate_whole check (
        (rate_count is null) = (rate_seconds is null) and rate_count >= 1 and rate_seconds >= 1
    )
)
with (fillfactor = 50);

comment on table jobstream.queues is
'Settings of queues: pause, limits, rate, retention. A queue without a row has the defaults.';
comment on column jobstream.queues.name is 'The queue''s name.';
comment on column jobstream.queues.paused is 'A paused queue accepts jobs and hands none out.';
comment on column jobstream.queues.paused_by is 'Who paused it.';
comment on column jobstream.queues.paused_at is 'Since when it is paused.';
comment on column jobstream.queues.max_running is 'Most jobs running at once over all workers; null: no limit.';
comment on column jobstream.queues.key_limit is 'Most jobs running at once for one concurrency key.';
comment on column jobstream.queues.rate_count is 'Claims allowed in rate_seconds; null: no limit.';
comment on column jobstream.queues.rate_seconds is 'The period of rate_count, in seconds.';
comment on column jobstream.queues.rate_tokens is 'Tokens in the bucket at rate_filled_at; null: full.';
comment on column jobstream.queues.rate_filled_at is 'When rate_tokens was computed.';
comment on column jobstream.queues.retention_days is 'Days that terminal jobs are kept.';
comment on column jobstream.queues.created_at is 'When the row was made.';

-- tables/jobs.sql
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

-- tables/job_labels.sql
-- What lists filter by, besides status, one narrow row each, written once at enqueue: an index on jobs would be paid
-- again at every change of status. Labels stand under their names; kind, queue and a named owner under :kind, :queue and
-- :owner, which no label can be called.
create table jobstream.job_labels (
    name text collate "C" not null,
    value text collate "C" not null,
    job_id text collate "C" not null,
    constraint job_labels_pkey primary key (name, value, job_id)
);

comment on table jobstream.job_labels is 'What lists of jobs filter by: labels, :kind, :queue, :owner.';
comment on column jobstream.job_labels.name is 'The label''s name, or :kind, :queue, :owner.';
comment on column jobstream.job_labels.value is 'Its value.';
comment on column jobstream.job_labels.job_id is 'The job that bears it.';

-- tables/job_awaits.sql
-- One row for each upstream that a waiting job still waits for. Rows go away as upstreams end, so the table stays small
-- and is empty where nobody awaits: then completion looks no further.
create table jobstream.job_awaits (
    job_id text collate "C" not null,
    upstream_id text collate "C" not null,
    constraint job_awaits_pkey primary key (job_id, upstream_id)
);

comment on table jobstream.job_awaits is 'Who waits for whom, as long as it waits.';
comment on column jobstream.job_awaits.job_id is 'The job that waits.';
comment on column jobstream.job_awaits.upstream_id is 'The job that has not ended yet.';

create index job_awaits_by_upstream on jobstream.job_awaits (upstream_id, job_id);
comment on index jobstream.job_awaits_by_upstream is 'Who waits for a job that has just ended.';

-- Where all who wait wait for one job, the planner would take every upstream for such a one, and go through all of the
-- table for each job that ends.
alter table jobstream.job_awaits alter column upstream_id set (n_distinct = -0.5);

-- tables/job_events.sql
-- Append-only, partitioned by UTC day. id comes from a plain sequence with cache 1: a cached block would break the order
-- of one job's events. xid is what exact cursors are made of: what is visible now and was not in an earlier snapshot.
create sequence jobstream.job_events_id as bigint cache 1;

comment on sequence jobstream.job_events_id is 'Ids of events. Gaps are normal.';

create table jobstream.job_events (
    id bigint not null default pg_catalog.nextval('jobstream.job_events_id'::regclass),
    xid xid8 not null default pg_catalog.pg_current_xact_id(),
    at timestamptz not null default jobstream.clock(),
    job_id text collate "C",
    type text collate "C" not null,
    status text collate "C",
    attempt integer,
    queue text collate "C",
    kind text collate "C",
    owner text collate "C" not null,
    pipeline_id text collate "C",
    labels jsonb not null default '{}',
    by text, -- noqa: RF04
    data jsonb not null default '{}'
)
partition by range (at);

create index job_events_by_id on jobstream.job_events (id);
comment on index jobstream.job_events_by_id is 'Plain ids as cursors; the newest event.';

create index job_events_by_xid on jobstream.job_events (xid, id);
comment on index jobstream.job_events_by_xid is 'Streams: what became visible since a snapshot.';

create index job_events_by_job on jobstream.job_events (job_id, id);
comment on index jobstream.job_events_by_job is 'One job''s stream and timeline.';

comment on table jobstream.job_events is 'Everything that happened to jobs, written by triggers alone.';
comment on column jobstream.job_events.id is 'Rises with the order of one job''s events; not the order of commits.';
comment on column jobstream.job_events.xid is 'The transaction that wrote it.';
comment on column jobstream.job_events.at is 'When.';
comment on column jobstream.job_events.job_id is 'Whose event; null for an event of a pipeline.';
comment on column jobstream.job_events.type is 'status, progress, log, updated, deleted, pipeline, or the user''s own.';
comment on column jobstream.job_events.status is 'The job''s status after the event.';
comment on column jobstream.job_events.attempt is 'The job''s attempt.';
comment on column jobstream.job_events.queue is 'The job''s queue.';
comment on column jobstream.job_events.kind is 'The job''s kind.';
comment on column jobstream.job_events.owner is 'The job''s owner at that time.';
comment on column jobstream.job_events.pipeline_id is 'The job''s pipeline.';
comment on column jobstream.job_events.labels is 'The job''s labels at that time.';
comment on column jobstream.job_events.by is 'Who did it, where it was not the job''s worker.';
comment on column jobstream.job_events.data is 'What is particular to the type.';

create table jobstream.job_events_rest partition of jobstream.job_events default;
comment on table jobstream.job_events_rest is 'A net for events of days without a partition; normally empty.';

create table jobstream.event_horizon (
    only_row boolean primary key default true,
    max_xid xid8 not null default '0',
    max_id bigint not null default 0,
    constraint event_horizon_one_row check (only_row)
);

comment on table jobstream.event_horizon is 'How far events were pruned: a cursor behind it gets a reset.';
comment on column jobstream.event_horizon.only_row is 'There is one row.';
comment on column jobstream.event_horizon.max_xid is 'Largest xid among the pruned events.';
comment on column jobstream.event_horizon.max_id is 'Largest id among the pruned events.';

insert into jobstream.event_horizon default values;

create table jobstream.stream_snapshots (
    name text collate "C" primary key,
    snapshot text not null,
    created_at timestamptz not null default jobstream.clock()
);

comment on table jobstream.stream_snapshots is 'Snapshots too long for a cursor''s token; the token names them.';
comment on column jobstream.stream_snapshots.name is 'The name in the token.';
comment on column jobstream.stream_snapshots.snapshot is 'Its compact code, whose hash is the name.';
comment on column jobstream.stream_snapshots.created_at is 'Kept as long as events.';

create index stream_snapshots_by_age on jobstream.stream_snapshots (created_at);
comment on index jobstream.stream_snapshots_by_age is 'Retention.';

-- tables/workers.sql
create sequence jobstream.worker_numbers as integer minvalue 1000 start 1000 cycle;

comment on sequence jobstream.worker_numbers is 'Second key of the advisory lock that a worker holds.';

create table jobstream.workers (
    id text collate "C" primary key,
    number integer not null default pg_catalog.nextval('jobstream.worker_numbers'::regclass),
    host text not null,
    pid integer not null,
    version text,
    queues text[] not null default '{}',
    kinds text[] not null default '{}',
    concurrency integer not null default 1,
    running integer not null default 0,
    cpu_percent real,
    memory_bytes bigint,
    started_at timestamptz not null default jobstream.clock(),
    seen_at timestamptz not null default jobstream.clock(),
    backend_pid integer,
    locked_at timestamptz,
    lock_lost_at timestamptz
)
with (fillfactor = 50);

comment on table jobstream.workers is 'Workers that said hello. A worker in SQL or over HTTP needs no row.';
comment on column jobstream.workers.id is 'The name that it claims with.';
comment on column jobstream.workers.number is 'Its advisory lock is (1785688947, number).';
comment on column jobstream.workers.host is 'Host name.';
comment on column jobstream.workers.pid is 'Process id on that host.';
comment on column jobstream.workers.version is 'Version of its jobstream.';
comment on column jobstream.workers.queues is 'Queues that it listens to, in its order.';
comment on column jobstream.workers.kinds is 'Kinds that it has a handler for.';
comment on column jobstream.workers.concurrency is 'Most jobs that it runs at once.';
comment on column jobstream.workers.running is 'Jobs that it ran when last seen.';
comment on column jobstream.workers.cpu_percent is 'Its processor use when last seen.';
comment on column jobstream.workers.memory_bytes is 'Its resident memory when last seen.';
comment on column jobstream.workers.started_at is 'When it registered.';
comment on column jobstream.workers.seen_at is 'When it was last heard of.';
comment on column jobstream.workers.backend_pid is 'The backend that holds its advisory lock; null: only leases count.';
comment on column jobstream.workers.locked_at is 'When that lock was taken.';
comment on column jobstream.workers.lock_lost_at is 'When the lock was first found gone.';

-- tables/tokens.sql
create table jobstream.tokens (
    id text collate "C" primary key default jobstream.new_id(),
    principal text not null,
    scopes text[] not null,
    queues text[],
    created_at timestamptz not null default jobstream.clock(),
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    hash bytea not null,
    constraint tokens_principal_named check (principal <> ''),
    constraint tokens_scopes_known check (
        scopes <@ array['read', 'write', 'work', 'operate', 'admin'] and pg_catalog.cardinality(scopes) > 0
    )
);

comment on table jobstream.tokens is 'Credentials of the HTTP surface; only hashes are kept.';
comment on column jobstream.tokens.id is 'ULID; part of the token''s text.';
comment on column jobstream.tokens.principal is 'Who bears it: the owner of what it creates.';
comment on column jobstream.tokens.scopes is 'read, write, work, operate, admin.';
comment on column jobstream.tokens.queues is 'With work: only these queues; null: all.';
comment on column jobstream.tokens.created_at is 'When it was made.';
comment on column jobstream.tokens.expires_at is 'Until when it counts; null: for ever.';
comment on column jobstream.tokens.last_used_at is 'When it was last used, to the minute.';
comment on column jobstream.tokens.revoked_at is 'Since when it counts no more.';
comment on column jobstream.tokens.hash is 'SHA-256 of the whole token.';

-- tables/pipelines.sql
create table jobstream.pipelines (
    id text collate "C" not null default jobstream.new_id(),
    name text not null,
    owner text collate "C" not null default '',
    status text collate "C" not null default 'waiting',
    step integer not null default 0,
    total_steps integer not null,
    current_steps text[] not null default '{}',
    failed_step text,
    idempotency_key text collate "C",
    fingerprint bytea,
    triggered_by text,
    created_at timestamptz not null default jobstream.clock(),
    completed_at timestamptz,
    constraint pipelines_pkey primary key (id),
    constraint pipelines_idempotency_key unique (owner, idempotency_key),
    constraint pipelines_status_known check (status in ('waiting', 'running', 'done', 'failed', 'cancelled'))
);

comment on table jobstream.pipelines is 'Jobs that depend on each other, created at once, followed as one.';
comment on column jobstream.pipelines.id is 'ULID.';
comment on column jobstream.pipelines.name is 'What people call it.';
comment on column jobstream.pipelines.owner is 'The principal whose pipeline it is.';
comment on column jobstream.pipelines.status is 'waiting, running, done, failed or cancelled; kept by triggers.';
comment on column jobstream.pipelines.step is 'Steps done.';
comment on column jobstream.pipelines.total_steps is 'Steps in all.';
comment on column jobstream.pipelines.current_steps is 'Keys of the steps that run or may run now.';
comment on column jobstream.pipelines.failed_step is 'Key of the first step that ended otherwise than done.';
comment on column jobstream.pipelines.idempotency_key is 'Unique per owner; a key space of its own.';
comment on column jobstream.pipelines.fingerprint is 'SHA-256 of the request.';
comment on column jobstream.pipelines.triggered_by is 'Who or what asked for it, in free text.';
comment on column jobstream.pipelines.created_at is 'When it was created.';
comment on column jobstream.pipelines.completed_at is 'When it ended.';

create index pipelines_by_status on jobstream.pipelines (status, id);
comment on index jobstream.pipelines_by_status is 'Lists by status, newest first.';

create index pipelines_by_owner on jobstream.pipelines (owner, id);
comment on index jobstream.pipelines_by_owner is 'Lists of one owner, newest first.';

-- tables/schedules.sql
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

-- tables/bulk_operations.sql
-- A bulk operation works its way down from the newest id that matched; position is where it stands, so that any
-- instance's maintain() goes on where another stopped.
create table jobstream.bulk_operations (
    id text collate "C" primary key default jobstream.new_id(),
    action text not null,
    filter jsonb not null,
    owner text,
    matched bigint not null,
    done bigint not null default 0,
    skipped bigint not null default 0,
    position text collate "C", -- noqa: RF04
    status text not null default 'running',
    by text, -- noqa: RF04
    created_at timestamptz not null default jobstream.clock(),
    completed_at timestamptz,
    constraint bulk_operations_action_known check (action in ('cancel', 'retry', 'delete')),
    constraint bulk_operations_status_known check (status in ('running', 'done'))
);

comment on table jobstream.bulk_operations is 'Cancel, retry or delete of all jobs that match a filter, in batches.';
comment on column jobstream.bulk_operations.id is 'ULID.';
comment on column jobstream.bulk_operations.action is 'cancel, retry or delete.';
comment on column jobstream.bulk_operations.filter is 'The names of GET /jobs: status, kind, queue, owner, label, since, until, q.';
comment on column jobstream.bulk_operations.owner is 'Only this owner''s jobs; null: everybody''s.';
comment on column jobstream.bulk_operations.matched is 'How many matched at the start.';
comment on column jobstream.bulk_operations.done is 'How many were changed.';
comment on column jobstream.bulk_operations.skipped is 'How many were looked at and could not be changed.';
comment on column jobstream.bulk_operations.position is 'Jobs with an id at or above it are through.';
comment on column jobstream.bulk_operations.status is 'running or done.';
comment on column jobstream.bulk_operations.by is 'Who asked for it.';
comment on column jobstream.bulk_operations.created_at is 'When it was asked for.';
comment on column jobstream.bulk_operations.completed_at is 'When it was through.';

create index bulk_operations_open on jobstream.bulk_operations (id) where status = 'running';
comment on index jobstream.bulk_operations_open is 'maintain(): what is not through yet.';

-- tables/leftovers.sql
-- No change waits for rows that it only touches on behalf of others (followers, the next of a key, a pipeline's row): what
-- it finds locked, and what is too much for it, is noted here in the same transaction, and looked at after its commit by
-- claim() or maintain().
-- Normally empty.
create table jobstream.leftovers (
    id bigint generated always as identity,
    job_id text collate "C",
    queue text collate "C",
    concurrency_key text collate "C",
    pipeline_id text collate "C",
    look_at timestamptz,
    constraint leftovers_pkey primary key (id)
);

comment on table jobstream.leftovers is
'What a change left because it was locked or too much: one of an upstream, a concurrency key, a pipeline.';
comment on column jobstream.leftovers.id is 'Order of arrival.';
comment on column jobstream.leftovers.job_id is 'A job that ended and still has followers.';
comment on column jobstream.leftovers.queue is 'With concurrency_key: a key that has room.';
comment on column jobstream.leftovers.concurrency_key is 'With queue: a key that has room.';
comment on column jobstream.leftovers.pipeline_id is 'A pipeline whose row is to be computed anew.';
comment on column jobstream.leftovers.look_at is 'Not before this time, because it was locked still; null: at once.';

-- functions/states/may_become.sql
-- Contract of states, in one expression: which status may follow which. Who may do it is decided by the verbs.
create function jobstream.may_become(p_from text, p_to text)
returns boolean
language sql
immutable
as $$
    select case p_from
        when 'waiting' then p_to in ('pending', 'cancelled', 'dlq')
        when 'pending' then p_to in ('running', 'waiting', 'cancelled', 'dlq')
        when 'running' then p_to in ('done', 'failed', 'dlq', 'cancelled', 'pending', 'waiting')
        when 'failed' then p_to in ('pending', 'cancelled', 'dlq')
        when 'done' then p_to in ('pending', 'waiting')
        when 'dlq' then p_to in ('pending', 'waiting')
        when 'cancelled' then p_to in ('pending', 'waiting')
        else false
    end
$$;

comment on function jobstream.may_become(text, text) is
'Whether a job may go from one status to the other.';

-- functions/states/is_terminal.sql
create function jobstream.is_terminal(p_status text)
returns boolean
language sql
immutable
as $$
    select p_status in ('done', 'dlq', 'cancelled')
$$;

comment on function jobstream.is_terminal(text) is
'Whether nothing follows a status by itself.';

-- functions/actor/act_as.sql
-- The verb at work, for events: each public function that writes jobs names its own at its start, and a plain UPDATE
-- clears it (check_update). It is not a SET clause of the functions, because only a superuser may create those with a
-- setting of one's own.
create function jobstream.act_as(p_verb text)
returns void
language plpgsql
set search_path = ''
as $$
begin
    if current_setting('jobstream.verb', true) is distinct from p_verb then
        perform set_config('jobstream.verb', p_verb, true);
    end if;
end
$$;

comment on function jobstream.act_as(text) is 'Names the verb at work, until the transaction ends or another is named.';

-- functions/actor/verb.sql
create function jobstream.verb()
returns text
language sql
stable
as $$
    select coalesce(pg_catalog.current_setting('jobstream.verb', true), '')
$$;

comment on function jobstream.verb() is
'The function of this schema at work; empty: plain SQL.';

-- functions/actor/may_touch.sql
-- Without jobstream_work or jobstream_operate a database user acts only for its own name and for nobody.
-- A definer's function: current_user is the owner of the schema here.
create function jobstream.may_touch(p_owner text)
returns boolean
language sql
stable
security definer
set search_path = ''
as $$
    select p_owner in ('', session_user)
        or pg_has_role(session_user, current_user, 'member')
        or exists (
            select from pg_catalog.pg_roles as r
            where r.rolname in ('jobstream_work', 'jobstream_operate') and pg_has_role(session_user, r.oid, 'member')
        )
$$;

comment on function jobstream.may_touch(text) is
'Whether this database user may steer jobs of that owner.';

-- functions/actor/actor.sql
-- Who is at work, for events: null for a worker's own verbs. A principal is whom a program says that it acts for: only
-- those are believed who may act for others.
create function jobstream.actor()
returns text
language sql
stable
as $$
    select case
        when jobstream.verb() = 'work' then null
        when jobstream.verb() = 'maintain' then 'maintenance'
        else coalesce(
            (
                select s.principal
                from (select nullif(pg_catalog.current_setting('jobstream.principal', true), '')) as s (principal)
                where s.principal is not null and jobstream.may_touch(s.principal)
            ),
            pg_catalog.concat_ws('/', session_user, nullif(pg_catalog.current_setting('application_name'), ''))
        )
    end
$$;

comment on function jobstream.actor() is
'Who acts: principal, or database user and application; null for a worker.';

-- functions/actor/may_see.sql
create function jobstream.may_see(p_owner text)
returns boolean
language sql
stable
security definer
set search_path = ''
as $$
    select jobstream.may_touch(p_owner)
        or exists (
            select from pg_catalog.pg_roles as r
            where r.rolname = 'jobstream_read' and pg_has_role(session_user, r.oid, 'member')
        )
$$;

comment on function jobstream.may_see(text) is
'Whether this database user may see jobs of that owner.';

-- functions/values/name_fault.sql
create function jobstream.name_fault(p_name text)
returns text
language sql
immutable
as $$
    select case
        when p_name is null then 'is missing'
        when p_name !~ '^[A-Za-z0-9][A-Za-z0-9_.:-]*$' or pg_catalog.char_length(p_name) > 128
        then 'must be 1 to 128 of A-Z a-z 0-9 _ . : - and begin with a letter or digit'
    end
$$;

comment on function jobstream.name_fault(text) is 'What is wrong with the name of a queue or kind; null: nothing.';

-- functions/values/json_length.sql
-- Bytes of a JSON value as text without white space, as programs send it: the blanks outside of texts are jsonb's own.
create function jobstream.json_length(p_json jsonb)
returns integer
language sql
immutable
as $$
    select pg_catalog.octet_length(p_json::pg_catalog.text) - pg_catalog.octet_length(outside.line)
        + pg_catalog.octet_length(pg_catalog.replace(outside.line, ' ', ''))
    from (select pg_catalog.regexp_replace(p_json::pg_catalog.text, '"(?:\\.|[^"\\])*"', '', 'g') as line) as outside
$$;

comment on function jobstream.json_length(jsonb) is 'Bytes of a JSON value as text without white space.';

-- functions/values/json_fault.sql
-- pg_column_size is cheap and at most six times smaller than the text (control characters are escaped in text).
create function jobstream.json_fault(p_json jsonb)
returns text
language sql
immutable
as $$
    select case
        when pg_catalog.pg_column_size(p_json) > 170000 and pg_catalog.octet_length(p_json::pg_catalog.text) > 1048576
            and jobstream.json_length(p_json) > 1048576
        then 'is over 1 MiB'
    end
$$;

comment on function jobstream.json_fault(jsonb) is 'What is wrong with the size of args or a result; null: nothing.';

-- functions/values/labels_fault.sql
create function jobstream.labels_fault(p_labels jsonb)
returns text
language sql
immutable
as $$
    select case
        when p_labels is null or p_labels = '{}' then null
        when pg_catalog.jsonb_typeof(p_labels) <> 'object' then 'must be an object'
        when (select pg_catalog.count(*) from pg_catalog.jsonb_object_keys(p_labels)) > 32
        then 'more than 32 labels'
        when exists (
            select from pg_catalog.jsonb_each(p_labels) as l
            where pg_catalog.jsonb_typeof(l.value) <> 'string'
                or pg_catalog.char_length(l.value #>> '{}') > 128
                or pg_catalog.char_length(l.key) not between 1 and 128
                or l.key ~ ':'
        )
        then 'names (without a colon) and values must be texts of at most 128 characters'
    end
$$;

comment on function jobstream.labels_fault(jsonb) is 'What is wrong with labels; null: nothing.';

-- functions/values/backoff_fault.sql
create function jobstream.backoff_fault(p_backoff jsonb)
returns text
language sql
immutable
as $$
    select case
        when p_backoff is null then null
        when pg_catalog.jsonb_typeof(p_backoff) <> 'object' then 'must be an object'
        when exists (
            select from pg_catalog.jsonb_each(p_backoff) as b
            where case
                when b.key = 'type' then b.value not in ('"exponential"', '"linear"', '"fixed"')
                when b.key not in ('base', 'max', 'jitter') then true
                when pg_catalog.jsonb_typeof(b.value) <> 'number' then true
                when b.key = 'jitter' then not (b.value #>> '{}')::numeric between 0 and 1
                else not (b.value #>> '{}')::numeric between 0 and 31536000
            end
        )
        then 'takes type (exponential, linear, fixed), base and max (seconds, at most a year), jitter (0 to 1)'
    end
$$;

comment on function jobstream.backoff_fault(jsonb) is 'What is wrong with a backoff; null: nothing.';

-- functions/values/whole_backoff.sql
-- A backoff with its defaults filled in.
create function jobstream.whole_backoff(p_backoff jsonb)
returns jsonb
language sql
immutable
as $$
    select '{"type": "exponential", "base": 5, "max": 120, "jitter": 0.1}'::pg_catalog.jsonb || coalesce(p_backoff, '{}')
$$;

comment on function jobstream.whole_backoff(jsonb) is 'A backoff with its defaults filled in.';

-- functions/values/time_fault.sql
-- Years from 1 to 9999: what other languages can read.
create function jobstream.time_fault(p_at timestamptz)
returns text
language sql
immutable
as $$
    select case
        when p_at < '0001-01-02 00:00:00+00' or p_at >= '9999-12-31 00:00:00+00'
        then 'must be a time of the years 1 to 9999'
    end
$$;

comment on function jobstream.time_fault(timestamptz) is 'What is wrong with a time; null: nothing.';

-- functions/values/check_values.sql
-- The values of a row that plain SQL wrote: what enqueue would refuse, and what workers and programs could not read.
create function jobstream.check_values(p_job jobstream.jobs)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_fault pg_catalog.text := coalesce(
        array_to_string(jobstream.new_job_fault(row(
            p_job.id, 1, p_job.kind, p_job.args, p_job.queue, p_job.priority, p_job.scheduled_at, null, p_job.deadline,
            p_job.idempotency_key, p_job.max_attempts, p_job.backoff, p_job.timeout_seconds, p_job.labels,
            p_job.concurrency_key, p_job.await_jobs, p_job.await_for,
            case when p_job.unique_key is not null then coalesce(p_job.unique_for, 'active') end, p_job.unique_key,
            p_job.owner, p_job.triggered_by, p_job.parent_job, p_job.class, p_job.mode, p_job.scope, p_job.trigger,
            p_job.pipeline_id, p_job.pipeline_step, p_job.cron_expr, p_job.traceparent
        )::jobstream.new_job), ' '),
        'result ' || jobstream.json_fault(p_job.result),
        'started_at ' || jobstream.time_fault(p_job.started_at),
        'completed_at ' || jobstream.time_fault(p_job.completed_at),
        'lease_until ' || jobstream.time_fault(p_job.lease_until),
        case when jsonb_typeof(p_job.errors) <> 'array' then 'errors must be an array' end,
        case when jsonb_typeof(p_job.progress) <> 'object' then 'progress must be an object' end,
        case when not p_job.cost_usd between 0 and 1e18 then 'cost_usd must be a number from 0 to 1e18' end,
        case
            when p_job.trigger not in ('demand', 'schedule', 'pipeline', 'retry')
            then 'trigger must be demand, schedule, pipeline or retry'
        end
    );
begin
    if v_fault is not null then
        perform jobstream.refuse('JS400', v_fault);
    end if;
end
$$;

comment on function jobstream.check_values(jobstream.jobs) is
'Refuses (JS400) values that enqueue would refuse.';

-- functions/job_labels/labels_of.sql
-- The rows of job_labels for one job.
create function jobstream.labels_of(p_labels jsonb, p_kind text, p_queue text, p_owner text)
returns table (name text, value text)
language sql
immutable
as $$
    select l.name, l.value
    from (values (':kind', p_kind), (':queue', p_queue), (':owner', p_owner)) as l (name, value)
    where l.value <> ''
    union all
    select e.key, e.value
    from pg_catalog.jsonb_each_text(case when p_labels <> '{}' then p_labels end) as e
$$;

comment on function jobstream.labels_of(jsonb, text, text, text) is 'The rows of job_labels for one job.';

-- functions/job_labels/relabel_job.sql
-- Follows plain UPDATEs of labels, kind and queue.
create function jobstream.relabel_job(p_old jobstream.jobs, p_new jobstream.jobs)
returns void
language sql
volatile
set search_path = ''
as $$
    delete from jobstream.job_labels as l
    using jobstream.labels_of(p_old.labels, p_old.kind, p_old.queue, p_old.owner) as o
    where l.name = o.name and l.value = o.value and l.job_id = p_old.id;

    insert into jobstream.job_labels (name, value, job_id)
    select n.name, n.value, p_new.id
    from jobstream.labels_of(p_new.labels, p_new.kind, p_new.queue, p_new.owner) as n
    on conflict do nothing;
$$;

comment on function jobstream.relabel_job(jobstream.jobs, jobstream.jobs) is
'Writes a job''s rows of job_labels anew.';

-- triggers/record_jobs/keep_events_durable.sql
-- A stream may deliver what a commit with synchronous_commit = off could still take back in a crash, and then hand its
-- xid out again: such transactions are raised to local.
create function jobstream.keep_events_durable()
returns void
language plpgsql
volatile
as $$
begin
    if pg_catalog.current_setting('synchronous_commit') = 'off' then
        perform pg_catalog.set_config('synchronous_commit', 'local', true);
    end if;
end
$$;

comment on function jobstream.keep_events_durable() is
'Raises synchronous_commit from off to local for this transaction.';

-- triggers/record_jobs/status_data.sql
-- What a status event says beside the status. A result over 8 KiB gives way to a mark.
create function jobstream.status_data(p_from text, p_status text, p_reason text, p_result jsonb, p_error text)
returns jsonb
language sql
immutable
as $$
    select case
        when p_status = 'done' and pg_catalog.pg_column_size(p_result) > 1300
            and pg_catalog.octet_length(p_result::pg_catalog.text) > 8192
        then pg_catalog.jsonb_build_object('from', p_from, 'reason', p_reason, 'result_omitted', true)
        when p_status = 'done'
        then pg_catalog.jsonb_build_object('from', p_from, 'reason', p_reason, 'result', p_result)
        when p_error is not null and p_status in ('failed', 'dlq', 'cancelled')
        then pg_catalog.jsonb_build_object(
            'from', p_from, 'reason', p_reason, 'error', pg_catalog.left(p_error, 2000)
        )
        else pg_catalog.jsonb_build_object('from', p_from, 'reason', p_reason)
    end
$$;

comment on function jobstream.status_data(text, text, text, jsonb, text) is
'The data of a status event: {from, reason, result | result_omitted | error}.';

-- triggers/record_jobs/legal_from.sql
-- The status before, if the change is legal; an error otherwise.
create function jobstream.legal_from(
    p_id text, p_from text, p_to text, p_from_attempt integer, p_to_attempt integer
)
returns text
language sql
volatile
as $$
    select case
        when not jobstream.may_become(p_from, p_to)
        then jobstream.refuse('JS409', 'a job cannot go from ' || p_from || ' to ' || p_to || ': ' || p_id)
        when p_to_attempt <> p_from_attempt + case when p_to = 'running' then 1 else 0 end
        then jobstream.refuse('JS409', 'attempt counts claims and nothing else: ' || p_id)
        else p_from
    end
$$;

comment on function jobstream.legal_from(text, text, text, integer, integer) is
'The status before a change, after checking the change.';

-- triggers/record_jobs/record_inserts.sql
create function jobstream.record_inserts()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_by pg_catalog.text := jobstream.actor();
begin
    perform jobstream.keep_events_durable();
    insert into jobstream.job_events (
        job_id, type, status, attempt, queue, kind, owner, pipeline_id, labels, by, data
    )
    select
        n.id,
        'status',
        n.status,
        n.attempt,
        n.queue,
        n.kind,
        n.owner,
        n.pipeline_id,
        n.labels,
        v_by,
        jobstream.status_data(null, n.status, n.reason, n.result, n.last_error)
    from new_rows as n;

    insert into jobstream.job_labels (name, value, job_id)
    select f.name, f.value, n.id
    from new_rows as n
    cross join lateral jobstream.labels_of(n.labels, n.kind, n.queue, n.owner) as f;
    return null;
end
$$;

comment on function jobstream.record_inserts() is 'Trigger: the first status event of new jobs, and their labels.';

create trigger record_inserts
after insert on jobstream.jobs
referencing new table as new_rows
for each statement execute function jobstream.record_inserts();

-- triggers/record_jobs/record_updates.sql
-- The planner settings keep the join of old and new rows a hash join whatever it guesses of their number: a cached plan
-- of a one-row statement would turn an UPDATE of 500,000 rows into a quadratic loop.
create function jobstream.record_updates()
returns trigger
language plpgsql
security definer
set search_path = ''
set enable_nestloop = off
set enable_mergejoin = off
set enable_hashjoin = on
as $$
declare
    v_by pg_catalog.text := jobstream.actor();
begin
    perform jobstream.keep_events_durable();
    insert into jobstream.job_events (
        job_id, type, status, attempt, queue, kind, owner, pipeline_id, labels, by, data
    )
    select
        n.id,
        case when n.status <> o.status then 'status' else 'progress' end,
        n.status,
        n.attempt,
        n.queue,
        n.kind,
        n.owner,
        n.pipeline_id,
        n.labels,
        v_by,
        case
            when n.status <> o.status
            then jobstream.status_data(
                jobstream.legal_from(n.id, o.status, n.status, o.attempt, n.attempt),
                n.status, n.reason, n.result, n.last_error
            )
            else n.progress
        end
    from new_rows as n
    inner join old_rows as o on n.id = o.id
    where n.status <> o.status
        or (n.progress is distinct from o.progress and n.progress is not null);

    -- The verbs of workers and of maintenance change none of these; args may be long and is not looked at for them.
    if jobstream.verb() not in ('work', 'maintain') then
        insert into jobstream.job_events (
            job_id, type, status, attempt, queue, kind, owner, pipeline_id, labels, by, data
        )
        select
            n.id,
            'updated',
            n.status,
            n.attempt,
            n.queue,
            n.kind,
            n.owner,
            n.pipeline_id,
            n.labels,
            v_by,
            pg_catalog.jsonb_build_object('changed', changes.names)
        from new_rows as n
        inner join old_rows as o on n.id = o.id
        cross join lateral (
            select pg_catalog.array_remove(array[
                case when n.priority <> o.priority then 'priority' end,
                case
                    when n.status = o.status
                        and (n.scheduled_at, n.deadline) is distinct from (o.scheduled_at, o.deadline)
                    then 'schedule'
                end,
                case when n.queue <> o.queue then 'queue' end,
                case when n.labels <> o.labels then 'labels' end,
                case when n.args <> o.args then 'args' end,
                case
                    when n.status = o.status and n.cancel_requested and not o.cancel_requested
                    then 'cancel_requested'
                end
            ], null) as names
        ) as changes
        where pg_catalog.cardinality(changes.names) > 0;
    end if;
    return null;
end
$$;

comment on function jobstream.record_updates() is
'Trigger: status, progress and updated events; refuses illegal changes of status.';

create trigger record_updates
after update on jobstream.jobs
referencing old table as old_rows new table as new_rows
for each statement execute function jobstream.record_updates();

-- triggers/record_jobs/record_deletes.sql
create function jobstream.record_deletes()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_by pg_catalog.text;
begin
    -- A worker's verbs delete nothing: this is plain SQL in the transaction of one.
    if jobstream.verb() = 'work' then
        perform jobstream.act_as('');
    end if;
    v_by := jobstream.actor();
    perform jobstream.keep_events_durable();
    insert into jobstream.job_events (
        job_id, type, status, attempt, queue, kind, owner, pipeline_id, labels, by
    )
    select o.id, 'deleted', o.status, o.attempt, o.queue, o.kind, o.owner, o.pipeline_id, o.labels, v_by
    from old_rows as o;

    delete from jobstream.job_labels as l
    using old_rows as o
    cross join lateral jobstream.labels_of(o.labels, o.kind, o.queue, o.owner) as f
    where l.name = f.name and l.value = f.value and l.job_id = o.id;
    return null;
end
$$;

comment on function jobstream.record_deletes() is 'Trigger: deleted events; labels go with their job.';

create trigger record_deletes
after delete on jobstream.jobs
referencing old table as old_rows
for each statement execute function jobstream.record_deletes();

-- triggers/record_jobs/forget_verb.sql
-- What a session says of itself is not believed in a DELETE of its own: those who are subject to row security are not
-- the functions of this schema.
create function jobstream.forget_verb()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    perform set_config('jobstream.verb', '', true);
    return null;
end
$$;

comment on function jobstream.forget_verb() is 'Trigger: a plain DELETE is nobody''s verb.';

create trigger forget_verb
before delete on jobstream.jobs
for each statement
when (pg_catalog.row_security_active('jobstream.jobs'::regclass))
execute function jobstream.forget_verb();

-- triggers/check_jobs/check_insert.sql
-- Plain SQL of people and programs: checked, and what it left open is filled in. The verbs write whole rows and are not
-- looked at here (their changes of status are checked by record_updates): they raise revision, which plain SQL does not
-- know of.
create function jobstream.check_insert()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
begin
    perform jobstream.act_as('');
    new.revision := 1;
    new.status := coalesce(new.status, 'pending');
    if new.status not in ('waiting', 'pending', 'cancelled') then
        perform jobstream.refuse('JS409', 'a new job is waiting, pending or cancelled, not ' || new.status);
    elsif not jobstream.is_id(new.id) then
        perform jobstream.refuse('JS400', 'ids are made by jobstream.new_id()');
    elsif new.await_jobs is not null then
        perform jobstream.refuse('JS400', 'a job that awaits others is made by jobstream.enqueue()');
    end if;
    perform jobstream.check_values(new);
    new.attempt := 0;
    new.failures := 0;
    new.crashes := 0;
    new.cancel_requested := false;
    new.worker := null;
    new.lease_until := null;
    if new.status = 'cancelled' then
        new.completed_at := coalesce(new.completed_at, v_now);
        new.reason := coalesce(new.reason, 'requested');
    elsif new.status = 'waiting' or new.concurrency_key is not null or new.scheduled_at > v_now then
        new.status := 'waiting';
        new.hold := 'settling';
    end if;
    return new;
end
$$;

comment on function jobstream.check_insert() is
'Trigger: a plain INSERT of a job is checked, and completed.';

create trigger check_insert
before insert on jobstream.jobs
for each row
when (new.revision = 0)
execute function jobstream.check_insert();

-- triggers/check_jobs/check_update.sql
create function jobstream.check_update()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_gated boolean;
begin
    perform jobstream.act_as('');
    new.revision := old.revision + 1;
    if (new.id, new.owner, new.created_at, new.attempt, new.idempotency_key)
        is distinct from (old.id, old.owner, old.created_at, old.attempt, old.idempotency_key)
    then
        perform jobstream.refuse('JS400', 'id, owner, created_at, attempt and idempotency_key cannot be changed');
    elsif new.await_jobs is distinct from old.await_jobs then
        perform jobstream.refuse('JS400', 'what a job awaits cannot be changed');
    end if;
    perform jobstream.check_values(new);
    if new.lease_until < v_now and new.lease_until is distinct from old.lease_until then
        new.lease_until := v_now; -- no earlier, or maintain() might think that it has seen to it
    end if;
    -- What is no business of plain SQL stays as it is.
    new.hold := old.hold;
    new.look_at := old.look_at;
    new.ended_attempt := old.ended_attempt;
    new.ended_verb := old.ended_verb;
    new.fingerprint := old.fingerprint;
    new.error_count := old.error_count;
    new.cancel_requested := new.cancel_requested and new.status = 'running';
    if not new.cancel_requested then
        new.cancel_requested_at := null;
    elsif not old.cancel_requested then
        new.cancel_requested_at := v_now;
        perform jobstream.ring('jobstream_cancel', old.worker);
    else
        new.cancel_requested_at := old.cancel_requested_at;
    end if;
    if (new.labels, new.kind, new.queue) is distinct from (old.labels, old.kind, old.queue) then
        perform jobstream.relabel_job(old, new);
    end if;
    v_gated := new.concurrency_key is not null
        or exists (select from jobstream.job_awaits as a where a.job_id = old.id);

    if new.status = old.status then
        if new.status in ('waiting', 'failed') and (
            new.scheduled_at is distinct from old.scheduled_at
            or new.priority <> old.priority
            or new.concurrency_key is distinct from old.concurrency_key
            or new.queue <> old.queue
        ) then
            new.hold := 'settling';
        elsif new.status = 'pending' and (
            new.scheduled_at > v_now
            or new.concurrency_key is distinct from old.concurrency_key
            or (new.concurrency_key is not null and new.queue <> old.queue)
        ) then
            new.status := 'waiting';
            new.hold := 'settling';
        end if;
        return new;
    end if;

    if not jobstream.may_become(old.status, new.status) or new.status = 'running'
        or (new.status = 'dlq' and old.status <> 'running' and coalesce(new.deadline > v_now, true))
    then
        perform jobstream.refuse(
            'JS409', 'a job cannot be set from ' || old.status || ' to ' || new.status || ': ' || old.id
        );
    end if;
    if old.status = 'running' then
        if old.cancel_requested and new.status <> 'done' then
            new.status := 'cancelled';
            new.reason := 'requested';
        end if;
        new.worker := null;
        new.lease_until := null;
        new.ended_attempt := old.attempt;
        new.ended_verb := 'update';
    end if;
    new.hold := null;
    if jobstream.is_terminal(new.status) then
        new.completed_at := v_now;
        new.reason := case
            when new.status = 'done' then null
            when new.reason is not null then new.reason
            when new.status = 'dlq' and new.deadline <= v_now then 'deadline'
            else 'requested'
        end;
        delete from jobstream.job_awaits as a where a.job_id = old.id;
        return new;
    end if;
    if jobstream.is_terminal(old.status) then
        new.trigger := 'retry';
        new.failures := 0;
        new.crashes := 0;
        new.result := null;
        new.progress := null;
        new.completed_at := null;
        new.reason := null;
        new.deadline := case when new.deadline > v_now then new.deadline end;
        perform jobstream.await_again(array[old.id]);
        v_gated := new.concurrency_key is not null
            or exists (select from jobstream.job_awaits as a where a.job_id = old.id);
    end if;
    if new.status = 'failed' then
        new.hold := 'settling';
    elsif new.status = 'waiting' or v_gated then
        new.status := case when old.status = 'failed' then 'failed' else 'waiting' end;
        new.hold := 'settling';
    elsif old.scheduled_at > v_now and new.scheduled_at is not distinct from old.scheduled_at then
        new.scheduled_at := v_now;
    end if;
    return new;
end
$$;

comment on function jobstream.check_update() is
'Trigger: a plain UPDATE of a job is checked, and completed.';

create trigger check_update
before update on jobstream.jobs
for each row
when (new.revision = old.revision)
execute function jobstream.check_update();

-- triggers/check_jobs/refuse_delete.sql
create function jobstream.refuse_delete()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform jobstream.refuse('JS409', 'a job that is ' || old.status || ' cannot be deleted: ' || old.id);
    return null;
end
$$;

comment on function jobstream.refuse_delete() is 'Trigger: only ended jobs can be deleted.';

create trigger refuse_delete
before delete on jobstream.jobs
for each row
when (old.status not in ('done', 'dlq', 'cancelled'))
execute function jobstream.refuse_delete();

-- triggers/ring/first_ring.sql
-- True for the first of a transaction's rows that asks: the later ones of the same transaction need no bell.
create function jobstream.first_ring(p_setting text, p_ring text)
returns boolean
language sql
volatile
as $$
    select case
        when pg_catalog.current_setting(p_setting, true) is distinct from p_ring
        then pg_catalog.set_config(p_setting, p_ring, true) is not null
        else false
    end
$$;

comment on function jobstream.first_ring(text, text) is
'Whether this transaction asks for that ring for the first time.';

-- triggers/ring/may_ring.sql
create function jobstream.may_ring(p_lock_class integer, p_lock integer)
returns boolean
language sql
volatile
as $$
    select case coalesce(nullif(pg_catalog.current_setting('jobstream.bell', true), ''), 'doorbell')
        when 'doorbell' then pg_catalog.pg_try_advisory_xact_lock(p_lock_class, p_lock)
        when 'notify' then true
        else false
    end
$$;

comment on function jobstream.may_ring(integer, integer) is
'Whether this transaction rings: the setting jobstream.bell and the bell''s lock decide.';

-- triggers/ring/ring.sql
-- For what is rare: rings in any mode but off.
create function jobstream.ring(p_channel text, p_payload text)
returns void
language plpgsql
set search_path = ''
as $$
begin
    if current_setting('jobstream.bell', true) is distinct from 'off' then
        perform pg_notify(p_channel, p_payload);
    end if;
end
$$;

comment on function jobstream.ring(text, text) is 'Notifies, unless the bell is off.';

-- triggers/ring/ring_events.sql
create function jobstream.ring_events()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if jobstream.may_ring(1785688947, 1) then
        perform pg_catalog.pg_notify('jobstream_events', '');
    end if;
    return null;
end
$$;

comment on function jobstream.ring_events() is 'Trigger at commit: there are events.';

create constraint trigger ring_events
after insert on jobstream.job_events
deferrable initially deferred
for each row
when (jobstream.first_ring('jobstream.rung_events', new.xid::text))
execute function jobstream.ring_events();

-- triggers/ring/ring_ready.sql
create function jobstream.ring_ready()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if jobstream.may_ring(1785688948, pg_catalog.hashtext(new.queue)) then
        perform pg_catalog.pg_notify('jobstream_ready', new.queue);
    end if;
    return null;
end
$$;

comment on function jobstream.ring_ready() is 'Trigger at commit: a queue has a job to claim.';

create constraint trigger ring_ready
after insert on jobstream.job_events
deferrable initially deferred
for each row
when (
    new.status = 'pending' and new.type in ('status', 'updated')
    and jobstream.first_ring('jobstream.rung_ready', new.xid::text || new.queue)
)
execute function jobstream.ring_ready();

-- functions/attempts/lock_attempt.sql
-- The job, locked, if the attempt is running. Null: this verb ended this attempt before. JS404, JS410 otherwise.
create function jobstream.lock_attempt(p_id text, p_attempt integer, p_verb text)
returns jobstream.jobs
language plpgsql
set search_path = ''
as $$
declare
    v_job jobstream.jobs;
begin
    select j.* into v_job from jobstream.jobs as j where j.id = p_id for update;
    if not found then
        perform jobstream.refuse('JS404', 'no such job: ' || coalesce(p_id, 'null'));
    elsif v_job.status = 'running' and v_job.attempt = p_attempt then
        return v_job;
    elsif v_job.ended_attempt = p_attempt and v_job.ended_verb = p_verb then
        return null;
    end if;
    perform jobstream.refuse(
        'JS410', 'lease lost: attempt ' || coalesce(p_attempt::pg_catalog.text, 'null') || ' of job ' || p_id
        || ' no longer runs (it is ' || v_job.status || ', attempt ' || v_job.attempt || ')'
    );
end
$$;

comment on function jobstream.lock_attempt(text, integer, text) is
'Locks a job for its worker''s verb; null where the verb is a repetition; JS404, JS410.';

-- functions/attempts/lock_jobs.sql
-- Rows of a verb for many, in the order that all verbs keep: ascending id.
create function jobstream.lock_jobs(p_ids text[])
returns void
language plpgsql
set search_path = ''
as $$
begin
    perform from (select distinct i.id from unnest(p_ids) as i (id) order by i.id offset 0) as ordered
    cross join lateral (select from jobstream.jobs as j where j.id = ordered.id for update) as locked;
end
$$;

comment on function jobstream.lock_jobs(text[]) is 'Locks jobs in ascending id.';

-- functions/attempts/backoff_delay.sql
-- Seconds until the attempt after this failure: min(max, base * 2^(failures - 1)) and its kin, give or take the jitter.
create function jobstream.backoff_delay(p_backoff jsonb, p_failures integer)
returns interval
language sql
volatile
as $$
    select pg_catalog.make_interval(secs => (
        least(
            b.longest,
            case b.type
                when 'fixed' then b.base
                when 'linear' then b.base * p_failures
                else b.base * pg_catalog.power(2::double precision, least(p_failures - 1, 60))
            end
        ) * (1 + b.jitter * (2 * pg_catalog.random() - 1))
    ))
    from (
        select
            w.whole ->> 'type' as type,
            (w.whole ->> 'base')::double precision as base,
            (w.whole ->> 'max')::double precision as longest,
            (w.whole ->> 'jitter')::double precision as jitter
        from (select jobstream.whole_backoff(p_backoff) as whole) as w
    ) as b
$$;

comment on function jobstream.backoff_delay(jsonb, integer) is
'How long to wait after that many failures.';

-- functions/attempts/error_entry.sql
-- One error as it is kept: {attempt, at, worker, type, message, traceback}, bounded.
create function jobstream.error_entry(p_job jobstream.jobs, p_error jsonb)
returns jsonb
language sql
volatile
as $$
    select pg_catalog.jsonb_build_object(
        'attempt', p_job.attempt,
        'at', jobstream.clock(),
        'started_at', p_job.started_at,
        'worker', p_job.worker,
        'type', pg_catalog.left(p_error ->> 'type', 256),
        'message', pg_catalog.left(
            case pg_catalog.jsonb_typeof(p_error)
                when 'object' then coalesce(p_error ->> 'message', p_error ->> 'type', 'error')
                when 'string' then p_error #>> '{}'
                else coalesce(p_error::pg_catalog.text, 'error')
            end, 4000
        ),
        'traceback', pg_catalog.right(p_error ->> 'traceback', 16000)
    )
$$;

comment on function jobstream.error_entry(jobstream.jobs, jsonb) is 'One entry of jobs.errors.';

-- functions/attempts/error_text.sql
create function jobstream.error_text(p_entry jsonb)
returns text
language sql
immutable
as $$
    select pg_catalog.concat_ws(': ', p_entry ->> 'type', p_entry ->> 'message')
$$;

comment on function jobstream.error_text(jsonb) is 'An entry of jobs.errors as one text.';

-- functions/attempts/add_error.sql
-- The last 20 errors.
create function jobstream.add_error(p_errors jsonb, p_entry jsonb)
returns jsonb
language sql
immutable
as $$
    select case
        when pg_catalog.jsonb_array_length(p_errors) >= 20 then (p_errors - 0) || p_entry
        else p_errors || p_entry
    end
$$;

comment on function jobstream.add_error(jsonb, jsonb) is 'Appends to jobs.errors, keeping the last 20.';

-- functions/holds/take_jobs.sql
-- Locks those of the jobs that nobody else has locked, in ascending id; answers which.
create function jobstream.take_jobs(p_ids text[])
returns text[]
language sql
volatile
set search_path = ''
as $$
    select array(
        select locked.id
        from (select distinct i.id from unnest(p_ids) as i (id) order by i.id offset 0) as ordered
        cross join lateral (
            select j.id from jobstream.jobs as j where j.id = ordered.id for update skip locked
        ) as locked
    )
$$;

comment on function jobstream.take_jobs(text[]) is 'Locks those of the jobs that are free; answers which.';

-- functions/holds/advance_jobs.sql
-- Lets locked, held jobs through as far as they may go: pending, or the next hold. A failed job stays failed until then.
-- Where somebody else is at work on a key, its jobs stay settling.
create function jobstream.advance_jobs(p_ids text[])
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_key pg_catalog.record;
    v_admitted boolean;
begin
    update jobstream.jobs as j
    set
        revision = j.revision + 1,
        status = case
            when next.hold is null then 'pending'
            when j.status = 'failed' then 'failed'
            else 'waiting'
        end,
        hold = next.hold,
        look_at = null
    from (
        select
            h.id,
            case
                when exists (select from jobstream.job_awaits as a where a.job_id = h.id) then 'upstream'
                when h.scheduled_at > v_now then 'time'
                when h.concurrency_key is not null then 'settling'
            end as hold
        from unnest(p_ids) as i (id)
        cross join lateral (
            select t.id, t.scheduled_at, t.concurrency_key
            from jobstream.jobs as t
            where t.id = i.id and t.status in ('waiting', 'failed')
            offset 0
        ) as h
    ) as next
    where j.id = next.id and next.hold is distinct from j.hold;

    for v_key in
        select j.queue, j.concurrency_key, array_agg(j.id) as ids
        from jobstream.jobs as j
        where j.id = any (p_ids) and j.hold = 'settling'
        group by j.queue, j.concurrency_key
    loop
        v_admitted := jobstream.admit_jobs(v_key.queue, v_key.concurrency_key);
        update jobstream.jobs as j
        set
            revision = j.revision + 1,
            hold = case when v_admitted then 'key' else 'settling' end,
            look_at = case when not v_admitted then v_now + interval '1 s' end
        where j.id = any (v_key.ids) and j.hold = 'settling';
    end loop;
end
$$;

comment on function jobstream.advance_jobs(text[]) is
'Lets locked, held jobs through: pending, or the next hold.';

-- functions/holds/admit_jobs.sql
-- Makes the next jobs of a concurrency key pending, by priority, then id, as many as the key has room for; where it has
-- none, make_way(). A slot is a pending or running job. Counting is exact under the key's advisory lock, because whatever
-- enters the set does so here; what leaves it calls here afterwards. Holders, thousands maybe, are not counted where
-- nobody wants the key, but for p_recount: its limit may have been lowered.
-- Rows that others have locked are passed over: whoever holds them looks again. At most 500 are moved; more is noted.
-- False: somebody else is at work on the key; call again after the commit.
create function jobstream.admit_jobs(p_queue text, p_key text, p_recount boolean default false)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
    v_most constant integer := 500;
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_limit bigint := coalesce((select q.key_limit from jobstream.queues as q where q.name = p_queue), 1);
    v_room bigint;
    v_moved integer;
begin
    -- One of 4096 locks, so that a statement on many keys cannot run the lock table out of memory.
    if not pg_try_advisory_xact_lock(1785688949, hashtext(p_queue || chr(31) || p_key) & 4095) then
        return false;
    elsif not p_recount and not exists (
        select from jobstream.jobs as k
        where k.queue = p_queue and k.concurrency_key = p_key and k.hold in ('key', 'settling')
    ) then
        return true;
    end if;
    select v_limit - count(*)
    into v_room
    from (
        select from jobstream.jobs as j
        where j.queue = p_queue and j.concurrency_key = p_key and j.status in ('pending', 'running')
        limit v_limit + v_most
    ) as holders;

    if v_room > 0 then
        update jobstream.jobs as j
        set revision = j.revision + 1, status = 'pending', hold = null, look_at = null
        where j.ctid = any (array(
            select k.ctid
            from jobstream.jobs as k
            where k.queue = p_queue and k.concurrency_key = p_key
                and k.hold in ('key', 'settling')
                and (k.hold = 'key' or jobstream.is_free(k.id, k.scheduled_at, v_now))
            order by k.priority, k.id
            limit least(v_room, v_most)
            for update skip locked
        ));
        get diagnostics v_moved = row_count;
    else
        v_moved := jobstream.make_way(p_queue, p_key, v_room, v_most);
    end if;
    if v_moved = v_most then
        insert into jobstream.leftovers (queue, concurrency_key) values (p_queue, p_key);
    end if;
    return true;
end
$$;

comment on function jobstream.admit_jobs(text, text, boolean) is
'Makes the next jobs of a concurrency key pending; false: somebody else is at work on it.';

-- functions/holds/make_way.sql
-- In a key without room: jobs that come before pending ones that nobody has claimed yet take their places, and where the
-- limit was lowered (p_room below 0) the last pending ones step back. Answers how many times, p_most at most.
create function jobstream.make_way(p_queue text, p_key text, p_room bigint, p_most integer)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_out pg_catalog.text[];
    v_in pg_catalog.text[];
begin
    v_out := array(
        select k.id
        from jobstream.jobs as k
        where k.queue = p_queue and k.concurrency_key = p_key and k.status = 'pending'
        order by k.priority desc, k.id desc
        limit least(case when p_room < 0 then -p_room end, p_most)
        for update skip locked
    );
    if p_room = 0 then
        v_in := array(
            select k.id
            from jobstream.jobs as k
            where k.queue = p_queue and k.concurrency_key = p_key
                and k.hold in ('key', 'settling')
                and (k.hold = 'key' or jobstream.is_free(k.id, k.scheduled_at, v_now))
            order by k.priority, k.id
            limit cardinality(v_out)
            for update skip locked
        );
        -- The first of those who want in against the last of those who are.
        select array_agg(o.id), array_agg(n.id)
        into v_out, v_in
        from unnest(v_out, v_in) as pair (out_id, in_id)
        inner join jobstream.jobs as o on pair.out_id = o.id
        inner join jobstream.jobs as n on pair.in_id = n.id
        where (n.priority, n.id) < (o.priority, o.id);
        update jobstream.jobs as j
        set revision = j.revision + 1, status = 'pending', hold = null, look_at = null
        where j.id = any (v_in);
    end if;
    update jobstream.jobs as j
    set revision = j.revision + 1, status = 'waiting', hold = 'key'
    where j.id = any (v_out);
    return coalesce(cardinality(v_out), 0);
end
$$;

comment on function jobstream.make_way(text, text, bigint, integer) is
'Lets jobs of a key step back for those that come before them; answers how many.';

-- functions/holds/is_free.sql
-- Whether nothing but its key holds a job.
create function jobstream.is_free(p_id text, p_scheduled_at timestamptz, p_now timestamptz)
returns boolean
language sql
stable
as $$
    select (p_scheduled_at is null or p_scheduled_at <= p_now)
        and not exists (select from jobstream.job_awaits as a where a.job_id = p_id)
$$;

comment on function jobstream.is_free(text, timestamptz, timestamptz) is
'Whether a job is due and waits for no other.';

-- functions/holds/free_followers.sql
-- Takes up to p_limit followers of jobs that have ended, of those that nobody has locked, and cancels them or lets them
-- through; answers how many it took.
create function jobstream.free_followers(p_upstreams text[], p_limit integer)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_jobs pg_catalog.text[];
    v_upstreams pg_catalog.text[];
begin
    select array_agg(taken.job_id), array_agg(taken.upstream_id)
    into v_jobs, v_upstreams
    from (
        select a.job_id, a.upstream_id
        from unnest(p_upstreams) as u (id)
        cross join lateral (
            select t.job_id, t.upstream_id
            from jobstream.job_awaits as t
            cross join lateral (
                select from jobstream.jobs as j where j.id = t.job_id for update skip locked
            ) as locked
            where t.upstream_id = u.id
            order by t.job_id
            limit p_limit
        ) as a
        limit p_limit
    ) as taken;
    perform jobstream.resolve_awaits(v_jobs, v_upstreams);
    return coalesce(cardinality(v_jobs), 0);
end
$$;

comment on function jobstream.free_followers(text[], integer) is
'Cancels or lets through some of the followers of jobs that have ended; answers how many it took.';

-- functions/holds/resolve_awaits.sql
-- Looks at pairs of a waiting job (locked by the caller) and one of its upstreams: cancels jobs whose upstream ended
-- otherwise than they need, forgets upstreams that have ended, and advances who waits for none any more. Upstreams must be
-- settled for the caller: locked, or ended in this transaction or before.
create function jobstream.resolve_awaits(p_jobs text[], p_upstreams text[])
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_doomed pg_catalog.text[];
    v_errors pg_catalog.text[];
    v_free pg_catalog.text[];
begin
    select array_agg(d.job_id), array_agg(d.error)
    into v_doomed, v_errors
    from (
        select
            p.job_id,
            (array_agg(
                concat_ws(' ', 'awaited job', p.upstream_id, coalesce('ended ' || u.status, 'was deleted'))
                order by p.upstream_id
            ))[1] as error
        from unnest(p_jobs, p_upstreams) as p (job_id, upstream_id)
        cross join lateral (
            select from jobstream.jobs as j
            where j.id = p.job_id and j.status = 'waiting' and j.await_for = 'done'
            offset 0
        ) as h
        left join lateral (select j.status from jobstream.jobs as j where j.id = p.upstream_id offset 0) as u on true
        where u.status is null or u.status in ('dlq', 'cancelled')
        group by p.job_id
    ) as d;
    -- Not for nothing: an UPDATE of no row fires the triggers all the same.
    if v_doomed is not null then
        update jobstream.jobs as j
        set
            revision = j.revision + 1,
            status = 'cancelled',
            reason = 'upstream',
            hold = null,
            look_at = null,
            completed_at = jobstream.clock(),
            last_error = d.error
        from unnest(v_doomed, v_errors) as d (id, error)
        where j.id = d.id;
    end if;

    delete from jobstream.job_awaits as a
    where a.ctid = any (array(
        select t.ctid
        from unnest(v_doomed) as d (id)
        cross join lateral (select k.ctid from jobstream.job_awaits as k where k.job_id = d.id offset 0) as t
        union all
        select t.ctid
        from unnest(p_jobs, p_upstreams) as p (job_id, upstream_id)
        cross join lateral (
            select k.ctid
            from jobstream.job_awaits as k
            where k.job_id = p.job_id and k.upstream_id = p.upstream_id
            offset 0
        ) as t
        where not exists (
            select from jobstream.jobs as j
            where j.id = p.upstream_id and j.status not in ('done', 'dlq', 'cancelled')
            offset 0
        )
    ));

    v_free := array(
        select distinct p.job_id
        from unnest(p_jobs) as p (job_id)
        where not exists (select from jobstream.job_awaits as a where a.job_id = p.job_id offset 0)
    );
    if v_free <> '{}' then
        perform jobstream.advance_jobs(v_free);
    end if;
end
$$;

comment on function jobstream.resolve_awaits(text[], text[]) is
'Cancels or advances waiting jobs whose upstreams have ended.';

-- functions/holds/is_to_look_at.sql
-- Times to look again are a second ahead at most: what is further ahead was noted before the clock was set back.
create function jobstream.is_to_look_at(p_look_at timestamptz, p_now timestamptz)
returns boolean
language sql
immutable
as $$
    select p_look_at <= p_now or p_look_at > p_now + interval '2 s'
$$;

comment on function jobstream.is_to_look_at(timestamptz, timestamptz) is
'Whether the time has come to look again at what was locked.';

-- functions/holds/settle_jobs.sql
-- Looks at jobs that nobody has looked at yet, at most p_limit; answers how many it took. Waits for nobody: what others
-- hold is looked at again a second later. Called by claim() and maintain(), after the commit of whoever made the jobs.
-- Locks: held jobs, then their upstreams (shared, so that an upstream's end is either seen here or sees them).
create function jobstream.settle_jobs(p_limit integer)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_ids pg_catalog.text[];
    v_upstreams pg_catalog.text[];
    v_blocked pg_catalog.text[];
    v_left integer;
begin
    v_left := jobstream.settle_leftovers(p_limit);
    v_ids := array(
        select j.id
        from jobstream.jobs as j
        where j.hold = 'settling' and j.look_at is null
        order by j.id
        limit p_limit
        for update skip locked
    );
    v_ids := v_ids || array(
        select j.id
        from jobstream.jobs as j
        where j.hold = 'settling' and j.look_at <= v_now
        order by j.look_at
        limit p_limit - cardinality(v_ids)
        for update skip locked
    );
    v_ids := v_ids || array(
        select j.id
        from jobstream.jobs as j
        where j.hold = 'settling' and j.look_at > v_now + interval '2 s'
        order by j.look_at
        limit p_limit - cardinality(v_ids)
        for update skip locked
    );
    if v_ids = '{}' then
        return v_left;
    end if;

    if exists (select from jobstream.job_awaits) then
        v_upstreams := array(
            select j.id
            from jobstream.jobs as j
            where j.id in (select a.upstream_id from jobstream.job_awaits as a where a.job_id = any (v_ids))
            order by j.id
            for share skip locked
        );
        v_blocked := array(
            select distinct a.job_id
            from jobstream.job_awaits as a
            inner join jobstream.jobs as u on a.upstream_id = u.id
            where a.job_id = any (v_ids)
                and a.upstream_id not in (select l.id from unnest(v_upstreams) as l (id))
        );
        update jobstream.jobs as j
        set revision = j.revision + 1, look_at = v_now + interval '1 s'
        where j.id = any (v_blocked);
        v_ids := array(select i.id from unnest(v_ids) as i (id) except select b.id from unnest(v_blocked) as b (id));
        perform jobstream.resolve_awaits(array_agg(a.job_id), array_agg(a.upstream_id))
        from unnest(v_ids) as i (id)
        cross join lateral (select * from jobstream.job_awaits as t where t.job_id = i.id offset 0) as a;
    end if;
    perform jobstream.advance_jobs(array(
        select i.id
        from unnest(v_ids) as i (id)
        inner join jobstream.jobs as j on i.id = j.id
        where j.hold = 'settling' and (j.look_at is null or jobstream.is_to_look_at(j.look_at, v_now))
    ));
    return v_left + cardinality(v_ids) + coalesce(cardinality(v_blocked), 0);
end
$$;

comment on function jobstream.settle_jobs(integer) is
'Decides for jobs that nobody has looked at yet whether they may run; answers how many it took.';

-- functions/holds/settle_leftovers.sql
-- Finishes what changes have left: followers, at most p_limit, then keys and pipelines.
create function jobstream.settle_leftovers(p_limit integer)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_left pg_catalog.record;
    v_is_done boolean;
    v_count integer := jobstream.settle_followers(p_limit);
begin
    for v_left in
        select l.*
        from jobstream.leftovers as l
        where l.job_id is null and (l.look_at is null or jobstream.is_to_look_at(l.look_at, v_now))
        order by l.id
        limit p_limit
        for update skip locked
    loop
        v_count := v_count + 1;
        if v_left.concurrency_key is not null then
            v_is_done := jobstream.admit_jobs(v_left.queue, v_left.concurrency_key, true);
        else
            v_is_done := jobstream.refresh_pipeline(v_left.pipeline_id);
        end if;
        if v_is_done then
            delete from jobstream.leftovers as l where l.id = v_left.id;
        else
            update jobstream.leftovers as l set look_at = v_now + interval '1 s' where l.id = v_left.id;
        end if;
    end loop;
    return v_count;
end
$$;

comment on function jobstream.settle_leftovers(integer) is
'Finishes what changes left because it was locked or too much; answers how many it took.';

-- functions/holds/settle_followers.sql
-- Followers of jobs that ended, at most p_limit; an upstream that was started anew keeps its own. If it took fewer, all
-- that are left are locked by somebody: they are looked at again a second later.
create function jobstream.settle_followers(p_limit integer)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_lefts bigint[];
    v_ended pg_catalog.text[];
    v_count integer;
begin
    select array_agg(u.left_id), array_agg(u.job_id) filter (where not u.is_open)
    into v_lefts, v_ended
    from (
        select
            l.id as left_id,
            l.job_id,
            exists (
                select from jobstream.jobs as j
                where j.id = l.job_id and j.status not in ('done', 'dlq', 'cancelled')
                offset 0
            ) as is_open
        from jobstream.leftovers as l
        where l.job_id is not null and (l.look_at is null or jobstream.is_to_look_at(l.look_at, v_now))
        order by l.id
        limit p_limit
        for update of l skip locked
    ) as u;
    if v_lefts is null then
        return 0;
    end if;
    v_count := jobstream.free_followers(v_ended, p_limit);
    delete from jobstream.leftovers as l
    where l.id = any (v_lefts)
        and (
            l.job_id <> all (coalesce(v_ended, '{}'))
            or not exists (select from jobstream.job_awaits as a where a.upstream_id = l.job_id offset 0)
        );
    if v_count < p_limit then
        update jobstream.leftovers as l set look_at = v_now + interval '1 s' where l.id = any (v_lefts);
    end if;
    return v_count + cardinality(v_lefts);
end
$$;

comment on function jobstream.settle_followers(integer) is
'Cancels or lets through followers that changes left; answers how many it took.';

-- functions/holds/is_unsettled.sql
-- Whether settle_jobs() has something to do at once: asked by every claim.
create function jobstream.is_unsettled(p_now timestamptz)
returns boolean
language sql
stable
as $$
    select exists (select from jobstream.jobs as j where j.hold = 'settling' and j.look_at is null)
        or exists (select from jobstream.jobs as j where j.hold = 'settling' and j.look_at <= p_now)
        or exists (
            select from jobstream.jobs as j where j.hold = 'settling' and j.look_at > p_now + interval '2 s'
        )
        or exists (
            select from jobstream.leftovers as l
            where l.look_at is null or jobstream.is_to_look_at(l.look_at, p_now)
        )
$$;

comment on function jobstream.is_unsettled(timestamptz) is 'Whether settle_jobs() has something to do at once.';

-- functions/enqueue/new_job.sql
create type jobstream.new_job as (
    id text,
    ordinal integer,
    kind text,
    args jsonb,
    queue text,
    priority integer,
    scheduled_at timestamptz,
    delay interval,
    deadline timestamptz,
    idempotency_key text,
    max_attempts integer,
    backoff jsonb,
    timeout_seconds integer,
    labels jsonb,
    concurrency_key text,
    await_jobs text[], -- noqa: LT01
    await_for text,
    unique_for text,
    unique_key text,
    owner text,
    triggered_by text,
    parent_job text,
    class text,
    mode text,
    scope text,
    trigger text,
    pipeline_id text,
    pipeline_step text,
    cron_expr text,
    traceparent text
);

comment on type jobstream.new_job is 'A request to enqueue, after defaults.';

-- functions/enqueue/new_job_fault.sql
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

-- functions/enqueue/fingerprint.sql
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

-- functions/enqueue/check_new_jobs.sql
-- Refuses faulty requests (JS400), unknown parents (JS404) and owners that this database user may not act for.
-- A plan made for the array's own values looks cheaper, so each call would plan anew, rules inlined: 0.8 ms of a single
-- enqueue that takes 0.17 ms with the plan kept.
create function jobstream.check_new_jobs(p_jobs jobstream.new_job[])
returns void
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
    v_bad pg_catalog.record;
begin
    select n.ordinal, f.fault
    into v_bad
    from unnest(p_jobs) as n
    cross join lateral (select jobstream.new_job_fault(n) as fault) as f
    where f.fault is not null
    order by n.ordinal
    limit 1;
    if found then
        perform jobstream.refuse(
            'JS400', v_bad.fault[1] || ' ' || v_bad.fault[2],
            jsonb_build_object('ordinal', v_bad.ordinal, 'field', v_bad.fault[1])
        );
    end if;

    select n.ordinal, n.parent_job
    into v_bad
    from unnest(p_jobs) as n
    where n.parent_job is not null
        and not exists (select from jobstream.jobs as j where j.id = n.parent_job and j.owner = n.owner)
    order by n.ordinal
    limit 1;
    if found then
        perform jobstream.refuse(
            'JS404', 'no such parent job: ' || v_bad.parent_job,
            jsonb_build_object('ordinal', v_bad.ordinal, 'field', 'parent_job')
        );
    end if;

    select n.ordinal
    into v_bad
    from unnest(p_jobs) as n
    where n.owner not in ('', session_user) and not jobstream.may_touch(n.owner)
    limit 1;
    if found then
        perform jobstream.refuse(
            'JS400', 'owner must be empty or ' || session_user,
            jsonb_build_object('ordinal', v_bad.ordinal, 'field', 'owner')
        );
    end if;
end
$$;

comment on function jobstream.check_new_jobs(jobstream.new_job[]) is
'Refuses requests that break a rule; the error''s detail names ordinal and field.';

-- functions/enqueue/read_awaited.sql
-- What the requests await, as committed now: {id of the request: {"open": [ids], "failed": id, "ended": its status}}.
-- JS404 where an awaited job is unknown or another owner's. Reads only: nobody's row is locked.
create function jobstream.read_awaited(p_jobs jobstream.new_job[])
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_missing pg_catalog.record;
begin
    select n.ordinal, a.id
    into v_missing
    from unnest(p_jobs) as n
    cross join lateral unnest(n.await_jobs) as a (id)
    where a.id is null
        or not exists (select from jobstream.jobs as u where u.id = a.id and u.owner = n.owner)
    order by n.ordinal
    limit 1;
    if found then
        perform jobstream.refuse(
            'JS404', 'no such job to await: ' || coalesce(v_missing.id, 'null'),
            jsonb_build_object('ordinal', v_missing.ordinal, 'field', 'await_jobs')
        );
    end if;

    return (
        select coalesce(jsonb_object_agg(r.id, r.awaited), '{}')
        from (
            select
                n.id,
                jsonb_build_object(
                    'open', coalesce(
                        jsonb_agg(distinct u.id) filter (where u.status not in ('done', 'dlq', 'cancelled')), '[]'
                    ),
                    'failed', min(u.id) filter (where n.await_for = 'done' and u.status in ('dlq', 'cancelled')),
                    'ended', (
                        array_agg(u.status order by u.id) filter (where u.status in ('dlq', 'cancelled'))
                    )[1]
                ) as awaited
            from unnest(p_jobs) as n
            cross join lateral unnest(n.await_jobs) as a (id)
            inner join jobstream.jobs as u on a.id = u.id
            group by n.id
        ) as r
    );
end
$$;

comment on function jobstream.read_awaited(jobstream.new_job[]) is
'What the requests await: {id of the request: {open, failed, ended}}. JS404.';

-- functions/enqueue/find_uniques.sql
-- {ordinal: id} of the requests that a unique key makes a repetition: of a job that is there, or of an earlier request.
-- A request whose idempotency key is there already is answered by that, and stands for nobody else's unique key.
-- Locks: the advisory locks of the keys, in ascending order, until the transaction ends.
create function jobstream.find_uniques(p_jobs jobstream.new_job[])
returns jsonb
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan -- as check_new_jobs
as $$
begin
    perform pg_advisory_xact_lock(1785688950, k.number)
    from (
        select distinct hashtext(concat_ws(chr(31), n.owner, n.kind, n.unique_key)) as number
        from unnest(p_jobs) as n
        where n.unique_key is not null
        order by number
    ) as k;

    return (
        select coalesce(jsonb_object_agg(f.ordinal, f.id) filter (where f.id is not null), '{}')
        from (
            select
                n.ordinal,
                coalesce(there.id, nullif(first_value(n.id) over w, n.id)) as id
            from unnest(p_jobs) as n
            left join lateral (
                select j.id
                from jobstream.jobs as j
                where j.kind = n.kind
                    and j.status in ('waiting', 'pending', 'running', 'failed')
                    and j.unique_key = n.unique_key
                    and j.owner = n.owner
                    and (
                        j.status in ('waiting', 'pending')
                        or (n.unique_for = 'active' and j.status in ('running', 'failed'))
                    )
                order by j.id
                limit 1
            ) as there on true
            where n.unique_key is not null
                and not exists (
                    select from jobstream.jobs as k
                    where k.owner = n.owner and k.idempotency_key = n.idempotency_key
                )
            window w as (partition by n.owner, n.kind, n.unique_key order by n.ordinal)
        ) as f
    );
end
$$;

comment on function jobstream.find_uniques(jobstream.new_job[]) is
'{ordinal: id} of the requests that a unique key makes a repetition.';

-- functions/enqueue/known_jobs.sql
-- Answers for requests of which some were there before: by idempotency key, where the fingerprints must match (JS422),
-- or by unique key. A fresh snapshot: who won may have committed after our insert began.
create function jobstream.known_jobs(
    p_jobs jobstream.new_job[], p_ids text[], p_statuses text[], p_known jsonb
)
returns table (ordinal integer, id text, status text, idempotent boolean)
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan -- as check_new_jobs
as $$
declare
    v_answer pg_catalog.record;
begin
    for v_answer in
        select
            n.ordinal,
            coalesce(own.id, there.id) as id,
            coalesce(own.status, there.status) as status,
            own.id is null as idempotent,
            own.id is null and not p_known ? n.ordinal::pg_catalog.text
            and there.fingerprint is distinct from jobstream.fingerprint(n) as is_other
        from unnest(p_jobs) as n
        left join unnest(p_ids, p_statuses) as own (id, status) on n.id = own.id
        left join lateral (
            select j.id, j.status, j.fingerprint
            from jobstream.jobs as j
            where own.id is null and j.id = p_known ->> n.ordinal::pg_catalog.text
            union all
            select j.id, j.status, j.fingerprint
            from jobstream.jobs as j
            where own.id is null and not p_known ? n.ordinal::pg_catalog.text
                and j.owner = n.owner and j.idempotency_key = n.idempotency_key
        ) as there on true
        order by n.ordinal
    loop
        if v_answer.id is null then
            raise exception using errcode = '40001', message = 'the job of that idempotency key is just being deleted';
        elsif v_answer.is_other then
            perform jobstream.refuse(
                'JS422', 'this idempotency key was used with another request',
                jsonb_build_object('ordinal', v_answer.ordinal, 'field', 'idempotency_key', 'id', v_answer.id)
            );
        end if;
        ordinal := v_answer.ordinal;
        id := v_answer.id;
        status := v_answer.status;
        idempotent := v_answer.idempotent;
        return next;
    end loop;
end
$$;

comment on function jobstream.known_jobs(jobstream.new_job[], text[], text[], jsonb) is
'Answers for requests of which some were there before. JS422.';

-- functions/enqueue/insert_jobs.sql
-- Inserts the requests and answers for each, in order: its id, status, and whether it was there before.
-- Requests must be numbered 1 to n. JS422: a key is there with another request. Waits while an open transaction holds a
-- key: insert_jobs_in_time() bounds that.
-- Writes: jobs, job_awaits. Locks: new rows and unique keys only.
create function jobstream.insert_jobs(p_jobs jobstream.new_job[])
returns table (ordinal integer, id text, status text, idempotent boolean)
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_awaited pg_catalog.jsonb := '{}';
    v_known pg_catalog.jsonb := '{}';
    v_ids pg_catalog.text[];
    v_statuses pg_catalog.text[];
begin
    perform jobstream.check_new_jobs(p_jobs);
    if exists (select from unnest(p_jobs) as n where n.await_jobs <> '{}') then
        v_awaited := jobstream.read_awaited(p_jobs);
    end if;
    if exists (select from unnest(p_jobs) as n where n.unique_key is not null) then
        v_known := jobstream.find_uniques(p_jobs);
    end if;

    with requests as (
        select
            n as request,
            coalesce(n.scheduled_at, v_now + n.delay) as due_at,
            case when v_awaited <> '{}' then v_awaited -> n.id ->> 'failed' end as failed,
            n.concurrency_key is not null or coalesce(v_awaited -> n.id -> 'open' <> '[]', false) as is_shut
        from unnest(p_jobs) as n
        where v_known = '{}' or not v_known ? n.ordinal::pg_catalog.text
        order by n.ordinal
        offset 0
    ),

    inserted as (
        insert into jobstream.jobs as j (
            revision, id, queue, kind, priority, status, hold, reason, last_error, completed_at, max_attempts, scheduled_at,
            deadline, created_at, owner, idempotency_key, fingerprint, concurrency_key, unique_key, unique_for,
            await_jobs, await_for, timeout_seconds, backoff, labels, args, trigger, triggered_by, parent_job,
            pipeline_id, pipeline_step, cron_expr, class, mode, scope, traceparent
        )
        select
            1,
            (r.request).id,
            (r.request).queue,
            (r.request).kind,
            (r.request).priority,
            case
                when r.failed is not null then 'cancelled'
                when r.is_shut or r.due_at > v_now then 'waiting'
                else 'pending'
            end,
            case
                when r.failed is not null then null
                when r.is_shut then 'settling'
                when r.due_at > v_now then 'time'
            end,
            case when r.failed is not null then 'upstream' end,
            'awaited job ' || r.failed || ' ended ' || (v_awaited -> (r.request).id ->> 'ended'),
            case when r.failed is not null then v_now end,
            (r.request).max_attempts,
            r.due_at,
            (r.request).deadline,
            v_now,
            (r.request).owner,
            (r.request).idempotency_key,
            case when (r.request).idempotency_key is not null then jobstream.fingerprint(r.request) end,
            (r.request).concurrency_key,
            (r.request).unique_key,
            (r.request).unique_for,
            nullif((r.request).await_jobs, '{}'),
            (r.request).await_for,
            (r.request).timeout_seconds,
            (r.request).backoff,
            (r.request).labels,
            (r.request).args,
            (r.request).trigger,
            (r.request).triggered_by,
            (r.request).parent_job,
            (r.request).pipeline_id,
            (r.request).pipeline_step,
            (r.request).cron_expr,
            (r.request).class,
            (r.request).mode,
            (r.request).scope,
            (r.request).traceparent
        from requests as r
        on conflict on constraint jobs_idempotency_key do nothing
        returning j.id, j.status
    )

    select array_agg(i.id), array_agg(i.status) into v_ids, v_statuses from inserted as i;

    if v_awaited <> '{}' then
        insert into jobstream.job_awaits (job_id, upstream_id)
        select i.id, o.id
        from unnest(v_ids, v_statuses) as i (id, status)
        cross join lateral jsonb_array_elements_text(v_awaited -> i.id -> 'open') as o (id)
        where i.status = 'waiting';
    end if;
    if cardinality(v_ids) = cardinality(p_jobs) then
        return query
        select i.ordinal::integer, i.id, i.status, false
        from unnest(v_ids, v_statuses) with ordinality as i (id, status, ordinal);
    else
        return query
        select a.ordinal, a.id, a.status, a.idempotent
        from jobstream.known_jobs(p_jobs, v_ids, v_statuses, v_known) as a;
    end if;
end
$$;

comment on function jobstream.insert_jobs(jobstream.new_job[]) is
'Inserts requests; answers ordinal, id, status, idempotent for each.';

-- functions/enqueue/insert_jobs_in_time.sql
-- The same, and JS423 where a key stays held by an open transaction for 2 s. A block with an exception handler is a
-- subtransaction, so only requests with keys come this way.
create function jobstream.insert_jobs_in_time(p_jobs jobstream.new_job[])
returns table (ordinal integer, id text, status text, idempotent boolean)
language plpgsql
set search_path = ''
set lock_timeout = '2s'
as $$
begin
    return query select i.ordinal, i.id, i.status, i.idempotent from jobstream.insert_jobs(p_jobs) as i;
exception
    when lock_not_available then
        perform jobstream.refuse('JS423', 'the key is held by a transaction that has been open for over 2 s');
end
$$;

comment on function jobstream.insert_jobs_in_time(jobstream.new_job[]) is
'insert_jobs, with at most 2 s of waiting for a key.';

-- functions/enqueue/read_new_job.sql
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

-- functions/enqueue/read_new_jobs.sql
-- p_own: what the schema's own callers may say besides; who enqueues cannot put a job into somebody's pipeline.
create function jobstream.read_new_jobs(p_jobs jsonb, p_own text[] default '{}')
returns jobstream.new_job[]
language plpgsql
set search_path = ''
as $$
declare
    v_fields constant pg_catalog.text[] := array[
        'kind', 'args', 'queue', 'priority', 'scheduled_at', 'delay', 'deadline', 'idempotency_key', 'max_attempts',
        'backoff', 'timeout_seconds', 'labels', 'concurrency_key', 'await_jobs', 'await_for', 'unique_for',
        'unique_key', 'owner', 'triggered_by', 'parent_job', 'class', 'mode', 'scope', 'traceparent'
    ] || p_own;
    v_bad pg_catalog.record;
    v_time pg_catalog.text := jobstream.id_time(jobstream.clock());
    v_ordinal integer := 0;
    v_message pg_catalog.text;
begin
    if jsonb_typeof(p_jobs) is distinct from 'array' then
        perform jobstream.refuse('JS400', 'jobs must be an array of objects');
    end if;
    for v_bad in
        select
            e.ordinal,
            case
                when jsonb_typeof(e.job) = 'object'
                then (select min(k) from jsonb_object_keys(e.job) as k where k <> all (v_fields))
            end as field,
            jsonb_typeof(e.job) <> 'object' as is_no_object
        from jsonb_array_elements(p_jobs) with ordinality as e (job, ordinal)
        where jsonb_typeof(e.job) <> 'object' or e.job - v_fields <> '{}'
        limit 1
    loop
        perform jobstream.refuse(
            'JS400',
            case when v_bad.is_no_object then 'each job must be an object' else 'unknown field ' || v_bad.field end,
            jsonb_strip_nulls(jsonb_build_object('ordinal', v_bad.ordinal, 'field', v_bad.field))
        );
    end loop;

    begin
        return array(
            select jobstream.read_new_job(e.job, e.ordinal::integer, v_time || jobstream.id_tail())
            from jsonb_array_elements(p_jobs) with ordinality as e (job, ordinal)
            order by e.ordinal
        );
    exception
        when data_exception then
            null;
    end;
    for v_bad in
        select e.job, e.ordinal from jsonb_array_elements(p_jobs) with ordinality as e (job, ordinal)
    loop
        v_ordinal := v_bad.ordinal;
        perform jobstream.read_new_job(v_bad.job, v_ordinal, '');
    end loop;
    return null;
exception
    when data_exception then
        get stacked diagnostics v_message = message_text;
        perform jobstream.refuse('JS400', v_message, jsonb_build_object('ordinal', v_ordinal));
end
$$;

comment on function jobstream.read_new_jobs(jsonb, text[]) is
'Requests from a JSON array of objects with the names of enqueue''s parameters.';

-- functions/enqueue/enqueue_many.sql
create function jobstream.enqueue_many(jobs jsonb)
returns table (ordinal integer, id text, status text, idempotent boolean)
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
as $$
declare
    v_jobs jobstream.new_job[] := jobstream.read_new_jobs(enqueue_many.jobs);
begin
    perform jobstream.act_as('enqueue');
    if exists (select from unnest(v_jobs) as n where n.idempotency_key is not null or n.unique_key is not null) then
        return query select i.ordinal, i.id, i.status, i.idempotent from jobstream.insert_jobs_in_time(v_jobs) as i;
    else
        return query select i.ordinal, i.id, i.status, i.idempotent from jobstream.insert_jobs(v_jobs) as i;
    end if;
end
$$;

comment on function jobstream.enqueue_many(jsonb) is
'Enqueues an array of objects with the names of enqueue''s parameters: all or none. Answers in order.';

-- functions/enqueue/enqueue.sql
create function jobstream.enqueue(
    kind text,
    args jsonb default '{}',
    queue text default 'default',
    priority integer default 0,
    scheduled_at timestamptz default null,
    delay interval default null,
    deadline timestamptz default null,
    idempotency_key text default null,
    max_attempts integer default 3,
    backoff jsonb default null,
    timeout_seconds integer default null,
    labels jsonb default null,
    concurrency_key text default null,
    await_jobs text[] default null,
    await_for text default null,
    unique_for text default null,
    unique_key text default null,
    owner text default '',
    triggered_by text default null,
    parent_job text default null,
    class text default null,
    mode text default null,
    scope text default null
)
returns table (id text, status text, idempotent boolean)
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
as $$
declare
    v_jobs jobstream.new_job[] := array[row(
        jobstream.new_id(), 1, enqueue.kind, coalesce(enqueue.args, '{}'), coalesce(enqueue.queue, 'default'),
        coalesce(enqueue.priority, 0), enqueue.scheduled_at, enqueue.delay, enqueue.deadline,
        enqueue.idempotency_key, coalesce(enqueue.max_attempts, 3), nullif(enqueue.backoff, 'null'),
        enqueue.timeout_seconds, coalesce(nullif(enqueue.labels, 'null'), '{}'), enqueue.concurrency_key,
        enqueue.await_jobs, coalesce(enqueue.await_for, 'done'), enqueue.unique_for, enqueue.unique_key,
        coalesce(enqueue.owner, ''), enqueue.triggered_by, enqueue.parent_job, enqueue.class, enqueue.mode,
        enqueue.scope, 'demand', null, null, null, null
    )::jobstream.new_job];
begin
    perform jobstream.act_as('enqueue');
    if enqueue.idempotency_key is not null or enqueue.unique_key is not null then
        return query select i.id, i.status, i.idempotent from jobstream.insert_jobs_in_time(v_jobs) as i;
    else
        return query select i.id, i.status, i.idempotent from jobstream.insert_jobs(v_jobs) as i;
    end if;
end
$$;

comment on function jobstream.enqueue(
    text, jsonb, text, integer, timestamptz, interval, timestamptz, text, integer, jsonb, integer, jsonb, text,
    text[], text, text, text, text, text, text, text, text, text
) is 'Enqueues one job. select * from jobstream.enqueue(''thumbnail'', ''{"path": "a.png"}'', queue => ''images'');';

-- functions/claim/take_allowance.sql
-- How many jobs a queue may hand out now, at most p_limit: pause, max_running and rate. Where max_running or a rate is
-- set the queue's row stays locked until the transaction ends, and counting is a statement of its own after the lock:
-- in one statement max_running = 1 ran two.
create function jobstream.take_allowance(p_queue text, p_limit integer)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_queue jobstream.queues;
    v_now pg_catalog.timestamptz;
    v_running bigint;
begin
    select q.* into v_queue from jobstream.queues as q where q.name = p_queue;
    if not found or (not v_queue.paused and v_queue.max_running is null and v_queue.rate_count is null) then
        return p_limit;
    elsif v_queue.paused then
        return 0;
    elsif current_setting('transaction_isolation') <> 'read committed' then
        perform jobstream.refuse('JS400', 'claiming from a queue with limits wants READ COMMITTED');
    end if;

    select q.* into v_queue from jobstream.queues as q where q.name = p_queue for update;
    if v_queue.max_running is not null then
        select count(*)
        into v_running
        from jobstream.jobs as j
        where j.status = 'running' and j.queue = p_queue;
        p_limit := least(p_limit, v_queue.max_running - v_running);
    end if;
    if v_queue.rate_count is not null then
        v_now := jobstream.clock();
        if v_queue.rate_filled_at > v_now then -- the clock was set back: an empty bucket would stay so until it catches up
            update jobstream.queues as q set rate_filled_at = v_now where q.name = p_queue;
            v_queue.rate_filled_at := v_now;
        end if;
        p_limit := least(p_limit, floor(jobstream.rate_tokens(v_queue, v_now) + 1e-9));
    end if;
    return greatest(p_limit, 0);
end
$$;

comment on function jobstream.take_allowance(text, integer) is
'How many jobs a queue may hand out now; locks the queue''s row where it has limits.';

-- functions/claim/rate_tokens.sql
-- Tokens in a queue's bucket at a time: it starts full and fills at rate_count / rate_seconds a second.
create function jobstream.rate_tokens(p_queue jobstream.queues, p_now timestamptz)
returns double precision
language sql
immutable
as $$
    select least(
        p_queue.rate_count::double precision,
        coalesce(p_queue.rate_tokens, p_queue.rate_count)
        + greatest(extract(epoch from p_now - coalesce(p_queue.rate_filled_at, p_now)), 0)
        * p_queue.rate_count / p_queue.rate_seconds
    )
$$;

comment on function jobstream.rate_tokens(jobstream.queues, timestamptz) is
'Tokens in a queue''s bucket at that time.';

-- functions/claim/spend_tokens.sql
create function jobstream.spend_tokens(p_queue text, p_count bigint)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
begin
    update jobstream.queues as q
    set rate_tokens = jobstream.rate_tokens(q, v_now) - p_count, rate_filled_at = v_now
    where q.name = p_queue and q.rate_count is not null;
end
$$;

comment on function jobstream.spend_tokens(text, bigint) is 'Takes tokens out of a queue''s bucket.';

-- functions/claim/is_position.sql
-- Whether a JSON value is an object of positions: {"<queue>": [priority, "id"]}.
create function jobstream.is_position(p_after jsonb)
returns boolean
language sql
immutable
as $$
    select case
        when pg_catalog.jsonb_typeof(p_after) <> 'object' then false
        else not exists (
            select from pg_catalog.jsonb_each(p_after) as p
            where pg_catalog.jsonb_typeof(p.value) <> 'array'
                or pg_catalog.jsonb_typeof(p.value -> 0) is distinct from 'number'
                or p.value ->> 0 !~ '^-?[0-9]{1,10}$'
                or not (p.value ->> 0)::bigint between -2147483648 and 2147483647
                or pg_catalog.jsonb_typeof(p.value -> 1) is distinct from 'string'
        )
    end
$$;

comment on function jobstream.is_position(jsonb) is 'Whether it can be the parameter after of claim().';

-- functions/claim/claim.sql
-- Claims up to n jobs, queues in array order. after: {"<queue>": [priority, "id"]}, the last position that the caller
-- claimed: the scan starts behind it (dead entries of an old snapshot stay at the head of the index) and starts anew from
-- the head, in the same call, where that gives fewer than asked.
-- Nothing: no job is due, or its queue is paused, full or out of tokens. READ COMMITTED.
-- Locks and writes: the jobs it returns; rows of queues with limits; jobs that are settled on the way.
create function jobstream.claim(
    queues text[],
    n integer default 1,
    worker text default null,
    lease interval default '30 s',
    after jsonb default null
)
returns setof jobstream.jobs
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
set enable_bitmapscan = off
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_worker pg_catalog.text := coalesce(
        claim.worker, concat_ws('/', session_user, nullif(current_setting('application_name'), ''), pg_backend_pid())
    );
    v_left integer := least(claim.n, 10000);
    v_queue pg_catalog.text;
    v_allowed integer;
    v_rows integer;
    v_behind pg_catalog.jsonb;
begin
    perform jobstream.act_as('work');
    if claim.queues is null or array_position(claim.queues, null) is not null then
        perform jobstream.refuse('JS400', 'queues must be an array of names');
    elsif claim.n is null or claim.n < 0 then
        perform jobstream.refuse('JS400', 'n must not be negative');
    elsif claim.lease is null or claim.lease < interval '1 s' or claim.lease > interval '1 day' then
        perform jobstream.refuse('JS400', 'lease must be 1 second to 1 day');
    elsif char_length(claim.worker) not between 1 and 256 then
        perform jobstream.refuse('JS400', 'worker must be a name of 1 to 256 characters');
    elsif claim.after is not null and not coalesce(jobstream.is_position(claim.after), false) then
        perform jobstream.refuse('JS400', 'after must be like {"default": [0, "01J..."]}');
    end if;
    if jobstream.is_unsettled(v_now) then
        perform jobstream.settle_jobs(200);
    end if;

    foreach v_queue in array claim.queues loop
        exit when v_left <= 0;
        v_allowed := jobstream.take_allowance(v_queue, v_left);
        v_left := v_left - v_allowed;
        -- First behind the position, then from the head.
        foreach v_behind in array array[claim.after -> v_queue, '[-2147483648, ""]'] loop
            continue when v_behind is null or v_allowed = 0;
            return query
            with picked as materialized (
                select j.ctid as place
                from jobstream.jobs as j
                where j.status = 'pending'
                    and j.queue = v_queue
                    and (j.priority, j.id) > ((v_behind ->> 0)::integer, v_behind ->> 1)
                    and (j.deadline is null or j.deadline > v_now)
                order by j.priority, j.id
                limit v_allowed
                for update skip locked
            ),

            leased as (
                update jobstream.jobs as j
                set
                    revision = j.revision + 1,
                    status = 'running',
                    attempt = j.attempt + 1,
                    worker = v_worker,
                    lease_until = v_now + claim.lease,
                    started_at = v_now,
                    progress = null
                where j.ctid = any (array(select p.place from picked as p))
                returning j.*
            )

            select * from leased as l order by l.priority, l.id;
            get diagnostics v_rows = row_count;
            v_allowed := v_allowed - v_rows;
            if v_rows > 0 then
                perform jobstream.spend_tokens(v_queue, v_rows);
            end if;
        end loop;
        v_left := v_left + v_allowed;
    end loop;
end
$$;

comment on function jobstream.claim(text[], integer, text, interval, jsonb) is
'Leases up to n jobs of the queues, in array order. select * from jobstream.claim(''{default}'', 10);';

-- functions/worker_verbs/end_attempt.sql
-- Ends an attempt: the one place where a running job's row is closed. Null scheduled_at keeps what stands.
create function jobstream.end_attempt(
    p_id text, p_verb text, p_status text, p_reason text default null, p_due timestamptz default null,
    p_error jsonb default null, p_failures integer default 0, p_crashes integer default 0
)
returns text
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
begin
    update jobstream.jobs as j
    set
        revision = j.revision + 1,
        status = p_status,
        reason = p_reason,
        scheduled_at = coalesce(p_due, j.scheduled_at),
        hold = case when p_status in ('waiting', 'failed') then 'time' end,
        completed_at = case when jobstream.is_terminal(p_status) then v_now end,
        worker = null,
        lease_until = null,
        cancel_requested = false,
        cancel_requested_at = null,
        failures = j.failures + p_failures,
        crashes = j.crashes + p_crashes,
        last_error = coalesce(jobstream.error_text(p_error), j.last_error),
        errors = case when p_error is null then j.errors else jobstream.add_error(j.errors, p_error) end,
        error_count = j.error_count + case when p_error is null then 0 else 1 end,
        ended_attempt = j.attempt,
        ended_verb = p_verb
    where j.id = p_id;
    return p_status;
end
$$;

comment on function jobstream.end_attempt(text, text, text, text, timestamptz, jsonb, integer, integer) is
'Closes the row of a running job: its next status, reason, due time and error.';

-- functions/worker_verbs/complete.sql
create function jobstream.complete(id text, attempt integer, result jsonb default null, cost_usd numeric default null)
returns text
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_fault pg_catalog.text := jobstream.json_fault(complete.result);
    v_job jobstream.jobs;
begin
    perform jobstream.act_as('work');
    if v_fault is not null then
        perform jobstream.refuse('JS400', 'result ' || v_fault, '{"field": "result"}');
    elsif complete.cost_usd < 0 or complete.cost_usd > 1e18 then
        perform jobstream.refuse('JS400', 'cost_usd must be a number from 0 to 1e18', '{"field": "cost_usd"}');
    end if;
    v_job := jobstream.lock_attempt(complete.id, complete.attempt, 'complete');
    if v_job.id is null then
        return (select j.status from jobstream.jobs as j where j.id = complete.id);
    end if;
    update jobstream.jobs as j
    set
        revision = j.revision + 1,
        status = 'done',
        completed_at = jobstream.clock(),
        worker = null,
        lease_until = null,
        cancel_requested = false,
        cancel_requested_at = null,
        result = complete.result,
        cost_usd = coalesce(complete.cost_usd, j.cost_usd),
        ended_attempt = j.attempt,
        ended_verb = 'complete'
    where j.id = complete.id;
    return 'done';
end
$$;

comment on function jobstream.complete(text, integer, jsonb, numeric) is
'Ends an attempt well; answers the status after. JS410: the lease is lost.';

-- functions/worker_verbs/complete_many.sql
-- Completes many; never raises for one of them: lost says which attempts no longer ran. A result over 1 MiB sets its own
-- job aside (dlq, unstorable_result). Rows are locked in ascending id in one statement and written in the next, whose
-- snapshot sees what was locked; results travel in one object, so that no join of jobs to an array is needed.
create function jobstream.complete_many(ids text[], attempts integer[], results jsonb[] default null)
returns table (id text, status text, lost boolean)
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_places pg_catalog.tid[];
    v_results pg_catalog.jsonb;
    v_too_long pg_catalog.text[];
begin
    perform jobstream.act_as('work');
    if cardinality(ids) <> cardinality(attempts) or cardinality(ids) <> coalesce(cardinality(results), cardinality(ids))
    then
        perform jobstream.refuse('JS400', 'ids, attempts and results must be of one length');
    end if;
    if array_length(array_remove(results, null), 1) > 0 then
        select
            jsonb_object_agg(u.id, u.result) filter (where jobstream.json_fault(u.result) is null),
            array_agg(u.id) filter (where jobstream.json_fault(u.result) is not null)
        into v_results, v_too_long
        from unnest(complete_many.ids, complete_many.results) as u (id, result)
        where u.result is not null and u.id is not null;
    end if;

    v_places := array(
        select locked.place
        from (
            select u.id, u.attempt
            from unnest(complete_many.ids, complete_many.attempts) as u (id, attempt)
            order by u.id
            offset 0
        ) as asked
        cross join lateral (
            select j.ctid as place, j.status as status_now
            from jobstream.jobs as j
            where j.id = asked.id and j.attempt = asked.attempt
            for update
            offset 0
        ) as locked
        where locked.status_now = 'running' and asked.id <> all (coalesce(v_too_long, '{}'))
    );
    update jobstream.jobs as j
    set
        revision = j.revision + 1,
        status = 'done',
        completed_at = v_now,
        worker = null,
        lease_until = null,
        cancel_requested = false,
        cancel_requested_at = null,
        result = v_results -> j.id,
        ended_attempt = j.attempt,
        ended_verb = 'complete'
    where j.ctid = any (array(select p.place from unnest(v_places) as p (place)));

    if v_too_long is not null then
        perform jobstream.reject_result(u.id, u.attempt, 'the result is over 1 MiB')
        from unnest(complete_many.ids, complete_many.attempts) as u (id, attempt)
        cross join lateral (
            select from jobstream.jobs as j
            where j.id = u.id and j.attempt = u.attempt and j.status = 'running'
        ) as running
        where u.id = any (v_too_long);
    end if;

    return query
    select u.id, j.status, coalesce(j.ended_attempt <> u.attempt or j.ended_verb not in ('complete', 'reject'), true)
    from unnest(complete_many.ids, complete_many.attempts) with ordinality as u (id, attempt, place)
    left join lateral (
        select t.status, t.ended_attempt, t.ended_verb
        from jobstream.jobs as t
        where t.id = u.id
        offset 0
    ) as j on true
    order by u.place;
end
$$;

comment on function jobstream.complete_many(text[], integer[], jsonb[]) is
'Ends many attempts well, in one statement; lost: that attempt no longer ran.';

-- functions/worker_verbs/fail.sql
create function jobstream.fail(
    id text, attempt integer, error jsonb, retryable boolean default true, retry_at timestamptz default null
)
returns text
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_job jobstream.jobs;
    v_error pg_catalog.jsonb;
    v_due pg_catalog.timestamptz;
begin
    perform jobstream.act_as('work');
    if jobstream.time_fault(fail.retry_at) is not null then
        perform jobstream.refuse('JS400', 'retry_at must be a time of the years 1 to 9999', '{"field": "retry_at"}');
    end if;
    v_job := jobstream.lock_attempt(fail.id, fail.attempt, 'fail');
    if v_job.id is null then
        return (select j.status from jobstream.jobs as j where j.id = fail.id);
    end if;
    v_error := jobstream.error_entry(v_job, fail.error);
    v_due := coalesce(fail.retry_at, jobstream.clock() + jobstream.backoff_delay(v_job.backoff, v_job.failures + 1));
    return case
        when v_job.cancel_requested
        then jobstream.end_attempt(v_job.id, 'fail', 'cancelled', 'requested', null, v_error, 1)
        when not coalesce(fail.retryable, true)
        then jobstream.end_attempt(v_job.id, 'fail', 'dlq', 'not_retryable', null, v_error, 1)
        when v_job.failures + 1 >= v_job.max_attempts
        then jobstream.end_attempt(v_job.id, 'fail', 'dlq', 'attempts', null, v_error, 1)
        when v_due > v_job.deadline
        then jobstream.end_attempt(v_job.id, 'fail', 'dlq', 'deadline', null, v_error, 1)
        else jobstream.end_attempt(v_job.id, 'fail', 'failed', null, v_due, v_error, 1)
    end;
end
$$;

comment on function jobstream.fail(text, integer, jsonb, boolean, timestamptz) is
'Ends an attempt badly: failed with a next attempt, or dlq; answers the status after. error: text or {type, message, traceback}.';

-- functions/worker_verbs/reject_result.sql
create function jobstream.reject_result(id text, attempt integer, error text)
returns text
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_job jobstream.jobs;
    v_error pg_catalog.jsonb;
begin
    perform jobstream.act_as('work');
    v_job := jobstream.lock_attempt(reject_result.id, reject_result.attempt, 'reject');
    if v_job.id is null then
        return (select j.status from jobstream.jobs as j where j.id = reject_result.id);
    end if;
    v_error := jobstream.error_entry(
        v_job, jsonb_build_object('type', 'UnstorableResult', 'message', reject_result.error)
    );
    if v_job.cancel_requested then
        return jobstream.end_attempt(v_job.id, 'reject', 'cancelled', 'requested', null, v_error, 1);
    end if;
    return jobstream.end_attempt(v_job.id, 'reject', 'dlq', 'unstorable_result', null, v_error, 1);
end
$$;

comment on function jobstream.reject_result(text, integer, text) is
'The attempt ended well, but its result cannot be stored: dlq, unstorable_result.';

-- functions/worker_verbs/release.sql
create function jobstream.release(id text, attempt integer, delay interval default '0')
returns text
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_job jobstream.jobs;
begin
    perform jobstream.act_as('work');
    if release.delay is null or release.delay > interval '100 years' then
        perform jobstream.refuse('JS400', 'delay must be at most 100 years', '{"field": "delay"}');
    end if;
    v_job := jobstream.lock_attempt(release.id, release.attempt, 'release');
    if v_job.id is null then
        return (select j.status from jobstream.jobs as j where j.id = release.id);
    elsif v_job.cancel_requested then
        return jobstream.end_attempt(v_job.id, 'release', 'cancelled', 'requested');
    elsif release.delay > interval '0' then
        return jobstream.end_attempt(
            v_job.id, 'release', 'waiting', null, jobstream.clock() + release.delay
        );
    end if;
    return jobstream.end_attempt(v_job.id, 'release', 'pending');
end
$$;

comment on function jobstream.release(text, integer, interval) is
'Gives an attempt back, unspent: pending, or waiting for the delay; answers the status after.';

-- functions/worker_verbs/heartbeat.sql
-- Renews many leases; rows that somebody has locked are left for the next time. An expired lease that nobody has rescued
-- is renewed too.
create function jobstream.heartbeat(ids text[], attempts integer[], lease interval default '30 s')
returns table (id text, lost boolean, cancel_requested boolean)
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_until pg_catalog.timestamptz := jobstream.clock() + heartbeat.lease;
    v_places pg_catalog.tid[];
begin
    perform jobstream.act_as('work');
    if cardinality(ids) <> cardinality(attempts) then
        perform jobstream.refuse('JS400', 'ids and attempts must be of one length');
    elsif heartbeat.lease is null or heartbeat.lease < interval '1 s' or heartbeat.lease > interval '1 day' then
        perform jobstream.refuse('JS400', 'lease must be 1 second to 1 day', '{"field": "lease"}');
    end if;
    v_places := array(
        select locked.place
        from (
            select u.id, u.attempt
            from unnest(heartbeat.ids, heartbeat.attempts) as u (id, attempt)
            order by u.id
            offset 0
        ) as asked
        cross join lateral (
            select j.ctid as place, j.status as status_now
            from jobstream.jobs as j
            where j.id = asked.id and j.attempt = asked.attempt
            for update skip locked
            offset 0
        ) as locked
        where locked.status_now = 'running'
    );
    update jobstream.jobs as j
    set lease_until = v_until, revision = j.revision + 1
    where j.ctid = any (array(select p.place from unnest(v_places) as p (place)));

    return query
    select
        u.id,
        coalesce(j.status <> 'running' or j.attempt <> u.attempt, true),
        coalesce(j.status = 'running' and j.attempt = u.attempt and j.cancel_requested, false)
    from unnest(heartbeat.ids, heartbeat.attempts) with ordinality as u (id, attempt, place)
    left join lateral (
        select t.status, t.attempt, t.cancel_requested
        from jobstream.jobs as t
        where t.id = u.id
        offset 0
    ) as j on true
    order by u.place;
end
$$;

comment on function jobstream.heartbeat(text[], integer[], interval) is
'Renews the leases of running attempts; says which are lost and which should stop.';

-- functions/worker_verbs/report_progress.sql
create function jobstream.report_progress(
    id text, attempt integer, current numeric, total numeric default null, step text default null,
    cost_usd numeric default null
)
returns boolean
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_job jobstream.jobs;
    v_elapsed numeric;
begin
    perform jobstream.act_as('work');
    if report_progress.current is null or not report_progress.current between 0 and 1e18 then
        perform jobstream.refuse('JS400', 'current must be a number from 0 to 1e18', '{"field": "current"}');
    elsif not report_progress.total between 0 and 1e18 then
        perform jobstream.refuse('JS400', 'total must be a number from 0 to 1e18', '{"field": "total"}');
    elsif char_length(report_progress.step) > 1024 then
        perform jobstream.refuse('JS400', 'step must be at most 1024 characters', '{"field": "step"}');
    elsif report_progress.cost_usd < 0 or report_progress.cost_usd > 1e18 then
        perform jobstream.refuse('JS400', 'cost_usd must be a number from 0 to 1e18', '{"field": "cost_usd"}');
    end if;
    v_job := jobstream.lock_attempt(report_progress.id, report_progress.attempt, 'none');
    v_elapsed := extract(epoch from jobstream.clock() - v_job.started_at);
    update jobstream.jobs as j
    set
        revision = j.revision + 1,
        cost_usd = coalesce(report_progress.cost_usd, j.cost_usd),
        progress = jsonb_build_object(
            'current', report_progress.current,
            'total', report_progress.total,
            'percent', case
                when report_progress.total > 0
                then round(100 * least(report_progress.current / report_progress.total, 1), 1)
            end,
            'step', report_progress.step,
            'eta_secs', case
                when report_progress.total > 0 and report_progress.current > 0
                then least(ceil(
                    v_elapsed * greatest(report_progress.total - report_progress.current, 0) / report_progress.current
                ), 1e9)
            end
        )
    where j.id = report_progress.id;
    return v_job.cancel_requested;
end
$$;

comment on function jobstream.report_progress(text, integer, numeric, numeric, text, numeric) is
'Says how far an attempt is; answers whether it was asked to stop.';

-- functions/worker_verbs/add_event.sql
-- An event of a running attempt, beside the job's row.
create function jobstream.add_event(p_job jobstream.jobs, p_type text, p_data jsonb)
returns void
language plpgsql
set search_path = ''
as $$
begin
    perform jobstream.keep_events_durable();
    insert into jobstream.job_events (
        job_id, type, status, attempt, queue, kind, owner, pipeline_id, labels, by, data
    )
    values (
        p_job.id, p_type, p_job.status, p_job.attempt, p_job.queue, p_job.kind, p_job.owner, p_job.pipeline_id,
        p_job.labels, jobstream.actor(), p_data
    );
end
$$;

comment on function jobstream.add_event(jobstream.jobs, text, jsonb) is
'Writes one event of a job whose row is locked.';

-- functions/worker_verbs/log.sql
create function jobstream.log(id text, attempt integer, message text, level text default 'info')
returns void
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
begin
    perform jobstream.act_as('work');
    if log.message is null or octet_length(log.message) > 8192 then
        perform jobstream.refuse('JS400', 'message must be at most 8 KiB', '{"field": "message"}');
    elsif log.level is null or log.level not in ('debug', 'info', 'warning', 'error', 'critical') then
        perform jobstream.refuse(
            'JS400', 'level must be debug, info, warning, error or critical', '{"field": "level"}'
        );
    end if;
    perform jobstream.add_event(
        jobstream.lock_attempt(log.id, log.attempt, 'none'), 'log',
        jsonb_build_object('level', log.level, 'message', log.message)
    );
end
$$;

comment on function jobstream.log(text, integer, text, text) is 'A line of log on the job''s stream; at most 8 KiB.';

-- functions/worker_verbs/emit.sql
create function jobstream.emit(id text, attempt integer, type text, data jsonb default '{}')
returns void
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
begin
    perform jobstream.act_as('work');
    if emit.type is null or emit.type !~ '^[a-z][a-z0-9_.-]{0,63}$' or emit.type in (
        'status', 'progress', 'log', 'updated', 'deleted', 'pipeline', 'hello', 'heartbeat', 'reset', 'end',
        'overloaded', 'summary', 'message', 'open', 'error'
    ) then
        perform jobstream.refuse(
            'JS400', 'type must be [a-z][a-z0-9_.-]{0,63} and none of the product''s own types', '{"field": "type"}'
        );
    elsif pg_column_size(emit.data) > 10000 and octet_length(emit.data::pg_catalog.text) > 65536
        and jobstream.json_length(emit.data) > 65536
    then
        perform jobstream.refuse('JS400', 'data must be at most 64 KiB', '{"field": "data"}');
    end if;
    perform jobstream.add_event(
        jobstream.lock_attempt(emit.id, emit.attempt, 'none'), emit.type, coalesce(emit.data, '{}')
    );
end
$$;

comment on function jobstream.emit(text, integer, text, jsonb) is
'An event of the user''s own type on the job''s stream; data at most 64 KiB.';

-- functions/steering/lock_job.sql
create function jobstream.lock_job(p_id text)
returns jobstream.jobs
language plpgsql
set search_path = ''
as $$
declare
    v_job jobstream.jobs;
begin
    select j.* into v_job from jobstream.jobs as j where j.id = p_id for update;
    if not found or not jobstream.may_touch(v_job.owner) then
        perform jobstream.refuse('JS404', 'no such job: ' || coalesce(p_id, 'null'));
    end if;
    return v_job;
end
$$;

comment on function jobstream.lock_job(text) is 'Locks a job to steer it; JS404.';

-- functions/steering/cancel.sql
-- Cancels a job that does not run; of a running one (force) asks its worker to stop: told with its heartbeat and by
-- NOTIFY jobstream_cancel; after the grace of 10 s maintain() takes the lease away. Ended jobs stay as they are.
create function jobstream.cancel(id text, force boolean default false)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_job jobstream.jobs := jobstream.lock_job(cancel.id);
begin
    perform jobstream.act_as('cancel');
    if jobstream.is_terminal(v_job.status) then
        return v_job.status;
    elsif v_job.status <> 'running' then
        perform jobstream.cancel_held(array[v_job.id]);
        return 'cancelled';
    elsif not coalesce(cancel.force, false) then
        perform jobstream.refuse('JS409', 'the job is running: cancel it with force, or wait for its end');
    end if;
    if not v_job.cancel_requested then
        update jobstream.jobs as j
        set revision = j.revision + 1, cancel_requested = true, cancel_requested_at = jobstream.clock()
        where j.id = v_job.id;
        perform jobstream.ring('jobstream_cancel', v_job.worker);
    end if;
    return 'running';
end
$$;

comment on function jobstream.cancel(text, boolean) is
'Cancels a job; a running one only with force, by asking its worker to stop. Answers the status after.';

-- functions/steering/cancel_held.sql
-- Cancels locked jobs that do not run.
create function jobstream.cancel_held(p_ids text[])
returns void
language plpgsql
set search_path = ''
as $$
begin
    delete from jobstream.job_awaits as a where a.job_id = any (p_ids);
    update jobstream.jobs as j
    set revision = j.revision + 1, status = 'cancelled', reason = 'requested', hold = null, completed_at = jobstream.clock()
    where j.id = any (p_ids);
end
$$;

comment on function jobstream.cancel_held(text[]) is 'Cancels locked jobs that are waiting, pending or failed.';

-- functions/steering/await_again.sql
-- What locked jobs that are started anew wait for again: upstreams that have not ended, or are started anew with them.
create function jobstream.await_again(p_ids text[])
returns void
language sql
volatile
set search_path = ''
as $$
    insert into jobstream.job_awaits (job_id, upstream_id)
    select distinct j.id, u.id
    from jobstream.jobs as j
    cross join lateral unnest(j.await_jobs) as a (id)
    inner join jobstream.jobs as u on a.id = u.id
    where j.id = any (p_ids)
        and j.status <> 'failed'
        and (u.status not in ('done', 'dlq', 'cancelled') or u.id = any (p_ids))
    on conflict do nothing
$$;

comment on function jobstream.await_again(text[]) is 'Notes what jobs that are started anew wait for again.';

-- functions/steering/restart_jobs.sql
-- Starts locked jobs anew that ended or failed: counters at 0, a deadline that has passed and the result dropped,
-- history kept. They wait again for upstreams that have not ended.
create function jobstream.restart_jobs(p_ids text[])
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
begin
    perform jobstream.await_again(p_ids);
    update jobstream.jobs as j
    set
        revision = j.revision + 1,
        status = case when not gate.is_shut then 'pending' when j.status = 'failed' then 'failed' else 'waiting' end,
        hold = case when gate.is_shut then 'settling' end,
        trigger = 'retry',
        failures = 0,
        crashes = 0,
        deadline = case when j.deadline > v_now then j.deadline end,
        result = null,
        progress = null,
        reason = null,
        completed_at = null,
        cancel_requested = false,
        cancel_requested_at = null,
        scheduled_at = v_now
    from (
        select
            t.id,
            t.concurrency_key is not null
            or exists (select from jobstream.job_awaits as a where a.job_id = t.id) as is_shut
        from unnest(p_ids) as i (id)
        inner join jobstream.jobs as t on i.id = t.id
    ) as gate
    where j.id = gate.id;
end
$$;

comment on function jobstream.restart_jobs(text[]) is 'Starts locked jobs anew that ended or failed.';

-- functions/steering/retry.sql
create function jobstream.retry(id text)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_job jobstream.jobs := jobstream.lock_job(retry.id);
begin
    perform jobstream.act_as('retry');
    if v_job.status not in ('done', 'dlq', 'cancelled', 'failed') then
        perform jobstream.refuse('JS409', 'only a job that ended or failed can be retried; it is ' || v_job.status);
    end if;
    perform jobstream.restart_jobs(array[v_job.id]);
    return (select j.status from jobstream.jobs as j where j.id = v_job.id);
end
$$;

comment on function jobstream.retry(text) is
'Starts a job anew that ended or failed, with its counters at 0 and its history kept. Answers the status after.';

-- functions/steering/run_now.sql
create function jobstream.run_now(id text)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_job jobstream.jobs := jobstream.lock_job(run_now.id);
begin
    perform jobstream.act_as('run_now');
    if v_job.status = 'pending' then
        return v_job.status;
    elsif v_job.status not in ('waiting', 'failed') then
        perform jobstream.refuse('JS409', 'only a job that waits can be run now; it is ' || v_job.status);
    end if;
    return jobstream.set_due(v_job, jobstream.clock());
end
$$;

comment on function jobstream.run_now(text) is
'Makes a waiting or failed job due now; upstreams and keys still hold it. Answers the status after.';

-- functions/steering/reschedule.sql
create function jobstream.reschedule(id text, at timestamptz)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_job jobstream.jobs;
begin
    perform jobstream.act_as('reschedule');
    if reschedule.at is null or jobstream.time_fault(reschedule.at) is not null then
        perform jobstream.refuse('JS400', 'at must be a time of the years 1 to 9999', '{"field": "at"}');
    end if;
    v_job := jobstream.lock_job(reschedule.id);
    if v_job.status not in ('waiting', 'pending', 'failed') then
        perform jobstream.refuse('JS409', 'only a job that waits can be rescheduled; it is ' || v_job.status);
    end if;
    return jobstream.set_due(v_job, reschedule.at);
end
$$;

comment on function jobstream.reschedule(text, timestamptz) is
'Makes a waiting, pending or failed job due at that time. Answers the status after.';

-- functions/steering/set_due.sql
-- Sets the due time of a locked job, and whether it is held until then.
create function jobstream.set_due(p_job jobstream.jobs, p_at timestamptz)
returns text
language plpgsql
set search_path = ''
as $$
declare
    v_gated boolean := p_job.concurrency_key is not null
        or exists (select from jobstream.job_awaits as a where a.job_id = p_job.id);
    v_hold pg_catalog.text := case
        when v_gated then 'settling'
        when p_at > jobstream.clock() then 'time'
    end;
    v_status pg_catalog.text := case
        when v_hold is null or (p_job.status = 'pending' and p_at <= jobstream.clock()) then 'pending'
        when p_job.status = 'failed' then 'failed'
        else 'waiting'
    end;
begin
    update jobstream.jobs as j
    set revision = j.revision + 1, scheduled_at = p_at, status = v_status, hold = case when v_status <> 'pending' then v_hold end
    where j.id = p_job.id;
    return v_status;
end
$$;

comment on function jobstream.set_due(jobstream.jobs, timestamptz) is
'Sets the due time of a locked job and its status.';

-- functions/partitions/create_event_day.sql
create function jobstream.create_event_day(p_day date)
returns boolean
language plpgsql
set search_path = ''
set timezone = 'UTC'
set lock_timeout = '100ms'
as $$
declare
    v_name pg_catalog.text := 'job_events_' || to_char(p_day, 'YYYYMMDD');
begin
    if to_regclass('jobstream.' || v_name) is not null then
        return true;
    end if;
    execute format('create table jobstream.%I (like jobstream.job_events including defaults)', v_name);
    execute format(
        'alter table jobstream.job_events attach partition jobstream.%I for values from (%L) to (%L)',
        v_name, p_day::pg_catalog.timestamptz, (p_day + 1)::pg_catalog.timestamptz
    );
    execute format('comment on table jobstream.%I is %L', v_name, 'Events of ' || p_day || ' (UTC).');
    return true;
exception
    when lock_not_available or check_violation then
        return false;
end
$$;

comment on function jobstream.create_event_day(date) is
'Makes the partition of a UTC day; false: could not get its locks in time, or the net holds events of that day.';

-- functions/partitions/drop_event_day.sql
-- Drops a day, and keeps its largest xid and id: a cursor behind them gets a reset.
create function jobstream.drop_event_day(p_name text)
returns boolean
language plpgsql
set search_path = ''
set lock_timeout = '100ms'
as $$
declare
    v_max_xid pg_catalog.xid8;
    v_max_id bigint;
begin
    execute format('lock table jobstream.%I in access exclusive mode', p_name);
    execute format(
        'select (select e.xid from jobstream.%1$I as e order by e.xid desc limit 1), max(e.id) from jobstream.%1$I as e',
        p_name
    ) into v_max_xid, v_max_id;
    execute format('alter table jobstream.job_events detach partition jobstream.%I', p_name);
    execute format('drop table jobstream.%I', p_name);
    update jobstream.event_horizon as h
    set
        max_xid = case when v_max_xid > h.max_xid then v_max_xid else h.max_xid end,
        max_id = greatest(h.max_id, v_max_id)
    where v_max_id is not null;
    return true;
exception
    when lock_not_available then
        return false;
end
$$;

comment on function jobstream.drop_event_day(text) is
'Drops a partition of job_events; false: could not get its locks in time.';

-- functions/partitions/prune_event_net.sql
-- Deletes what is old in the net, where a day had no partition.
create function jobstream.prune_event_net(p_before timestamptz)
returns void
language sql
volatile
set search_path = ''
as $$
    with gone as (
        delete from jobstream.job_events_rest as e
        where e.ctid = any (array(select r.ctid from jobstream.job_events_rest as r where r.at < p_before limit 10000))
        returning e.xid, e.id
    )

    update jobstream.event_horizon as h
    set
        max_xid = (select g.xid from gone as g union all select h.max_xid order by xid desc limit 1),
        max_id = (select greatest(max(g.id), h.max_id) from gone as g)
    where exists (select from gone)
$$;

comment on function jobstream.prune_event_net(timestamptz) is
'Deletes old events that lie in no day''s partition, a batch.';

-- functions/partitions/set_event_retention.sql
-- How many days events are kept, for every process on this database. JS400 outside of 1 to 3650. Writes: settings.
create function jobstream.set_event_retention(days integer)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
    if days is null or days not between 1 and 3650 then
        perform jobstream.refuse('JS400', 'days must be 1 to 3650', jsonb_build_object('field', 'days'));
    end if;
    update jobstream.settings as s
    set value = days::pg_catalog.text
    where s.name = 'event_retention_days' and s.value <> days::pg_catalog.text;
end
$$;

comment on function jobstream.set_event_retention(integer) is
'How many days events are kept, and streams can be resumed: 1 to 3650.';

-- functions/partitions/keep_event_days.sql
-- Makes missing days and drops old ones; answers whether all could be done.
create function jobstream.keep_event_days()
returns boolean
language plpgsql
set search_path = ''
set timezone = 'UTC'
as $$
declare
    v_today pg_catalog.date := jobstream.clock()::pg_catalog.date;
    v_keep integer := (select s.value::integer from jobstream.settings as s where s.name = 'event_retention_days');
    v_name pg_catalog.text;
    v_all boolean := true;
begin
    for v_day in 0..14 loop
        v_all := jobstream.create_event_day(v_today + v_day) and v_all;
    end loop;
    perform jobstream.prune_event_net((v_today - coalesce(v_keep, 14))::pg_catalog.timestamptz);
    for v_name in
        select c.relname
        from pg_catalog.pg_inherits as i
        inner join pg_catalog.pg_class as c on i.inhrelid = c.oid
        where i.inhparent = 'jobstream.job_events'::pg_catalog.regclass
            and c.relname ~ '^job_events_[0-9]{8}$'
            and to_date(right(c.relname, 8), 'YYYYMMDD') < v_today - coalesce(v_keep, 14)
        order by c.relname
    loop
        v_all := jobstream.drop_event_day(v_name) and v_all;
    end loop;
    return v_all;
end
$$;

comment on function jobstream.keep_event_days() is
'Makes the days of job_events ahead and drops old ones; false: some wait for next time.';

-- functions/bulk/filter_values.sql
-- A value of a filter as an array of texts: a text, a number or an array of them.
create function jobstream.filter_values(p_filter jsonb, p_name text)
returns text[]
language sql
immutable
as $$
    select case pg_catalog.jsonb_typeof(p_filter -> p_name)
        when 'array' then array(select v.value from pg_catalog.jsonb_array_elements_text(p_filter -> p_name) as v)
        when 'null' then null
        else array[p_filter ->> p_name]
    end
    where p_filter ? p_name
$$;

comment on function jobstream.filter_values(jsonb, text) is 'The values of one name of a filter; null: not asked for.';

-- functions/bulk/check_filter.sql
create function jobstream.check_filter(p_filter jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_unknown pg_catalog.text;
begin
    if jsonb_typeof(p_filter) is distinct from 'object' then
        perform jobstream.refuse('JS400', 'filter must be an object', '{"field": "filter"}');
    end if;
    select min(k.name)
    into v_unknown
    from jsonb_object_keys(p_filter) as k (name)
    where k.name not in ('status', 'kind', 'queue', 'owner', 'pipeline_id', 'label', 'since', 'until', 'q');
    if v_unknown is not null then
        perform jobstream.refuse('JS400', 'unknown filter: ' || v_unknown, jsonb_build_object('field', v_unknown));
    end if;
    select min(f.name)
    into v_unknown
    from jsonb_each(p_filter) as f (name, value)
    cross join lateral jsonb_path_query(f.value, 'lax $[*]') as v (value)
    where jsonb_typeof(v.value) not in ('string', 'number', 'null')
        or (f.name in ('since', 'until', 'q') and jsonb_typeof(f.value) <> 'string')
        or (f.name = 'label' and v.value #>> '{}' !~ '^[^:]+:');
    if v_unknown is not null then
        perform jobstream.refuse(
            'JS400', 'a filter takes a text or an array of texts, label name:value; since, until and q one text', jsonb_build_object('field', v_unknown)
        );
    end if;
    perform (p_filter ->> 'since')::pg_catalog.timestamptz, (p_filter ->> 'until')::pg_catalog.timestamptz;
exception
    when data_exception then
        perform jobstream.refuse('JS400', 'since and until must be times', '{"field": "since"}');
end
$$;

comment on function jobstream.check_filter(jsonb) is 'Refuses (JS400) a filter with unknown names.';

-- functions/bulk/bulk_statuses.sql
-- Statuses that an action can do something about.
create function jobstream.bulk_statuses(p_action text)
returns text[]
language sql
immutable
as $$
    select case p_action
        when 'cancel' then array['waiting', 'pending', 'failed']
        when 'retry' then array['failed', 'done', 'dlq', 'cancelled']
        when 'delete' then array['done', 'dlq', 'cancelled']
    end
$$;

comment on function jobstream.bulk_statuses(text) is 'Which statuses cancel, retry or delete can change.';

-- functions/bulk/matching_jobs.sql
-- Jobs that match and can be changed, newest first, below a position.
create function jobstream.matching_jobs(
    p_action text, p_filter jsonb, p_owner text, p_below text, p_limit bigint
)
returns setof text
language sql
stable
set search_path = ''
as $$
    select j.id
    from jobstream.jobs as j
    where j.id < p_below
        and j.status = any (jobstream.bulk_statuses(p_action))
        and (p_owner is null or j.owner = p_owner)
        and (not p_filter ? 'status' or j.status = any (jobstream.filter_values(p_filter, 'status')))
        and (not p_filter ? 'kind' or j.kind = any (jobstream.filter_values(p_filter, 'kind')))
        and (not p_filter ? 'queue' or j.queue = any (jobstream.filter_values(p_filter, 'queue')))
        and (not p_filter ? 'owner' or j.owner = any (jobstream.filter_values(p_filter, 'owner')))
        and (not p_filter ? 'pipeline_id' or j.pipeline_id = any (jobstream.filter_values(p_filter, 'pipeline_id')))
        and (not p_filter ? 'since' or j.created_at >= (p_filter ->> 'since')::pg_catalog.timestamptz)
        and (not p_filter ? 'until' or j.created_at < (p_filter ->> 'until')::pg_catalog.timestamptz)
        and (
            not p_filter ? 'label'
            or exists (
                select from unnest(jobstream.filter_values(p_filter, 'label')) as l (pair)
                where j.labels ->> split_part(l.pair, ':', 1) = substr(l.pair, strpos(l.pair, ':') + 1)
            )
        )
        and (
            not p_filter ? 'q'
            or strpos(lower(j.kind), lower(p_filter ->> 'q')) > 0
            or strpos(lower(coalesce(j.last_error, '')), lower(p_filter ->> 'q')) > 0
        )
    order by j.id desc
    limit p_limit
$$;

comment on function jobstream.matching_jobs(text, jsonb, text, text, bigint) is
'Ids of jobs that match a filter and that the action can change, newest first.';

-- functions/bulk/start_bulk.sql
create function jobstream.start_bulk(p_action text, p_filter jsonb, p_dry_run boolean, p_owner text)
returns table (bulk_id text, matched bigint)
language plpgsql
set search_path = ''
as $$
begin
    perform jobstream.act_as('bulk');
    perform jobstream.check_filter(p_filter);
    select count(*) into matched from jobstream.matching_jobs(p_action, p_filter, p_owner, '~', null);
    if not coalesce(p_dry_run, true) then
        insert into jobstream.bulk_operations (action, filter, owner, matched, position, by)
        values (p_action, p_filter, p_owner, matched, jobstream.new_id(), jobstream.actor())
        returning id into bulk_id;
        perform jobstream.ring('jobstream_events', '');
    end if;
    return next;
end
$$;

comment on function jobstream.start_bulk(text, jsonb, boolean, text) is
'Counts what matches and, unless it is a dry run, notes the operation for maintain().';

-- functions/bulk/cancel_where.sql
create function jobstream.cancel_where(filter jsonb, dry_run boolean default true, owner text default null)
returns table (bulk_id text, matched bigint)
language sql
security definer
set search_path = ''
as $$
    select s.bulk_id, s.matched from jobstream.start_bulk('cancel', filter, dry_run, cancel_where.owner) as s
$$;

comment on function jobstream.cancel_where(jsonb, boolean, text) is
'Cancels all waiting, pending and failed jobs that match. First look: dry_run is true by default.';

-- functions/bulk/retry_where.sql
create function jobstream.retry_where(filter jsonb, dry_run boolean default true, owner text default null)
returns table (bulk_id text, matched bigint)
language sql
security definer
set search_path = ''
as $$
    select s.bulk_id, s.matched from jobstream.start_bulk('retry', filter, dry_run, retry_where.owner) as s
$$;

comment on function jobstream.retry_where(jsonb, boolean, text) is
'Retries all failed and ended jobs that match. First look: dry_run is true by default.';

-- functions/bulk/delete_where.sql
create function jobstream.delete_where(filter jsonb, dry_run boolean default true, owner text default null)
returns table (bulk_id text, matched bigint)
language sql
security definer
set search_path = ''
as $$
    select s.bulk_id, s.matched from jobstream.start_bulk('delete', filter, dry_run, delete_where.owner) as s
$$;

comment on function jobstream.delete_where(jsonb, boolean, text) is
'Deletes all ended jobs that match. First look: dry_run is true by default.';

-- functions/bulk/lock_batch.sql
-- Locks a batch for a bulk operation. Rows that are held for a moment are waited for; those held for longer are passed
-- over: they are counted as skipped.
create function jobstream.lock_batch(p_ids text[])
returns text[]
language plpgsql
set search_path = ''
set lock_timeout = '300ms'
as $$
begin
    perform jobstream.lock_jobs(p_ids);
    return p_ids;
exception
    when lock_not_available then
        return jobstream.take_jobs(p_ids);
end
$$;

comment on function jobstream.lock_batch(text[]) is 'Locks a batch, or those of it that are free; answers which.';

-- functions/bulk/work_on_bulk.sql
-- One batch of the oldest open operation that nobody else works on; true: there is more to do.
create function jobstream.work_on_bulk()
returns boolean
language plpgsql
set search_path = ''
as $$
declare
    v_batch constant integer := 500;
    v_before pg_catalog.text := coalesce(current_setting('jobstream.principal', true), '');
    v_bulk jobstream.bulk_operations;
    v_ids pg_catalog.text[];
    v_locked pg_catalog.text[];
    v_left bigint;
begin
    select b.*
    into v_bulk
    from jobstream.bulk_operations as b
    where b.status = 'running'
    order by b.id
    limit 1
    for update skip locked;
    if not found then
        return false;
    end if;
    v_ids := array(
        select m.id
        from jobstream.matching_jobs(v_bulk.action, v_bulk.filter, v_bulk.owner, v_bulk.position, v_batch) as m (id)
    );
    perform jobstream.act_as('bulk');
    perform set_config('jobstream.principal', coalesce(v_bulk."by", ''), true);
    v_locked := jobstream.lock_batch(v_ids);
    perform jobstream.do_duty_safely(v_bulk.action, v_locked);
    perform set_config('jobstream.principal', v_before, true);
    select cardinality(v_ids) - count(*)
    into v_left
    from jobstream.jobs as j
    where j.id = any (v_locked)
        and j.status <> all (jobstream.bulk_statuses(v_bulk.action));
    if v_bulk.action = 'delete' then
        select count(*) into v_left from jobstream.jobs as j where j.id = any (v_ids);
    end if;
    update jobstream.bulk_operations as b
    set
        position = coalesce((select min(i.id) from unnest(v_ids) as i (id)), b.position),
        done = b.done + cardinality(v_ids) - v_left,
        skipped = b.skipped + v_left,
        status = case when cardinality(v_ids) < v_batch then 'done' else 'running' end,
        completed_at = case when cardinality(v_ids) < v_batch then jobstream.clock() end
    where b.id = v_bulk.id;
    perform jobstream.act_as('maintain');
    return true;
end
$$;

comment on function jobstream.work_on_bulk() is
'One batch of the oldest open bulk operation; true: there may be more to do.';

-- functions/bulk/retry_dlq.sql
create function jobstream.retry_dlq(queue text default null, kind text default null, max integer default null)
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_ids pg_catalog.text[];
begin
    perform jobstream.act_as('retry');
    if retry_dlq.max < 0 then
        perform jobstream.refuse('JS400', 'max must not be negative', '{"field": "max"}');
    end if;
    v_ids := array(
        select j.id
        from jobstream.jobs as j
        where j.status = 'dlq'
            and (retry_dlq.queue is null or j.queue = retry_dlq.queue)
            and (retry_dlq.kind is null or j.kind = retry_dlq.kind)
        order by j.id
        limit retry_dlq.max
        for update skip locked
    );
    perform jobstream.restart_jobs(v_ids);
    return cardinality(v_ids);
end
$$;

comment on function jobstream.retry_dlq(text, text, integer) is
'Retries the oldest dead letters, at most max, of a queue and a kind (null: any); answers how many.';

-- functions/maintain/rescue_jobs.sql
-- Jobs whose worker was lost: back to pending at the first crash, failed for 5 to 30 s (so that suspects part) at the
-- second, set aside at the third.
create function jobstream.rescue_jobs(p_ids text[], p_message text)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_job jobstream.jobs;
    v_error pg_catalog.jsonb;
begin
    for v_job in
        select j.* from jobstream.jobs as j where j.id = any (p_ids) and j.status = 'running' order by j.id
    loop
        v_error := jobstream.error_entry(v_job, jsonb_build_object('type', 'WorkerLost', 'message', p_message));
        if v_job.cancel_requested then
            perform jobstream.end_attempt(v_job.id, 'rescue', 'cancelled', 'requested', null, v_error, 0, 1);
        elsif v_job.crashes >= 2 then
            perform jobstream.end_attempt(v_job.id, 'rescue', 'dlq', 'poison', null, v_error, 0, 1);
        elsif v_job.crashes = 1 then
            perform jobstream.end_attempt(
                v_job.id, 'rescue', 'failed', null,
                jobstream.clock() + make_interval(secs => 5 + 25 * random()), v_error, 0, 1
            );
        else
            perform jobstream.end_attempt(v_job.id, 'rescue', 'pending', null, null, v_error, 0, 1);
        end if;
    end loop;
end
$$;

comment on function jobstream.rescue_jobs(text[], text) is
'Takes locked running jobs from a worker that was lost.';

-- functions/maintain/end_grace.sql
-- Running jobs whose cancel grace is over.
create function jobstream.end_grace(p_ids text[])
returns void
language plpgsql
set search_path = ''
as $$
begin
    perform jobstream.end_attempt(
        j.id, 'cancel', 'cancelled', 'requested', null,
        jobstream.error_entry(
            j, jsonb_build_object('type', 'Cancelled', 'message', 'did not stop within the grace after a cancel')
        )
    )
    from jobstream.jobs as j
    where j.id = any (p_ids) and j.status = 'running' and j.cancel_requested;
end
$$;

comment on function jobstream.end_grace(text[]) is 'Takes the lease of locked jobs that did not stop when asked.';

-- functions/maintain/expire_jobs.sql
-- Jobs past their deadline that do not run.
create function jobstream.expire_jobs(p_ids text[])
returns void
language plpgsql
set search_path = ''
as $$
begin
    delete from jobstream.job_awaits as a where a.job_id = any (p_ids);
    update jobstream.jobs as j
    set
        revision = j.revision + 1,
        status = 'dlq',
        reason = 'deadline',
        hold = null,
        completed_at = jobstream.clock(),
        last_error = coalesce(j.last_error, 'the deadline passed')
    where j.id = any (p_ids) and j.status in ('waiting', 'pending', 'failed');
end
$$;

comment on function jobstream.expire_jobs(text[]) is 'Sets locked jobs aside whose deadline has passed.';

-- functions/maintain/do_duty.sql
-- One duty for some jobs that the caller has locked.
create function jobstream.do_duty(p_duty text, p_ids text[])
returns void
language plpgsql
set search_path = ''
as $$
begin
    case p_duty
        when 'promote' then perform jobstream.advance_jobs(p_ids);
        when 'rescue' then perform jobstream.rescue_jobs(p_ids, 'the lease expired');
        when 'bury' then perform jobstream.rescue_jobs(p_ids, 'the worker is gone');
        when 'grace' then perform jobstream.end_grace(p_ids);
        when 'expire' then perform jobstream.expire_jobs(p_ids);
        when 'prune', 'delete' then
            delete from jobstream.jobs as j where j.id = any (p_ids) and jobstream.is_terminal(j.status);
        when 'cancel' then
            perform jobstream.cancel_held(array(
                select j.id from jobstream.jobs as j
                where j.id = any (p_ids) and j.status = any (jobstream.bulk_statuses('cancel'))
            ));
        when 'retry' then
            perform jobstream.restart_jobs(array(
                select j.id from jobstream.jobs as j
                where j.id = any (p_ids) and j.status = any (jobstream.bulk_statuses('retry'))
            ));
    end case;
end
$$;

comment on function jobstream.do_duty(text, text[]) is 'One duty of maintenance for some jobs.';

-- functions/maintain/do_duty_safely.sql
-- The same, row by row where the batch fails: one bad row never blocks the rest.
create function jobstream.do_duty_safely(p_duty text, p_ids text[])
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_id pg_catalog.text;
    v_message pg_catalog.text;
begin
    if p_ids = '{}' then
        return;
    end if;
    begin
        perform jobstream.do_duty(p_duty, p_ids);
        return;
    exception
        when others then
            null;
    end;
    foreach v_id in array p_ids loop
        begin
            perform jobstream.do_duty(p_duty, array[v_id]);
        exception
            when others then
                get stacked diagnostics v_message = message_text;
                raise warning 'jobstream: % of job % failed: %', p_duty, v_id, v_message;
        end;
    end loop;
end
$$;

comment on function jobstream.do_duty_safely(text, text[]) is
'One duty for some jobs: together, or one by one where that fails.';

-- functions/maintain/lost_workers.sql
-- Notes which workers' advisory locks are gone, and names those gone for 3 s. A lock taken before the server's start says
-- nothing, nor does a worker that withdrew (backend_pid null).
create function jobstream.lost_workers()
returns text[]
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
begin
    if not exists (select from jobstream.workers as w where w.backend_pid is not null) then
        return '{}';
    end if;
    update jobstream.workers as w
    set lock_lost_at = case when seen.is_held then null else v_now end
    from (
        select
            k.id,
            exists (
                select from pg_catalog.pg_locks as l
                where l.locktype = 'advisory'
                    and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = current_database())
                    and l.classid = 1785688947
                    and l.objid = k.number::pg_catalog.oid
                    and l.objsubid = 2
                    and l.granted
            ) as is_held
        from jobstream.workers as k
        where k.backend_pid is not null and k.locked_at > pg_postmaster_start_time()
        for update skip locked
    ) as seen
    where w.id = seen.id and seen.is_held = (w.lock_lost_at is not null);

    return array(
        select w.id
        from jobstream.workers as w
        where w.backend_pid is not null and w.lock_lost_at <= v_now - interval '3 s'
    );
end
$$;

comment on function jobstream.lost_workers() is 'Workers whose advisory lock has been gone for 3 s.';

-- functions/maintain/lease_floor.sql
create function jobstream.lease_floor(p_now timestamptz)
returns timestamptz
language sql
stable
as $$
    select case
        when pg_catalog.to_timestamp(f.seen[1]) between p_now - interval '10 s' and p_now
        then pg_catalog.to_timestamp(f.seen[2])
        else '-infinity'
    end
    from (
        select pg_catalog.string_to_array(pg_catalog.current_setting('jobstream.leases_seen', true), '|')::pg_catalog.float8[]
    ) as f (seen)
$$;

comment on function jobstream.lease_floor(timestamptz) is
'Up to when this session knows that all leases have been seen to.';

-- functions/maintain/raise_lease_floor.sql
create function jobstream.raise_lease_floor(p_now timestamptz, p_floor timestamptz)
returns void
language plpgsql
set search_path = ''
as $$
begin
    if exists (
        select from jobstream.jobs as j
        where j.status = 'running' and j.lease_until > p_floor and j.lease_until <= p_now
    ) then
        return;
    end if;
    perform set_config('jobstream.leases_seen', concat_ws(
        '|',
        case
            when p_floor = '-infinity' then extract(epoch from p_now)::pg_catalog.text
            else split_part(current_setting('jobstream.leases_seen'), '|', 1)
        end,
        extract(epoch from p_now)
    ), false);
end
$$;

comment on function jobstream.raise_lease_floor(timestamptz, timestamptz) is
'Remembers that all leases up to now have been seen to, if none is left.';

-- functions/maintain/next_lease.sql
create function jobstream.next_lease(p_now timestamptz)
returns timestamptz
language plpgsql
set search_path = ''
as $$
declare
    v_begin pg_catalog.timestamptz := clock_timestamp();
    v_next pg_catalog.timestamptz;
begin
    if to_timestamp(nullif(current_setting('jobstream.leases_slow_until', true), '')::pg_catalog.float8) > v_begin then
        return (
            select p_now + interval '1 s'
            from (
                select from jobstream.jobs as j where j.status = 'running' order by j.lease_until desc limit 1
            ) as running
        );
    end if;
    select j.lease_until
    into v_next
    from jobstream.jobs as j
    where j.status = 'running' and j.lease_until > p_now
    order by j.lease_until
    limit 1;
    if clock_timestamp() - v_begin > interval '20 ms' then
        perform set_config(
            'jobstream.leases_slow_until', extract(epoch from v_begin + interval '30 s')::pg_catalog.text, false
        );
    end if;
    return v_next;
end
$$;

comment on function jobstream.next_lease(timestamptz) is
'When the next lease ends; at busy times under an old snapshot a second from now.';

-- functions/maintain/is_overdue.sql
-- p_floor: no running job's lease ends before it.
create function jobstream.is_overdue(p_now timestamptz, p_floor timestamptz)
returns boolean
language sql
stable
as $$
    select exists (select from jobstream.jobs as j where j.hold = 'time' and j.scheduled_at <= p_now)
        or exists (
            select from jobstream.jobs as j
            where j.status = 'running' and j.lease_until > p_floor and j.lease_until <= p_now
        )
        or exists (
            select from jobstream.jobs as j
            where j.status = 'running' and j.cancel_requested and j.cancel_requested_at <= p_now - interval '10 s'
        )
        or exists (
            select from jobstream.jobs as j
            where j.deadline <= p_now and j.deadline is not null and j.status in ('waiting', 'pending', 'failed')
        )
        or jobstream.is_unsettled(p_now)
$$;

comment on function jobstream.is_overdue(timestamptz, timestamptz) is 'Whether something was due at that time and is there still.';

-- functions/maintain/next_due.sql
-- Answers when there is next work, null for none known. What was due at p_now and is there still was locked by somebody
-- or failed: a second later again.
create function jobstream.next_due(p_now timestamptz, p_floor timestamptz)
returns timestamptz
language sql
volatile
as $$
    select least(
        (
            select j.scheduled_at
            from jobstream.jobs as j
            where j.hold = 'time' and j.scheduled_at > p_now
            order by j.scheduled_at
            limit 1
        ),
        jobstream.next_lease(p_now),
        (
            select j.cancel_requested_at + interval '10 s'
            from jobstream.jobs as j
            where j.status = 'running' and j.cancel_requested and j.cancel_requested_at > p_now - interval '10 s'
            order by j.cancel_requested_at
            limit 1
        ),
        (
            select j.deadline
            from jobstream.jobs as j
            where j.deadline > p_now and j.deadline is not null and j.status in ('waiting', 'pending', 'failed')
            order by j.deadline
            limit 1
        ),
        (
            select j.look_at
            from jobstream.jobs as j
            where j.hold = 'settling' and j.look_at > p_now
            order by j.look_at
            limit 1
        ),
        (select min(l.look_at) from jobstream.leftovers as l where l.look_at > p_now),
        (
            select greatest(w.lock_lost_at + interval '3 s', p_now)
            from jobstream.workers as w
            where w.lock_lost_at is not null
            order by w.lock_lost_at
            limit 1
        ),
        (select p_now + interval '1 s' where jobstream.is_overdue(p_now, p_floor))
    )
$$;

comment on function jobstream.next_due(timestamptz, timestamptz) is 'When maintain() next has work by the clock.';

-- functions/maintain/prune_jobs.sql
-- Deletes terminal jobs past their queue's retention, and never before their key, or their pipeline's, is 24 h old. It walks through the ids
-- with a stored position, a bounded way at a time, so that jobs that are kept for long are not walked past each time.
-- True: there is more to delete at once.
create function jobstream.prune_jobs()
returns boolean
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_position pg_catalog.text := (select s.value from jobstream.settings as s where s.name = 'pruned_to');
    v_newest pg_catalog.text := jobstream.id_time(v_now - make_interval(days => least(
        7, (select min(q.retention_days) from jobstream.queues as q)
    )));
    v_looked pg_catalog.text[];
    v_ids pg_catalog.text[];
    v_pipelines pg_catalog.text[];
begin
    v_looked := array(
        select j.id
        from jobstream.jobs as j
        where j.id > v_position and j.id < v_newest
        order by j.id
        limit 20000
    );
    v_ids := array(
        select j.id
        from jobstream.jobs as j
        left join jobstream.queues as q on j.queue = q.name
        where j.id between v_looked[1] and v_looked[cardinality(v_looked)]
            and j.status in ('done', 'dlq', 'cancelled')
            and j.completed_at < v_now - make_interval(days => coalesce(q.retention_days, 7))
            and (coalesce(j.idempotency_key, j.pipeline_id) is null or j.created_at < v_now - interval '24 h')
        order by j.id
        limit 5000
        for update of j skip locked
    );
    v_pipelines := array(
        select distinct j.pipeline_id
        from jobstream.jobs as j
        where j.id = any (v_ids) and j.pipeline_id is not null
    );
    perform jobstream.do_duty_safely('prune', v_ids);
    delete from jobstream.pipelines as p
    where p.id = any (v_pipelines)
        and not exists (select from jobstream.jobs as j where j.pipeline_id = p.id);

    update jobstream.settings as s
    set value = case
        when cardinality(v_ids) = 5000 then v_ids[5000]
        when cardinality(v_looked) = 20000 then v_looked[20000]
        else ''
    end
    where s.name = 'pruned_to';
    return cardinality(v_ids) = 5000 or (cardinality(v_ids) > 0 and cardinality(v_looked) = 20000);
end
$$;

comment on function jobstream.prune_jobs() is
'Deletes ended jobs past their retention, a batch; true: there is more at once.';

-- functions/maintain/keep_house.sql
-- The housekeeping that need not happen every second: at most once a minute over all callers.
create function jobstream.keep_house()
returns boolean
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_kept_days integer;
    v_is_more boolean;
begin
    perform from jobstream.settings as s
    where s.name = 'house_kept_at'
        and (s.value::numeric < extract(epoch from v_now) - 60 or s.value::numeric > extract(epoch from v_now))
    for update skip locked;
    if not found then
        return false;
    end if;
    update jobstream.settings as s set value = extract(epoch from v_now)::pg_catalog.text where s.name = 'house_kept_at';
    v_is_more := jobstream.prune_jobs();
    select s.value::integer into v_kept_days from jobstream.settings as s where s.name = 'event_retention_days';
    delete from jobstream.stream_snapshots as s where s.created_at < v_now - make_interval(days => v_kept_days + 1);
    delete from jobstream.workers as w where w.seen_at < v_now - interval '1 day';
    delete from jobstream.schedule_runs as r where r.due_at < v_now - interval '30 days';
    delete from jobstream.tokens as t where t.expires_at < v_now - interval '30 days';
    delete from jobstream.bulk_operations as b where b.completed_at < v_now - interval '30 days';
    if v_is_more then
        update jobstream.settings as s set value = '0' where s.name = 'house_kept_at';
    end if;
    if not jobstream.keep_event_days() then
        raise notice 'jobstream: partitions of job_events wait for a lock; tried again next time';
    end if;
    return v_is_more;
end
$$;

comment on function jobstream.keep_house() is
'Retention and partitions, at most once a minute; true: there is more to delete at once.';

-- functions/maintain/maintain.sql
create function jobstream.maintain()
returns timestamptz
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
set enable_bitmapscan = off
as $$
declare
    v_batch constant integer := 1000;
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_lost pg_catalog.text[];
    v_ids pg_catalog.text[];
    v_settled integer;
    v_floor pg_catalog.timestamptz := jobstream.lease_floor(v_now);
    v_is_more boolean := false;
begin
    perform jobstream.act_as('maintain');
    perform jobstream.enter_epoch();
    -- First, while nothing else is locked: it is the one duty that waits for rows.
    v_is_more := jobstream.work_on_bulk();

    v_ids := array(
        select j.id from jobstream.jobs as j
        where j.hold = 'time' and j.scheduled_at <= v_now
        order by j.scheduled_at limit v_batch for update skip locked
    );
    v_is_more := v_is_more or cardinality(v_ids) = v_batch;
    perform jobstream.do_duty_safely('promote', v_ids);

    v_ids := array(
        select j.id from jobstream.jobs as j
        where j.deadline <= v_now and j.deadline is not null and j.status in ('waiting', 'pending', 'failed')
        order by j.deadline limit v_batch for update skip locked
    );
    v_is_more := v_is_more or cardinality(v_ids) = v_batch;
    perform jobstream.do_duty_safely('expire', v_ids);

    v_ids := array(
        select j.id from jobstream.jobs as j
        where j.status = 'running' and j.cancel_requested and j.cancel_requested_at <= v_now - interval '10 s'
        order by j.cancel_requested_at limit v_batch for update skip locked
    );
    v_is_more := v_is_more or cardinality(v_ids) = v_batch;
    perform jobstream.do_duty_safely('grace', v_ids);

    v_ids := array(
        select j.id from jobstream.jobs as j
        where j.status = 'running' and j.lease_until > v_floor and j.lease_until <= v_now
        order by j.lease_until limit v_batch for update skip locked
    );
    v_is_more := v_is_more or cardinality(v_ids) = v_batch;
    perform jobstream.do_duty_safely('rescue', v_ids);
    perform jobstream.raise_lease_floor(v_now, v_floor);

    v_lost := jobstream.lost_workers();
    if v_lost <> '{}' then
        v_ids := array(
            select j.id from jobstream.jobs as j
            where j.status = 'running' and j.worker = any (v_lost)
            order by j.lease_until limit v_batch for update skip locked
        );
        v_is_more := v_is_more or cardinality(v_ids) = v_batch;
        perform jobstream.do_duty_safely('bury', v_ids);
        delete from jobstream.workers as w
        where w.id = any (v_lost)
            and not exists (select from jobstream.jobs as j where j.status = 'running' and j.worker = w.id);
    end if;

    -- What one round cancels or lets through may leave something for the next.
    for v_round in 1..10 loop
        v_settled := jobstream.settle_jobs(v_batch);
        exit when v_settled = 0;
    end loop;
    v_is_more := v_is_more or v_settled > 0;
    v_is_more := jobstream.keep_house() or v_is_more;
    perform jobstream.act_as('');
    return case when v_is_more then v_now else jobstream.next_due(v_now, v_floor) end;
end
$$;

comment on function jobstream.maintain() is
'Promotes what is due, rescues, expires, settles, cleans up; answers when it next has work (null: none known). Safe from anywhere, pg_cron included.';

-- functions/queues/set_queue.sql
create function jobstream.set_queue(
    name text,
    paused boolean default null,
    max_running integer default null,
    key_limit integer default null,
    rate_count integer default null,
    rate_seconds integer default null,
    retention_days integer default null
)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_fault pg_catalog.text := coalesce(
        'name ' || jobstream.name_fault(set_queue.name),
        case when set_queue.key_limit < 1 then 'key_limit must be at least 1' end,
        case when not set_queue.retention_days between 0 and 36500 then 'retention_days must be 0 to 36500' end,
        case when set_queue.rate_count = 0 or set_queue.rate_seconds < 1 then 'a rate must be at least 1' end,
        case
            when (set_queue.rate_count is null) <> (set_queue.rate_seconds is null)
                and coalesce(set_queue.rate_count, 0) >= 0
            then 'rate_count and rate_seconds go together'
        end
    );
begin
    perform jobstream.act_as('queue');
    if v_fault is not null then
        perform jobstream.refuse('JS400', v_fault, jsonb_build_object('field', split_part(v_fault, ' ', 1)));
    end if;
    insert into jobstream.queues as q (name) values (set_queue.name) on conflict on constraint queues_pkey do nothing;
    update jobstream.queues as q
    set
        paused = coalesce(set_queue.paused, q.paused),
        paused_by = case
            when set_queue.paused and not q.paused then jobstream.actor()
            when set_queue.paused or (set_queue.paused is null and q.paused) then q.paused_by
        end,
        paused_at = case
            when set_queue.paused and not q.paused then jobstream.clock()
            when set_queue.paused or (set_queue.paused is null and q.paused) then q.paused_at
        end,
        max_running = case when set_queue.max_running < 0 then null else coalesce(set_queue.max_running, q.max_running) end,
        key_limit = coalesce(set_queue.key_limit, q.key_limit),
        rate_count = case when set_queue.rate_count < 0 then null else coalesce(set_queue.rate_count, q.rate_count) end,
        rate_seconds = case when set_queue.rate_count < 0 then null else coalesce(set_queue.rate_seconds, q.rate_seconds) end,
        rate_tokens = case when set_queue.rate_count is null then q.rate_tokens end,
        rate_filled_at = case when set_queue.rate_count is null then q.rate_filled_at end,
        retention_days = coalesce(set_queue.retention_days, q.retention_days)
    where q.name = set_queue.name;

    if set_queue.key_limit is not null then
        insert into jobstream.leftovers (queue, concurrency_key)
        select distinct j.queue, j.concurrency_key
        from jobstream.jobs as j
        where j.queue = set_queue.name and j.concurrency_key is not null and j.status in ('pending', 'running');
    end if;
    perform jobstream.ring('jobstream_ready', set_queue.name);
    perform jobstream.ring('jobstream_events', '');
end
$$;

comment on function jobstream.set_queue(text, boolean, integer, integer, integer, integer, integer) is
'Sets what is given and leaves the rest; a negative max_running or rate_count takes the limit away.';

-- functions/queues/pause_queue.sql
create function jobstream.pause_queue(name text)
returns void
language sql
security definer
set search_path = ''
as $$
    select jobstream.set_queue(pause_queue.name, paused => true)
$$;

comment on function jobstream.pause_queue(text) is 'The queue accepts jobs and hands none out.';

-- functions/queues/resume_queue.sql
create function jobstream.resume_queue(name text)
returns void
language sql
security definer
set search_path = ''
as $$
    select jobstream.set_queue(resume_queue.name, paused => false)
$$;

comment on function jobstream.resume_queue(text) is 'The queue hands out jobs again.';

-- functions/pipelines/flat_request.sql
-- A request in the form of HTTP, {spec, scheduling, retry}, as one in enqueue's names; any other stays as it is.
create function jobstream.flat_request(p_request jsonb)
returns jsonb
language sql
immutable
as $$
    select case
        when pg_catalog.jsonb_typeof(p_request) <> 'object' then p_request
        else f.flat - '{unique,delay_seconds}'::pg_catalog.text[]
            || case when f.flat ? 'unique' then pg_catalog.jsonb_build_object('unique_for', f.flat -> 'unique') else '{}' end
            || case when f.flat ? 'delay_seconds' then pg_catalog.jsonb_build_object('delay', f.flat -> 'delay_seconds') else '{}' end
    end
    from (
        select (p_request - '{spec,scheduling,retry}'::pg_catalog.text[])
            || case when pg_catalog.jsonb_typeof(p_request -> 'spec') = 'object' then p_request -> 'spec' else '{}' end
            || case when pg_catalog.jsonb_typeof(p_request -> 'scheduling') = 'object' then p_request -> 'scheduling' else '{}' end
            || case when pg_catalog.jsonb_typeof(p_request -> 'retry') = 'object' then p_request -> 'retry' else '{}' end as flat
    ) as f
$$;

comment on function jobstream.flat_request(jsonb) is
'A request in the form of HTTP in the names of enqueue''s parameters.';

-- functions/pipelines/steps_fault.sql
-- What is wrong with the steps of a pipeline; null: nothing.
create function jobstream.steps_fault(p_steps jsonb)
returns text
language sql
immutable
as $$
    select case
        when pg_catalog.jsonb_typeof(p_steps) is distinct from 'array' then 'steps must be an array'
        when pg_catalog.jsonb_array_length(p_steps) not between 1 and 1000 then 'a pipeline has 1 to 1000 steps'
        when exists (
            select from pg_catalog.jsonb_array_elements(p_steps) as s (step)
            where pg_catalog.jsonb_typeof(s.step) <> 'object'
        )
        then 'each step must be an object'
        when exists (
            select from pg_catalog.jsonb_array_elements(p_steps) as s (step)
            where coalesce(s.step ->> 'key', '') !~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$'
        )
        then 'each step needs a key of 1 to 128 of A-Z a-z 0-9 _ . : -'
        when (
            select pg_catalog.count(*) <> pg_catalog.count(distinct s.step ->> 'key')
            from pg_catalog.jsonb_array_elements(p_steps) as s (step)
        )
        then 'keys of steps must differ'
        when exists (
            select from pg_catalog.jsonb_array_elements(p_steps) as s (step)
            where s.step ? 'after' and pg_catalog.jsonb_typeof(s.step -> 'after') <> 'array'
        )
        then 'after must be an array of keys'
        when exists (
            select from pg_catalog.jsonb_array_elements(p_steps) as s (step)
            where pg_catalog.jsonb_typeof(jobstream.flat_request(s.step) -> 'await_jobs') not in ('array', 'null')
        )
        then 'await_jobs must be an array of ids'
    end
$$;

comment on function jobstream.steps_fault(jsonb) is 'What is wrong with the steps of a pipeline; null: nothing.';

-- functions/pipelines/unknown_step.sql
create function jobstream.unknown_step(p_steps jsonb)
returns text
language sql
immutable
as $$
    select pg_catalog.min(coalesce(a.key, 'null'))
    from pg_catalog.jsonb_array_elements(p_steps) as s (step)
    cross join lateral pg_catalog.jsonb_array_elements_text(
        coalesce(nullif(s.step -> 'after', 'null'), '[]')
    ) as a (key)
    where not exists (
        select from pg_catalog.jsonb_array_elements(p_steps) as t (step) where t.step ->> 'key' = a.key
    )
$$;

comment on function jobstream.unknown_step(jsonb) is 'A key in after that no step bears; null: none.';

-- functions/pipelines/create_pipeline.sql
create function jobstream.create_pipeline(
    name text,
    steps jsonb,
    idempotency_key text default null,
    owner text default '',
    triggered_by text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '2s'
as $$
declare
    v_fault pg_catalog.text := jobstream.steps_fault(create_pipeline.steps);
    v_steps pg_catalog.jsonb;
    v_unknown pg_catalog.text;
    v_print pg_catalog.bytea;
    v_pipeline jobstream.pipelines;
    v_left pg_catalog.jsonb;
    v_layer pg_catalog.jsonb;
    v_new jobstream.new_job[];
    v_jobs pg_catalog.jsonb := '{}';
begin
    perform jobstream.act_as('enqueue');
    if v_fault is not null then
        perform jobstream.refuse('JS400', v_fault, '{"field": "steps"}');
    elsif create_pipeline.name is null or char_length(create_pipeline.name) not between 1 and 256 then
        perform jobstream.refuse('JS400', 'name must be 1 to 256 characters', '{"field": "name"}');
    elsif create_pipeline.idempotency_key !~ '^[!-~]+$' or char_length(create_pipeline.idempotency_key) > 256 then
        perform jobstream.refuse(
            'JS400', 'idempotency_key must be 1 to 256 visible ASCII characters', '{"field": "idempotency_key"}'
        );
    end if;
    v_unknown := jobstream.unknown_step(create_pipeline.steps);
    if v_unknown is not null then
        perform jobstream.refuse('JS400', 'after names no step: ' || v_unknown, '{"field": "steps"}');
    end if;
    v_steps := (
        select jsonb_agg(jobstream.flat_request(e.step) order by e.place)
        from jsonb_array_elements(create_pipeline.steps) with ordinality as e (step, place)
    );
    v_left := v_steps;
    v_print := sha256(convert_to(jsonb_build_array(create_pipeline.name, v_steps)::pg_catalog.text, 'UTF8'));

    begin
        insert into jobstream.pipelines as p (name, owner, total_steps, idempotency_key, fingerprint, triggered_by)
        values (
            create_pipeline.name, coalesce(create_pipeline.owner, ''), jsonb_array_length(create_pipeline.steps),
            create_pipeline.idempotency_key, v_print, create_pipeline.triggered_by
        )
        on conflict on constraint pipelines_idempotency_key do nothing
        returning p.* into v_pipeline;
    exception
        when lock_not_available then
            perform jobstream.refuse('JS423', 'the key is held by a transaction that has been open for over 2 s');
    end;
    if v_pipeline.id is null then
        select p.*
        into v_pipeline
        from jobstream.pipelines as p
        where p.owner = coalesce(create_pipeline.owner, '')
            and p.idempotency_key = create_pipeline.idempotency_key;
        if v_pipeline.fingerprint is distinct from v_print then
            perform jobstream.refuse(
                'JS422', 'this idempotency key was used with another request',
                jsonb_build_object('field', 'idempotency_key', 'id', v_pipeline.id)
            );
        end if;
        return jsonb_build_object('id', v_pipeline.id, 'jobs', jobstream.pipeline_jobs(v_pipeline.id), 'idempotent', true);
    end if;

    while v_left <> '[]' loop
        select
            jsonb_agg(s.step) filter (where s.is_ready),
            coalesce(jsonb_agg(s.step) filter (where not s.is_ready), '[]')
        into v_layer, v_left
        from (
            select
                e.step,
                not exists (
                    select from jsonb_array_elements_text(coalesce(nullif(e.step -> 'after', 'null'), '[]')) as a (key)
                    where not v_jobs ? a.key
                ) as is_ready
            from jsonb_array_elements(v_left) as e (step)
        ) as s;
        if v_layer is null then
            perform jobstream.refuse(
                'JS400', 'the steps wait for each other in a circle: ' || (v_left -> 0 ->> 'key'), '{"field": "steps"}'
            );
        end if;
        select jsonb_agg(
            (l.step - '{key,after}'::pg_catalog.text[]) || jsonb_build_object(
                'owner', v_pipeline.owner,
                'trigger', 'pipeline',
                'triggered_by', v_pipeline.triggered_by,
                'pipeline_id', v_pipeline.id,
                'pipeline_step', l.step ->> 'key',
                'await_jobs', (
                    select jsonb_agg(w.id) from (
                        select v_jobs ->> a.key as id
                        from jsonb_array_elements_text(coalesce(nullif(l.step -> 'after', 'null'), '[]')) as a (key)
                        union
                        select b.id
                        from jsonb_array_elements_text(coalesce(nullif(l.step -> 'await_jobs', 'null'), '[]')) as b (id)
                    ) as w
                )
            ) order by l.place
        )
        into v_layer
        from jsonb_array_elements(v_layer) with ordinality as l (step, place);
        v_new := jobstream.read_new_jobs(v_layer, array['trigger', 'pipeline_id', 'pipeline_step']);
        select v_jobs || jsonb_object_agg(n.pipeline_step, i.id)
        into v_jobs
        from jobstream.insert_jobs(v_new) as i
        inner join unnest(v_new) as n on i.ordinal = n.ordinal;
    end loop;
    perform jobstream.refresh_pipeline(v_pipeline.id);
    return jsonb_build_object('id', v_pipeline.id, 'jobs', v_jobs, 'idempotent', false);
end
$$;

comment on function jobstream.create_pipeline(text, jsonb, text, text, text) is
'Creates jobs that depend on each other: steps are objects with key, after: [key] and what enqueue_many takes, flat or as {spec, scheduling, retry}. Answers {id, jobs: {key: id}}.';

-- functions/pipelines/pipeline_jobs.sql
create function jobstream.pipeline_jobs(p_id text)
returns jsonb
language sql
stable
as $$
    select coalesce(pg_catalog.jsonb_object_agg(j.pipeline_step, j.id), '{}')
    from jobstream.jobs as j
    where j.pipeline_id = p_id and j.pipeline_step is not null
$$;

comment on function jobstream.pipeline_jobs(text) is '{step: id} of a pipeline.';

-- functions/pipelines/refresh_pipeline.sql
-- Computes a pipeline's row from its jobs, and writes it and an event where that changed it. Locks the pipeline's row, so
-- for one pipeline too the order of ids is the order of commits. False: somebody else has locked it; call again later.
create function jobstream.refresh_pipeline(p_id text)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
    v_old jobstream.pipelines;
    v_new pg_catalog.record;
begin
    select p.* into v_old from jobstream.pipelines as p where p.id = p_id for update skip locked;
    if not found then
        return not exists (select from jobstream.pipelines as p where p.id = p_id);
    end if;
    select
        count(*) filter (where j.status = 'done') as step,
        coalesce(
            array_agg(j.pipeline_step order by j.id) filter (where j.status in ('pending', 'running', 'failed')), '{}'
        ) as current_steps,
        (
            array_agg(j.pipeline_step order by j.completed_at, j.id) filter (
                where j.status = 'dlq' or (j.status = 'cancelled' and j.reason <> 'upstream')
            )
        )[1] as failed_step,
        case
            when bool_and(j.status = 'done') then 'done'
            when bool_and(j.status in ('done', 'dlq', 'cancelled')) and bool_or(j.status = 'dlq') then 'failed'
            when bool_and(j.status in ('done', 'dlq', 'cancelled')) then 'cancelled'
            when bool_or(j.status in ('done', 'running', 'failed', 'dlq') or j.attempt > 0) then 'running'
            else 'waiting'
        end as status
    into v_new
    from jobstream.jobs as j
    where j.pipeline_id = p_id;
    if v_new.status is null or (v_new.step, v_new.current_steps, v_new.failed_step, v_new.status)
        is not distinct from (v_old.step::bigint, v_old.current_steps, v_old.failed_step, v_old.status)
    then
        return true;
    end if;
    update jobstream.pipelines as p
    set
        step = v_new.step,
        current_steps = v_new.current_steps,
        failed_step = v_new.failed_step,
        status = v_new.status,
        completed_at = case when v_new.status in ('done', 'failed', 'cancelled') then jobstream.clock() end
    where p.id = p_id;
    insert into jobstream.job_events (type, owner, pipeline_id, by, data)
    values (
        'pipeline', v_old.owner, p_id, jobstream.actor(),
        jsonb_build_object(
            'name', v_old.name, 'status', v_new.status, 'step', v_new.step, 'total_steps', v_old.total_steps,
            'current', v_new.current_steps, 'failed_step', v_new.failed_step
        )
    );
    return true;
end
$$;

comment on function jobstream.refresh_pipeline(text) is
'Computes a pipeline''s row from its jobs; an event where that changed it.';

-- functions/pipelines/keep_pipelines.sql
create function jobstream.keep_pipelines()
returns trigger
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
as $$
begin
    insert into jobstream.leftovers (pipeline_id)
    select n.pipeline_id
    from (
        select distinct r.pipeline_id from new_rows as r where r.pipeline_id is not null order by r.pipeline_id
    ) as n
    where not jobstream.refresh_pipeline(n.pipeline_id);
    return null;
end
$$;

comment on function jobstream.keep_pipelines() is 'Trigger: keeps the rows of pipelines whose jobs changed.';

-- Triggers fire in the order of their names: this one after release_followers, so that a step's end and what it released
-- make one event.
create trigger update_pipelines
after update on jobstream.jobs
referencing new table as new_rows
for each statement execute function jobstream.keep_pipelines();

-- functions/pipelines/lock_pipeline_jobs.sql
create function jobstream.lock_pipeline_jobs(p_id text)
returns text[]
language plpgsql
set search_path = ''
as $$
declare
    v_ids pg_catalog.text[] := array(select j.id from jobstream.jobs as j where j.pipeline_id = p_id order by j.id);
begin
    if not exists (
        select from jobstream.pipelines as p where p.id = p_id and jobstream.may_touch(p.owner)
    ) then
        perform jobstream.refuse('JS404', 'no such pipeline: ' || coalesce(p_id, 'null'));
    end if;
    perform jobstream.lock_jobs(v_ids);
    return v_ids;
end
$$;

comment on function jobstream.lock_pipeline_jobs(text) is 'Locks all jobs of a pipeline; answers their ids. JS404.';

-- functions/pipelines/cancel_pipeline.sql
create function jobstream.cancel_pipeline(id text)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_ids pg_catalog.text[] := jobstream.lock_pipeline_jobs(cancel_pipeline.id);
begin
    perform jobstream.act_as('cancel');
    perform jobstream.cancel_held(array(
        select j.id from jobstream.jobs as j
        where j.id = any (v_ids) and j.status in ('waiting', 'pending', 'failed')
    ));
    perform jobstream.cancel(j.id, force => true)
    from jobstream.jobs as j
    where j.id = any (v_ids) and j.status = 'running';
    return (select p.status from jobstream.pipelines as p where p.id = cancel_pipeline.id);
end
$$;

comment on function jobstream.cancel_pipeline(text) is
'Cancels all steps that have not ended; running ones are asked to stop. Answers the status after.';

-- functions/pipelines/retry_pipeline.sql
create function jobstream.retry_pipeline(id text)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_ids pg_catalog.text[] := jobstream.lock_pipeline_jobs(retry_pipeline.id);
begin
    perform jobstream.act_as('retry');
    v_ids := array(
        select j.id from jobstream.jobs as j where j.id = any (v_ids) and j.status in ('dlq', 'cancelled') order by j.id
    );
    if v_ids = '{}' then
        perform jobstream.refuse('JS409', 'no step of this pipeline failed or was cancelled');
    end if;
    perform jobstream.restart_jobs(v_ids);
    return (select p.status from jobstream.pipelines as p where p.id = retry_pipeline.id);
end
$$;

comment on function jobstream.retry_pipeline(text) is
'Starts anew what failed and what it held up; answers the status after. JS409: nothing failed.';

-- functions/schedules/put_schedule.sql
create function jobstream.put_schedule(
    name text,
    cron text,
    timezone text default 'UTC',
    spec jsonb default null,
    catch_up text default 'last',
    paused boolean default false,
    owner text default ''
)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_spec pg_catalog.jsonb := coalesce(jobstream.flat_request(put_schedule.spec), '{}');
    v_fault pg_catalog.text := coalesce(
        'name ' || jobstream.name_fault(put_schedule.name),
        case
            when put_schedule.cron is null or put_schedule.cron !~ '^\s*\S+(\s+\S+){4,5}\s*$'
            then 'cron must have five fields'
        end,
        case
            when not exists (select from pg_catalog.pg_timezone_names as z where z.name = put_schedule.timezone)
            then 'timezone must be the IANA name of a time zone'
        end,
        case when jsonb_typeof(put_schedule.spec) <> 'object' then 'spec must be an object' end,
        case
            when put_schedule.catch_up is null or put_schedule.catch_up not in ('skip', 'last', 'all')
            then 'catch_up must be skip, last or all'
        end
    );
begin
    perform jobstream.act_as('schedule');
    if v_fault is not null then
        perform jobstream.refuse('JS400', v_fault, jsonb_build_object('field', split_part(v_fault, ' ', 1)));
    end if;
    if v_spec ? 'idempotency_key' or v_spec ? 'await_jobs' then
        perform jobstream.refuse('JS400', 'a schedule''s jobs bear no key and await no jobs', '{"field": "spec"}');
    end if;
    perform jobstream.check_new_jobs(jobstream.read_new_jobs(jsonb_build_array(
        v_spec || jsonb_build_object('owner', coalesce(put_schedule.owner, ''))
    )));
    insert into jobstream.schedules as s (name, cron, timezone, spec, catch_up, paused, owner)
    values (
        put_schedule.name, put_schedule.cron, put_schedule.timezone, v_spec, put_schedule.catch_up,
        coalesce(put_schedule.paused, false), coalesce(put_schedule.owner, '')
    )
    on conflict on constraint schedules_pkey do update
    set
        cron = excluded.cron,
        timezone = excluded.timezone,
        spec = excluded.spec,
        catch_up = excluded.catch_up,
        paused = excluded.paused,
        owner = excluded.owner,
        next_at = case
            when s.cron = excluded.cron and s.timezone = excluded.timezone then s.next_at
        end,
        last_error = null,
        updated_at = jobstream.clock(),
        declared_at = null;
    perform jobstream.ring('jobstream_events', '');
end
$$;

comment on function jobstream.put_schedule(text, text, text, jsonb, text, boolean, text) is
'Makes or replaces a schedule; spec is an object as for enqueue_many.';

-- functions/schedules/declare_schedules.sql
-- A worker has these in its code, and is told which ones no worker had for so long: they go on making jobs, since old and
-- new code run side by side during a deploy and only people know which of the two is right.
create function jobstream.declare_schedules(names text[], stale interval)
returns setof text
language sql
security definer
set search_path = ''
as $$
    -- Not more often than needed, however many workers say so; a row that is locked is being written by another of them.
    with mine as materialized (
        select s.name
        from jobstream.schedules as s
        where s.name = any (declare_schedules.names)
            and (s.declared_at is null or s.declared_at < jobstream.clock() - declare_schedules.stale / 6)
        for update skip locked
    )

    update jobstream.schedules as s
    set declared_at = jobstream.clock()
    from mine as m
    where m.name = s.name;

    select s.name
    from jobstream.schedules as s
    where s.name <> all (declare_schedules.names)
        and s.declared_at < jobstream.clock() - declare_schedules.stale
    order by s.name;
$$;

comment on function jobstream.declare_schedules(text[], interval) is
'A worker has these in its code; answers those that no worker had for so long.';

-- functions/schedules/delete_schedule.sql
create function jobstream.delete_schedule(name text)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
    delete from jobstream.schedules as s where s.name = delete_schedule.name;
    if not found then
        perform jobstream.refuse('JS404', 'no such schedule: ' || coalesce(delete_schedule.name, 'null'));
    end if;
end
$$;

comment on function jobstream.delete_schedule(text) is 'Removes a schedule; its jobs stay. JS404.';

-- functions/schedules/enqueue_scheduled.sql
-- Enqueues a schedule's job, now.
create function jobstream.enqueue_scheduled(p_schedule jobstream.schedules)
returns text
language sql
volatile
set search_path = ''
as $$
    select i.id
    from jobstream.insert_jobs(jobstream.read_new_jobs(jsonb_build_array(
        p_schedule.spec || jsonb_build_object(
            'owner', p_schedule.owner, 'trigger', 'schedule', 'triggered_by', p_schedule.name,
            'cron_expr', p_schedule.cron
        )
    ), array['trigger', 'cron_expr'])) as i
$$;

comment on function jobstream.enqueue_scheduled(jobstream.schedules) is 'Enqueues a schedule''s job; answers its id.';

-- functions/schedules/run_schedule.sql
create function jobstream.run_schedule(name text)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_schedule jobstream.schedules;
begin
    perform jobstream.act_as('schedule');
    select s.* into v_schedule from jobstream.schedules as s where s.name = run_schedule.name;
    if not found then
        perform jobstream.refuse('JS404', 'no such schedule: ' || coalesce(run_schedule.name, 'null'));
    end if;
    return jobstream.enqueue_scheduled(v_schedule);
end
$$;

comment on function jobstream.run_schedule(text) is
'Enqueues a schedule''s job now, beside its due times; answers the job''s id. JS404.';

-- functions/schedules/fire_schedule.sql
-- One due time of a schedule: makes its job unless that was done, and notes the next due time.
create function jobstream.fire_schedule(name text, due_at timestamptz, next_at timestamptz)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_schedule jobstream.schedules;
    v_job pg_catalog.text;
begin
    perform jobstream.act_as('maintain');
    select s.* into v_schedule from jobstream.schedules as s where s.name = fire_schedule.name for update;
    if not found or v_schedule.paused then
        return null;
    end if;
    insert into jobstream.schedule_runs as r (schedule, due_at, job_id)
    values (fire_schedule.name, fire_schedule.due_at, '')
    on conflict on constraint schedule_runs_pkey do nothing;
    if found then
        v_job := jobstream.enqueue_scheduled(v_schedule);
        update jobstream.schedule_runs as r
        set job_id = v_job
        where r.schedule = fire_schedule.name and r.due_at = fire_schedule.due_at;
    end if;
    update jobstream.schedules as s
    set
        next_at = fire_schedule.next_at,
        last_at = case when v_job is null then s.last_at else fire_schedule.due_at end,
        last_job = coalesce(v_job, s.last_job),
        last_error = case when v_job is null then s.last_error end
    where s.name = fire_schedule.name;
    return v_job;
end
$$;

comment on function jobstream.fire_schedule(text, timestamptz, timestamptz) is
'Makes the one job of a due time (null: it was made before, or the schedule is paused) and notes the next.';

-- functions/schedules/defer_schedule.sql
create function jobstream.defer_schedule(name text, next_at timestamptz, error text default null)
returns void
language sql
security definer
set search_path = ''
as $$
    update jobstream.schedules as s
    set next_at = defer_schedule.next_at, last_error = coalesce(defer_schedule.error, s.last_error)
    where s.name = defer_schedule.name
$$;

comment on function jobstream.defer_schedule(text, timestamptz, text) is
'Notes a schedule''s next due time without making a job; error says why it made none.';

-- functions/workers/register_worker.sql
create function jobstream.register_worker(
    name text, host text, pid integer, version text, queues text[], kinds text[], concurrency integer
)
returns integer
language sql
security definer
set search_path = ''
as $$
    insert into jobstream.workers as w (id, host, pid, version, queues, kinds, concurrency)
    values (
        register_worker.name, register_worker.host, register_worker.pid, register_worker.version,
        register_worker.queues, register_worker.kinds, register_worker.concurrency
    )
    on conflict (id) do update
    set
        host = excluded.host,
        pid = excluded.pid,
        version = excluded.version,
        queues = excluded.queues,
        kinds = excluded.kinds,
        concurrency = excluded.concurrency,
        seen_at = jobstream.clock()
    returning w.number
$$;

comment on function jobstream.register_worker(text, text, integer, text, text[], text[], integer) is
'Makes or renews a worker''s row; answers the number of its advisory lock.';

-- functions/workers/attach_worker.sql
create function jobstream.attach_worker(name text)
returns void
language sql
security definer
set search_path = ''
as $$
    update jobstream.workers as w
    set backend_pid = pg_backend_pid(), locked_at = jobstream.clock(), lock_lost_at = null
    where w.id = attach_worker.name
$$;

comment on function jobstream.attach_worker(text) is
'Says that this session holds the worker''s advisory lock.';

-- functions/workers/detach_worker.sql
create function jobstream.detach_worker(name text)
returns void
language sql
security definer
set search_path = ''
as $$
    update jobstream.workers as w
    set backend_pid = null, locked_at = null, lock_lost_at = null
    where w.id = detach_worker.name
$$;

comment on function jobstream.detach_worker(text) is
'Says that the worker''s advisory lock means nothing any more: only its leases count.';

-- functions/workers/touch_worker.sql
create function jobstream.touch_worker(name text, running integer, cpu_percent real, memory_bytes bigint)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
    update jobstream.workers as w
    set
        running = touch_worker.running,
        cpu_percent = touch_worker.cpu_percent,
        memory_bytes = touch_worker.memory_bytes,
        seen_at = jobstream.clock()
    where w.id = touch_worker.name;
    return found;
end
$$;

comment on function jobstream.touch_worker(text, integer, real, bigint) is
'A sign of life; false: the worker has no row and should register.';

-- functions/workers/remove_worker.sql
create function jobstream.remove_worker(name text)
returns void
language sql
security definer
set search_path = ''
as $$
    delete from jobstream.workers as w where w.id = remove_worker.name
$$;

comment on function jobstream.remove_worker(text) is 'A worker stopped cleanly.';

-- functions/tokens/create_token.sql
create function jobstream.create_token(
    principal text, scopes text[], expires_at timestamptz default null, queues text[] default null
)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_id pg_catalog.text := jobstream.new_id();
    v_token pg_catalog.text := 'jst_' || v_id || '_'
        || replace(gen_random_uuid()::pg_catalog.text || gen_random_uuid()::pg_catalog.text, '-', '');
begin
    if create_token.principal is null or char_length(create_token.principal) not between 1 and 256 then
        perform jobstream.refuse('JS400', 'principal must be 1 to 256 characters', '{"field": "principal"}');
    elsif not coalesce(
        create_token.scopes <@ array['read', 'write', 'work', 'operate', 'admin']
        and cardinality(create_token.scopes) > 0, false
    ) then
        perform jobstream.refuse(
            'JS400', 'scopes must be some of read, write, work, operate, admin', '{"field": "scopes"}'
        );
    end if;
    insert into jobstream.tokens (id, principal, scopes, queues, expires_at, hash)
    values (
        v_id, create_token.principal, create_token.scopes, create_token.queues, create_token.expires_at,
        sha256(convert_to(v_token, 'UTF8'))
    );
    return v_token;
end
$$;

comment on function jobstream.create_token(text, text[], timestamptz, text[]) is
'Makes a token and shows it, this once. Scopes: read, write, work, operate, admin.';

-- functions/tokens/revoke_token.sql
create function jobstream.revoke_token(id text)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
    update jobstream.tokens as t
    set revoked_at = coalesce(t.revoked_at, jobstream.clock())
    where t.id = case when revoke_token.id like 'jst\_%' then substr(revoke_token.id, 5, 26) else revoke_token.id end;
    if not found then
        perform jobstream.refuse('JS404', 'no such token: ' || coalesce(revoke_token.id, 'null'));
    end if;
end
$$;

comment on function jobstream.revoke_token(text) is 'From now on the token counts no more; its id or the whole token will do. JS404.';

-- functions/tokens/authenticate.sql
create function jobstream.authenticate(token text)
returns table (id text, principal text, scopes text[], queues text[], expires_at timestamptz)
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_token jobstream.tokens;
begin
    select t.*
    into v_token
    from jobstream.tokens as t
    where t.id = substr(authenticate.token, 5, 26)
        and t.hash = sha256(convert_to(authenticate.token, 'UTF8'))
        and t.revoked_at is null
        and (t.expires_at is null or t.expires_at > v_now);
    if not found then
        return;
    end if;
    if v_token.last_used_at is null or v_token.last_used_at < v_now - interval '1 minute' then
        update jobstream.tokens as t
        set last_used_at = v_now
        where t.ctid in (
            select k.ctid from jobstream.tokens as k where k.id = v_token.id for update skip locked
        );
    end if;
    return query
    select v_token.id, v_token.principal, v_token.scopes, v_token.queues, v_token.expires_at;
end
$$;

comment on function jobstream.authenticate(text) is
'Who bears a token and what it may do; no row: unknown, expired or revoked.';

-- functions/tokens/secret_key.sql
create function jobstream.secret_key()
returns text
language plpgsql
security definer
set search_path = ''
as $$
begin
    insert into jobstream.settings (name, value)
    values ('secret_key', replace(gen_random_uuid()::pg_catalog.text || gen_random_uuid()::pg_catalog.text, '-', ''))
    on conflict (name) do nothing;
    return (select s.value from jobstream.settings as s where s.name = 'secret_key');
end
$$;

comment on function jobstream.secret_key() is 'The key that signs tickets and cookies; made once.';

-- functions/streams/epoch_parts.sql
-- Cursors are good for one history of transactions: this cluster, its timeline, this database of it, and a value that is
-- made anew when events are rebased.
create function jobstream.epoch_parts()
returns text
language sql
stable
security definer
set search_path = ''
as $$
    select concat_ws(
        ':', c.system_identifier, left(pg_walfile_name(pg_current_wal_lsn()), 8), d.oid, s.value
    )
    from pg_control_system() as c
    cross join jobstream.settings as s
    inner join pg_catalog.pg_database as d on d.datname = current_database()
    where s.name = 'epoch'
$$;

comment on function jobstream.epoch_parts() is
'What an epoch is made of: system identifier, timeline, database, stored value.';

-- functions/streams/stream_epoch.sql
create function jobstream.stream_epoch()
returns text
language sql
stable
security definer
set search_path = ''
as $$
    select substr(
        translate(encode(sha256(convert_to(jobstream.epoch_parts(), 'UTF8')), 'base64'), '+/=', '-_'), 1, 8
    )
$$;

comment on function jobstream.stream_epoch() is
'What cursors are good for, in 8 characters: this cluster, its timeline, this database, and the stored epoch.';

-- functions/streams/enter_epoch.sql
-- Notes the epoch and, where it is a new one, moves the ids of events on by 2^32, so that plain ids of before are not taken
-- for ids of after. Called by maintain() and by each serve process at its start and when its streams meet a new epoch.
--     same     nothing to do
--     new      another epoch than last time: promoted, restored within the cluster, rebased
--     restored the events were written in another cluster, or by transactions that this one has yet to begin: rebase them
-- Waits for nobody: who is at it already does it for all. Locks: an advisory lock, the row of settings.
create function jobstream.enter_epoch()
returns text
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_now pg_catalog.text := jobstream.epoch_parts();
    v_before pg_catalog.text := (select s.value from jobstream.settings as s where s.name = 'epoch_entered');
begin
    if split_part(v_before, ':', 1) <> split_part(v_now, ':', 1) and exists (select from jobstream.job_events)
        -- Ordered, so that it reads the end of an index, whatever the planner thinks of the comparison.
        or (
            select e.xid from jobstream.job_events as e
            where e.xid >= pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())
                and e.xid is distinct from pg_catalog.pg_current_xact_id_if_assigned()
            order by e.xid desc
            limit 1
        ) is not null
    then
        return 'restored';
    elsif v_before = v_now or not pg_catalog.pg_try_advisory_xact_lock(1785688947, 2) then
        return 'same';
    end if;
    insert into jobstream.settings as s (name, value)
    values ('epoch_entered', v_now)
    on conflict (name) do update set value = excluded.value where s.value <> excluded.value;
    if not found or v_before is null then
        return 'same';
    end if;
    perform setval('jobstream.job_events_id', nextval('jobstream.job_events_id') + 4294967296);
    return 'new';
end
$$;

comment on function jobstream.enter_epoch() is
'Notes the epoch; a new one moves the ids of events on by 2^32. Answers same, new, or restored: rebase_events() first.';

-- functions/streams/rebase_events.sql
-- After a restore: gives every event a transaction id that all snapshots see, and begins a new epoch. Whoever writes waits.
create function jobstream.rebase_events()
returns bigint
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_events bigint;
begin
    lock table jobstream.job_events in share row exclusive mode;
    update jobstream.job_events as e set xid = '3' where e.xid <> '3';
    get diagnostics v_events = row_count;
    update jobstream.event_horizon as h set max_xid = '3' where h.max_xid > '3';
    delete from jobstream.stream_snapshots;
    update jobstream.settings as s
    set value = substr(replace(gen_random_uuid()::pg_catalog.text, '-', ''), 1, 8)
    where s.name = 'epoch';
    insert into jobstream.settings as s (name, value)
    values ('epoch_entered', jobstream.epoch_parts())
    on conflict (name) do update set value = excluded.value;
    perform setval('jobstream.job_events_id', nextval('jobstream.job_events_id') + 4294967296);
    return v_events;
end
$$;

comment on function jobstream.rebase_events() is
'After a restore into another cluster: makes events of a foreign history readable by cursors; begins a new epoch.';

-- functions/streams/keep_snapshots.sql
create function jobstream.keep_snapshots(names text[], snapshots text[])
returns void
language sql
security definer
set search_path = ''
as $$
    insert into jobstream.stream_snapshots (name, snapshot)
    select u.name, u.snapshot
    from unnest(keep_snapshots.names, keep_snapshots.snapshots) as u (name, snapshot)
    on conflict (name) do update set snapshot = excluded.snapshot, created_at = jobstream.clock()
$$;

comment on function jobstream.keep_snapshots(text[], text[]) is
'Keeps snapshots that are too long for a cursor''s token.';

-- functions/streams/flush_wal.sql
-- Returns when the log is flushed up to everything that any transaction has done by now. A cursor is a snapshot, and a
-- crash hands out again the ids of transactions whose end was not flushed, rolled back ones too: a cursor that had seen
-- them end would pass over the events of their namesakes.
create function jobstream.flush_wal()
returns void
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
    if pg_catalog.pg_current_wal_insert_lsn() <= pg_catalog.pg_current_wal_flush_lsn() then
        return;
    end if;
    if pg_catalog.current_setting('server_version_num')::integer >= 170000 then
        perform pg_catalog.pg_logical_emit_message(false, 'jobstream', '', true);
    else
        -- The commit of this statement's transaction flushes.
        perform pg_catalog.set_config('synchronous_commit', 'local', true);
        perform pg_catalog.pg_logical_emit_message(true, 'jobstream', '');
    end if;
end
$$;

comment on function jobstream.flush_wal() is
'Returns when the log is flushed up to now: a cursor handed out after it outlives a crash.';

-- triggers/release_followers/release_followers.sql
-- After a statement that ended jobs: who awaited them is released or cancelled, and their concurrency keys pass to the
-- next, all in the same transaction. Where nobody awaits anybody and no keys are used, this is two cheap looks.
-- Whoever is locked by somebody else is left to settle_jobs(); so are followers beyond the first 500, whom the worker that
-- completes their upstream should not wait for, and what lies deep in a chain, which nests a trigger a link.
create function jobstream.release_followers()
returns trigger
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
as $$
declare
    v_ended pg_catalog.text[];
begin
    if exists (select from jobstream.job_awaits) then
        -- limit 1: an EXISTS may be planned as a join with all who wait.
        v_ended := array(
            select n.id
            from new_rows as n
            cross join lateral (select from jobstream.job_awaits as t where t.upstream_id = n.id limit 1) as a
            where n.status in ('done', 'dlq', 'cancelled')
        );
        if v_ended <> '{}' then
            if pg_trigger_depth() <= 12 then
                perform jobstream.free_followers(v_ended, 500);
            end if;
            insert into jobstream.leftovers (job_id)
            select e.id
            from unnest(v_ended) as e (id)
            cross join lateral (select from jobstream.job_awaits as t where t.upstream_id = e.id limit 1) as a;
        end if;
    end if;

    insert into jobstream.leftovers (queue, concurrency_key)
    select k.queue, k.concurrency_key
    from (
        select distinct n.queue, n.concurrency_key
        from new_rows as n
        where n.concurrency_key is not null
            and (n.status in ('done', 'dlq', 'cancelled') or (n.status in ('waiting', 'failed') and n.hold = 'time'))
        offset 0
    ) as k
    where not jobstream.admit_jobs(k.queue, k.concurrency_key);
    return null;
end
$$;

comment on function jobstream.release_followers() is
'Trigger: releases who awaited jobs that ended, and passes their concurrency keys on.';

create trigger release_followers
after update on jobstream.jobs
referencing new table as new_rows
for each statement execute function jobstream.release_followers();

-- triggers/release_followers/pass_left_keys.sql
-- A plain UPDATE may take a job out of its key or queue: then the old key has room.
create function jobstream.pass_left_keys()
returns trigger
language plpgsql
security definer
set search_path = ''
set enable_nestloop = off
as $$
begin
    insert into jobstream.leftovers (queue, concurrency_key)
    select distinct o.queue, o.concurrency_key
    from old_rows as o
    inner join new_rows as n on o.id = n.id
    where o.concurrency_key is not null
        and o.status in ('pending', 'running')
        and (o.queue <> n.queue or n.concurrency_key is distinct from o.concurrency_key);
    return null;
end
$$;

comment on function jobstream.pass_left_keys() is
'Trigger: notes the concurrency keys that jobs have left by a plain UPDATE.';

create trigger pass_left_keys
after update on jobstream.jobs
referencing old table as old_rows new table as new_rows
for each statement
when (coalesce(pg_catalog.current_setting('jobstream.verb', true), '') = '')
execute function jobstream.pass_left_keys();

-- functions/explain_job/worker_fault.sql
-- Why no registered worker takes jobs of a queue and kind; null: one does.
create function jobstream.worker_fault(p_queue text, p_kind text)
returns text
language sql
stable
as $$
    select case
        when w.listening = 0
        then pg_catalog.format('no registered worker listens to queue %s (SQL and HTTP workers need not register)', p_queue)
        when w.handling = 0
        then pg_catalog.format('no live worker of queue %s has a handler for kind %s', p_queue, p_kind)
    end
    from (
        select
            pg_catalog.count(*) as listening,
            pg_catalog.count(*) filter (where p_kind = any (k.kinds)) as handling
        from jobstream.workers as k
        where p_queue = any (k.queues) and k.seen_at > jobstream.clock() - interval '30 s'
    ) as w
$$;

comment on function jobstream.worker_fault(text, text) is 'Why no registered worker takes jobs of a queue and kind; null: one does.';

-- functions/explain_job/explain_job.sql
-- One line why a job is not running now, or what it does.
create function jobstream.explain_job(id text)
returns text
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_job jobstream.jobs;
    v_queue jobstream.queues;
    v_other pg_catalog.text;
    v_count bigint;
begin
    select j.* into v_job from jobstream.jobs as j where j.id = explain_job.id;
    if not found or not jobstream.may_see(v_job.owner) then
        perform jobstream.refuse('JS404', 'no such job: ' || coalesce(explain_job.id, 'null'));
    end if;

    if v_job.status = 'running' then
        return format(
            'running: attempt %s on %s, lease until %s%s', v_job.attempt, v_job.worker, v_job.lease_until,
            case
                when v_job.cancel_requested then ', asked to stop'
                when v_job.lease_until < v_now then ', expired: it is rescued at the next maintain()'
                else ''
            end
        );
    elsif jobstream.is_terminal(v_job.status) then
        return concat_ws(
            ', ', v_job.status || ' since ' || v_job.completed_at, 'reason ' || v_job.reason, v_job.last_error
        );
    elsif v_job.deadline <= v_now then
        return 'its deadline has passed: it goes to dlq at the next maintain()';
    elsif v_job.hold = 'settling' then
        return 'it was just enqueued or changed: looked at by the next claim() or maintain()';
    elsif v_job.hold = 'upstream' then
        select
            string_agg(u.id || ' (' || u.status || ')', ', ' order by u.id) filter (where u.place <= 3), count(*)
        into v_other, v_count
        from (
            select j.id, j.status, row_number() over (order by j.id) as place
            from jobstream.job_awaits as a
            inner join jobstream.jobs as j on a.upstream_id = j.id
            where a.job_id = v_job.id and not jobstream.is_terminal(j.status)
        ) as u;
        return case
            when v_count = 0 then 'what it waited for has ended: looked at by the next claim() or maintain()'
            else format('waits for %s job(s): %s', v_count, v_other)
        end;
    elsif v_job.hold = 'time' then
        -- One that was claimed before may have been given back because nobody there had a handler.
        return concat_ws(
            '; ',
            case when v_job.status = 'failed' then 'failed ' || v_job.failures || ' time(s), next attempt due' else 'due' end
            || ' at ' || v_job.scheduled_at,
            case when v_job.attempt > 0 then jobstream.worker_fault(v_job.queue, v_job.kind) end
        );
    elsif v_job.hold = 'key' then
        select string_agg(h.id || ' (' || h.status || ')', ', ' order by h.id)
        into v_other
        from (
            select j.id, j.status
            from jobstream.jobs as j
            where j.queue = v_job.queue
                and j.concurrency_key = v_job.concurrency_key
                and j.status in ('pending', 'running')
            order by j.priority, j.id
            limit 3
        ) as h;
        return format('concurrency key %s is held by %s', v_job.concurrency_key, coalesce(v_other, 'nobody: it is next'));
    end if;

    select q.* into v_queue from jobstream.queues as q where q.name = v_job.queue;
    if v_queue.paused then
        return concat_ws(' ', 'queue', v_job.queue, 'is paused', 'by ' || v_queue.paused_by, 'since ' || v_queue.paused_at);
    end if;
    if v_queue.max_running is not null then
        select count(*) into v_count from jobstream.jobs as j where j.status = 'running' and j.queue = v_job.queue;
        if v_count >= v_queue.max_running then
            return format('queue %s runs %s of at most %s jobs', v_job.queue, v_count, v_queue.max_running);
        end if;
    end if;
    if v_queue.rate_count is not null and jobstream.rate_tokens(v_queue, v_now) < 1 then
        return format(
            'queue %s is out of tokens: %s claims in %s s', v_job.queue, v_queue.rate_count, v_queue.rate_seconds
        );
    end if;
    v_other := jobstream.worker_fault(v_job.queue, v_job.kind);
    if v_other is not null then
        return v_other;
    end if;
    select count(*)
    into v_count
    from (
        select from jobstream.jobs as j
        where j.status = 'pending' and j.queue = v_job.queue and (j.priority, j.id) < (v_job.priority, v_job.id)
        limit 10001
    ) as ahead;
    return case
        when v_count = 0 then 'next in its queue: claimed as soon as a worker has room'
        else format('%s%s job(s) of queue %s are ahead of it', least(v_count, 10000), case when v_count > 10000 then '+' else '' end, v_job.queue)
    end;
end
$$;

comment on function jobstream.explain_job(text) is 'One line: why a job is not running now. JS404.';

-- views/queue_stats.sql
create view jobstream.queue_stats
with (security_invoker = true) as
select
    coalesce(c.queue, q.name) as queue,
    coalesce(c.waiting, 0) as waiting,
    coalesce(c.pending, 0) as pending,
    coalesce(c.running, 0) as running,
    coalesce(c.failed, 0) as failed,
    coalesce(c.dlq, 0) as dlq,
    c.oldest_pending_at,
    extract(epoch from jobstream.clock() - c.oldest_pending_at)::double precision as oldest_pending_seconds,
    coalesce(q.paused, false) as paused,
    q.paused_by,
    q.paused_at,
    q.max_running,
    coalesce(q.key_limit, 1) as key_limit,
    q.rate_count,
    q.rate_seconds,
    coalesce(q.retention_days, 7) as retention_days
from (
    select
        j.queue,
        count(*) filter (where j.status = 'waiting') as waiting,
        count(*) filter (where j.status = 'pending') as pending,
        count(*) filter (where j.status = 'running') as running,
        count(*) filter (where j.status = 'failed') as failed,
        count(*) filter (where j.status = 'dlq') as dlq,
        min(coalesce(j.scheduled_at, j.created_at)) filter (where j.status = 'pending') as oldest_pending_at
    from (
        -- One branch for each partial index.
        select p.queue, p.status, p.scheduled_at, p.created_at from jobstream.jobs as p where p.status = 'pending'
        union all
        select r.queue, r.status, null, null from jobstream.jobs as r where r.status = 'running'
        union all
        select o.queue, o.status, null, null
        from jobstream.jobs as o
        where o.status in ('waiting', 'failed', 'dlq')
        union all
        -- Nothing may stand in it now; somebody serves it all the same.
        select s.queue, null, null, null
        from jobstream.workers as w
        cross join lateral unnest(w.queues) as s (queue)
        where w.seen_at > jobstream.clock() - interval '30 s'
    ) as j
    group by j.queue
) as c
full join jobstream.queues as q on c.queue = q.name;

comment on view jobstream.queue_stats is
'Every queue that has open jobs, settings or a live worker: what stands in it, its limits, how long the oldest job has been pending.';

comment on column jobstream.queue_stats.queue is 'The queue''s name.';

comment on column jobstream.queue_stats.waiting is 'Jobs not due, or held by upstreams or keys.';

comment on column jobstream.queue_stats.pending is 'Jobs that may be claimed.';

comment on column jobstream.queue_stats.running is 'Jobs leased to workers.';

comment on column jobstream.queue_stats.failed is 'Jobs between two attempts.';

comment on column jobstream.queue_stats.dlq is 'Dead letters.';

comment on column jobstream.queue_stats.oldest_pending_at is 'Since when the oldest pending job could have run.';

comment on column jobstream.queue_stats.oldest_pending_seconds is 'The same as an age in seconds.';

comment on column jobstream.queue_stats.paused is 'Whether it hands out jobs.';

comment on column jobstream.queue_stats.paused_by is 'Who paused it.';

comment on column jobstream.queue_stats.paused_at is 'Since when.';

comment on column jobstream.queue_stats.max_running is 'Most running at once; null: no limit.';

comment on column jobstream.queue_stats.key_limit is 'Most running at once for one concurrency key.';

comment on column jobstream.queue_stats.rate_count is 'Claims allowed in rate_seconds; null: no limit.';

comment on column jobstream.queue_stats.rate_seconds is 'The period of rate_count.';

comment on column jobstream.queue_stats.retention_days is 'Days that ended jobs are kept.';

-- views/job_views/running_jobs.sql
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

-- views/job_views/stuck_jobs.sql
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

-- views/job_views/dlq_jobs.sql
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

-- views/job_views/job_timeline.sql
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

-- views/health/live_workers.sql
create view jobstream.live_workers
with (security_invoker = true) as
select
    w.id,
    w.host,
    w.pid,
    w.version,
    w.queues,
    w.kinds,
    w.running,
    w.concurrency,
    w.cpu_percent,
    w.memory_bytes,
    w.started_at,
    w.seen_at,
    w.backend_pid is not null as is_watched
from jobstream.workers as w
where w.seen_at > jobstream.clock() - interval '30 s'
order by w.id;

comment on view jobstream.live_workers is 'Workers heard of within 30 s.';

comment on column jobstream.live_workers.id is 'The name that it claims with.';

comment on column jobstream.live_workers.host is 'Its host.';

comment on column jobstream.live_workers.pid is 'Its process.';

comment on column jobstream.live_workers.version is 'Its version.';

comment on column jobstream.live_workers.queues is 'Its queues.';

comment on column jobstream.live_workers.kinds is 'Kinds that it has handlers for.';

comment on column jobstream.live_workers.running is 'Jobs that it runs.';

comment on column jobstream.live_workers.concurrency is 'Most that it runs at once.';

comment on column jobstream.live_workers.cpu_percent is 'Processor use.';

comment on column jobstream.live_workers.memory_bytes is 'Resident memory.';

comment on column jobstream.live_workers.started_at is 'When it registered.';

comment on column jobstream.live_workers.seen_at is 'When it was last heard of.';

comment on column jobstream.live_workers.is_watched is 'Whether its end is noticed within seconds, not only by its leases.';

-- views/health/health.sql
-- backend_xmin of other users is seen by pg_read_all_stats and superusers; without it the check says that it cannot tell.
create view jobstream.health
with (security_invoker = true) as
select
    h.name,
    h.status,
    h.detail
from (
    select
        'workers' as name,
        case
            when exists (select from jobstream.live_workers) then 'ok'
            when exists (select from jobstream.jobs as j where j.status = 'pending') then 'warning'
            else 'ok'
        end as status,
        (select count(*) from jobstream.live_workers) || ' live' as detail
    union all
    select
        'stuck_jobs',
        case when s.jobs > 0 then 'warning' else 'ok' end,
        s.jobs || ' stuck' || coalesce(', ' || s.first_why, '')
    from (select count(*) as jobs, min(t.why) as first_why from jobstream.stuck_jobs as t) as s
    union all
    select
        'dead_letters',
        case when d.jobs > 0 then 'warning' else 'ok' end,
        d.jobs || ' dead letters'
    from (select count(*) as jobs from jobstream.jobs as j where j.status = 'dlq') as d
    union all
    select
        'paused_queues',
        case when p.queues is null then 'ok' else 'warning' end,
        coalesce('paused: ' || p.queues, 'none paused')
    from (select string_agg(q.name, ', ' order by q.name) as queues from jobstream.queues as q where q.paused) as p
    union all
    select
        'event_days',
        case when e.days >= 2 and not exists (select from jobstream.job_events_rest) then 'ok' else 'warning' end,
        e.days || ' days of job_events made ahead'
    from (
        select count(*) as days
        from pg_catalog.pg_inherits as i
        inner join pg_catalog.pg_class as c on i.inhrelid = c.oid
        where i.inhparent = 'jobstream.job_events'::regclass
            and c.relname >= 'job_events_' || to_char(jobstream.clock() at time zone 'UTC', 'YYYYMMDD')
            and c.relname ~ '[0-9]{8}$'
    ) as e
    union all
    select
        'old_snapshot',
        case when o.age > interval '5 minutes' then 'warning' else 'ok' end,
        coalesce(
            'oldest snapshot: pid ' || o.pid || ' (' || coalesce(nullif(o.application_name, ''), 'no name') || '), '
            || date_trunc('second', o.age), 'none'
        )
    from (select 1) as one
    left join (
        select
            a.pid,
            a.application_name,
            clock_timestamp() - a.xact_start as age
        from pg_catalog.pg_stat_activity as a
        where a.backend_xmin is not null and a.pid <> pg_backend_pid() and a.xact_start is not null
        order by a.xact_start
        limit 1
    ) as o on true
) as h;

comment on view jobstream.health is 'What might be wrong, one line each.';

comment on column jobstream.health.name is 'What was looked at.';

comment on column jobstream.health.status is 'ok or warning.';

comment on column jobstream.health.detail is 'What was found.';

-- views/health/status.sql
create view jobstream.status
with (security_invoker = true) as
select
    q.queue as name,
    concat_ws(
        ', ',
        q.pending || ' pending',
        q.running || ' running',
        nullif(q.waiting, 0) || ' waiting',
        nullif(q.failed, 0) || ' failed',
        nullif(q.dlq, 0) || ' dead letters',
        'oldest ' || round(q.oldest_pending_seconds) || ' s',
        case when q.paused then 'PAUSED' end
    ) as state,
    'queue' as what
from jobstream.queue_stats as q
union all
select
    h.name,
    h.status || ': ' || h.detail,
    'health'
from jobstream.health as h
order by what desc, name;

comment on view jobstream.status is 'One screen: every queue, then every check of health.';

comment on column jobstream.status.name is 'The queue or check.';

comment on column jobstream.status.state is 'How it stands.';

comment on column jobstream.status.what is 'queue or health.';

-- close.sql
-- Everything is closed to PUBLIC, with or without roles: functions run with the owner's rights.
revoke all on all functions in schema jobstream from public;
revoke all on all tables in schema jobstream from public;

-- begin roles
-- roles/roles.sql
-- Four roles without login, to be granted to users. Roles belong to the whole server: another database may have made
-- them already.
do $$
declare
    v_role text;
begin
    foreach v_role in array array['jobstream_read', 'jobstream_produce', 'jobstream_work', 'jobstream_operate'] loop
        if to_regrole(v_role) is null then
            begin
                execute format('create role %I nologin', v_role);
            exception
                when duplicate_object or unique_violation then
                    null;
            end;
        end if;
    end loop;
    if not pg_has_role('jobstream_operate', 'jobstream_produce', 'member') then
        grant jobstream_read, jobstream_produce, jobstream_work to jobstream_operate;
    end if;
end
$$;
-- end roles

-- begin roles
-- roles/grants.sql
-- Who may do what. Nobody gets INSERT on jobs, nor any write to job_events: the functions do that.
grant usage on schema jobstream to jobstream_read, jobstream_produce, jobstream_work, jobstream_operate;

-- Harmless helpers that views and policies call as the one who asks.
grant execute on function
jobstream.clock(),
jobstream.explain_job(text),
jobstream.stream_epoch(),
jobstream.enter_epoch(),
jobstream.flush_wal(),
jobstream.keep_snapshots(text[], text[])
to jobstream_read, jobstream_produce, jobstream_work, jobstream_operate;

-- jobstream_read: everything but secrets.
grant select on
jobstream.jobs,
jobstream.job_labels,
jobstream.job_awaits,
jobstream.job_events,
jobstream.job_events_rest,
jobstream.event_horizon,
jobstream.stream_snapshots,
jobstream.queues,
jobstream.workers,
jobstream.pipelines,
jobstream.schedules,
jobstream.schedule_runs,
jobstream.bulk_operations,
jobstream.schema_version,
jobstream.queue_stats,
jobstream.running_jobs,
jobstream.stuck_jobs,
jobstream.dlq_jobs,
jobstream.job_timeline,
jobstream.live_workers,
jobstream.health,
jobstream.status
to jobstream_read, jobstream_work;

-- jobstream_produce: enqueue; read and cancel its own (row level security below).
grant select on
jobstream.jobs,
jobstream.job_events,
jobstream.event_horizon,
jobstream.stream_snapshots,
jobstream.pipelines,
jobstream.schema_version,
jobstream.job_timeline
to jobstream_produce;
grant execute on function
jobstream.new_id(),
jobstream.id_time(timestamptz),
jobstream.id_tail(),
jobstream.base32_digit(bigint, integer),
jobstream.enqueue(
    text, jsonb, text, integer, timestamptz, interval, timestamptz, text, integer, jsonb, integer, jsonb, text,
    text[], text, text, text, text, text, text, text, text, text
),
jobstream.enqueue_many(jsonb),
jobstream.create_pipeline(text, jsonb, text, text, text),
jobstream.cancel(text, boolean),
jobstream.cancel_pipeline(text)
to jobstream_produce, jobstream_work;

-- jobstream_work: leases and what a worker says of them; any worker may keep maintenance going.
grant execute on function
jobstream.claim(text[], integer, text, interval, jsonb),
jobstream.heartbeat(text[], integer[], interval),
jobstream.complete(text, integer, jsonb, numeric),
jobstream.complete_many(text[], integer[], jsonb[]),
jobstream.fail(text, integer, jsonb, boolean, timestamptz),
jobstream.reject_result(text, integer, text),
jobstream.release(text, integer, interval),
jobstream.report_progress(text, integer, numeric, numeric, text, numeric),
jobstream.log(text, integer, text, text),
jobstream.emit(text, integer, text, jsonb),
jobstream.register_worker(text, text, integer, text, text[], text[], integer),
jobstream.attach_worker(text),
jobstream.detach_worker(text),
jobstream.touch_worker(text, integer, real, bigint),
jobstream.remove_worker(text),
jobstream.declare_schedules(text[], interval),
jobstream.fire_schedule(text, timestamptz, timestamptz),
jobstream.defer_schedule(text, timestamptz, text),
jobstream.maintain()
to jobstream_work;

-- jobstream_operate: all of the above, and plain UPDATE and DELETE on jobs, checked by triggers.
grant update (
    id, queue, kind, priority, status, reason, attempt, failures, crashes, max_attempts, scheduled_at, deadline,
    created_at, started_at, completed_at, lease_until, worker, cancel_requested, owner, idempotency_key,
    concurrency_key, unique_key, await_jobs, await_for, timeout_seconds, backoff, labels, args, progress, result,
    last_error, errors, trigger, triggered_by, parent_job, pipeline_id, pipeline_step, cron_expr, cost_usd, class,
    mode, scope
) on jobstream.jobs to jobstream_operate;
grant delete on jobstream.jobs to jobstream_operate;
grant execute on function
jobstream.retry(text),
jobstream.run_now(text),
jobstream.reschedule(text, timestamptz),
jobstream.retry_dlq(text, text, integer),
jobstream.cancel_where(jsonb, boolean, text),
jobstream.retry_where(jsonb, boolean, text),
jobstream.delete_where(jsonb, boolean, text),
jobstream.retry_pipeline(text),
jobstream.set_queue(text, boolean, integer, integer, integer, integer, integer),
jobstream.pause_queue(text),
jobstream.resume_queue(text),
jobstream.put_schedule(text, text, text, jsonb, text, boolean, text),
jobstream.delete_schedule(text),
jobstream.run_schedule(text),
jobstream.set_event_retention(integer)
to jobstream_operate;

-- Rows: a login with jobstream_produce alone sees what is its own or nobody's.
alter table jobstream.jobs enable row level security;
create policy everything on jobstream.jobs to jobstream_read, jobstream_work, jobstream_operate using (true);
create policy own on jobstream.jobs for select to jobstream_produce using (owner in ('', session_user));

alter table jobstream.job_events enable row level security;
create policy everything on jobstream.job_events for select
to jobstream_read, jobstream_work, jobstream_operate using (true);
create policy own on jobstream.job_events for select to jobstream_produce using (owner in ('', session_user));

alter table jobstream.pipelines enable row level security;
create policy everything on jobstream.pipelines for select
to jobstream_read, jobstream_work, jobstream_operate using (true);
create policy own on jobstream.pipelines for select to jobstream_produce using (owner in ('', session_user));
-- end roles

-- seed.sql
-- The first days of events.
do $$ begin perform jobstream.keep_event_days(); end $$;
