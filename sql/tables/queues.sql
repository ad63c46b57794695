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
