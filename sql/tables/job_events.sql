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
