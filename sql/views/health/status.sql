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
