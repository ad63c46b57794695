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
