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
