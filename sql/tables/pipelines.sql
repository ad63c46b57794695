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
