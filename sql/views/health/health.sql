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
