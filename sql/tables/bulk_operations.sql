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
