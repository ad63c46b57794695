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
