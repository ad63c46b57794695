"""A million ended jobs and a hundred thousand that wait, with their labels and events, made behind the triggers' back."""

import psycopg

ENDED, WAITING = 1_000_000, 100_000

# Waiting jobs are the youngest. Every kind of hold has some; nothing is due at the moment.
JOBS = """
insert into jobstream.jobs (
    id, revision, queue, kind, status, reason, hold, completed_at, scheduled_at, deadline, lease_until, worker,
    cancel_requested, cancel_requested_at, attempt, owner, idempotency_key, concurrency_key, unique_key, unique_for,
    pipeline_id, parent_job, labels, created_at, last_error
)
select
    jobstream.id_time(m.at) || lpad(g::text, 16, '0'),
    1,
    'queue' || g % 5,
    'kind' || g % 20,
    m.status,
    case m.status when 'dlq' then 'attempts' when 'cancelled' then 'requested' end,
    m.hold,
    case when m.status in ('done', 'dlq', 'cancelled') then m.at end,
    case when m.hold = 'time' then now() + g * interval '1 second' end,
    case when g % 50 = 0 then now() + g * interval '1 second' end,
    case when m.status = 'running' then now() + interval '1 day' + g * interval '1 millisecond' end,
    case when m.status = 'running' then 'w' || g % 50 end,
    m.status = 'running' and g % 10 = 3,
    case when m.status = 'running' and g % 10 = 3 then now() end,
    case when m.status in ('pending', 'waiting') then 0 else 1 end,
    case when g % 100 = 0 then 'owner' || g % 5000 else '' end,
    case when g % 10 = 0 then 'key' || g end,
    case when m.hold = 'key' or m.status = 'running' and g % 2 = 1 then 'key' || g / 100 end,
    case when g % 20 = 5 then 'unique' || g end,
    case when g % 20 = 5 then 'active' end,
    case when g % 20 = 7 then lpad((g / 200)::text, 26, '0') end,
    case when g % 20 = 9 then lpad((g / 200)::text, 26, '0') end,
    case when g % 10 = 0 then jsonb_build_object('tenant', 't' || g % 5000) else '{}' end,
    m.at,
    case when m.status = 'dlq' then 'boom ' || g end
from generate_series(1, $1::integer + $2::integer) as g
cross join lateral (
    select
        now() - interval '6 days' * (1 - g / ($1 + $2 + 1)::float8) as at,
        case
            when g <= $1 then case when g % 200 = 0 then 'dlq' when g % 201 = 0 then 'cancelled' else 'done' end
            when g % 100 < 2 then 'running'
            when g % 100 < 70 then 'pending'
            when g % 100 < 80 then 'failed'
            else 'waiting'
        end as status,
        case
            when g <= $1 or g % 100 < 70 then null
            when g % 100 < 90 then 'time'
            when g % 100 < 95 then 'key'
            else 'upstream'
        end as hold
) as m
"""
# In the order of the index, which is far quicker to fill so.
LABELS = """
insert into jobstream.job_labels (name, value, job_id)
select f.name, f.value, j.id
from jobstream.jobs as j
cross join lateral jobstream.labels_of(j.labels, j.kind, case when j.queue < 'queue4' then '' else j.queue end, j.owner) as f
order by 1, 2, 3
"""
AWAITS = """
insert into jobstream.job_awaits (job_id, upstream_id)
select j.id, (select min(r.id) from jobstream.jobs as r where r.status = 'running')
from jobstream.jobs as j
where j.hold = 'upstream'
"""
EVENTS = """
insert into jobstream.job_events (xid, at, job_id, type, status, attempt, queue, kind, owner, pipeline_id, labels)
select
    (3 + row_number() over (order by j.id) * 500 / ($1::integer + $2::integer))::text::xid8,
    date_trunc('day', now()) + (now() - date_trunc('day', now())) * row_number() over (order by j.id) / ($1 + $2),
    j.id, 'status', j.status, j.attempt, j.queue, j.kind, j.owner, j.pipeline_id, j.labels
from jobstream.jobs as j
order by j.id
"""


TABLES = """
select c.oid::regclass::text
from pg_class as c
where c.relnamespace = 'jobstream'::regnamespace
    and c.relkind = 'r'
    and c.relname ~ '^(jobs|job_labels|job_awaits|job_events_.*)$'
"""


def fill(url: str) -> None:
    """Fill the tables of a database, as they are after vacuum."""
    with psycopg.connect(url, autocommit=True) as connection:
        for (table,) in connection.execute(TABLES).fetchall():
            connection.execute(f"alter table {table} set unlogged")
        connection.execute("set session_replication_role = replica")
        connection.execute("set work_mem = '256MB'")
        for statement in (JOBS, LABELS, AWAITS, EVENTS):
            connection.execute(statement.replace("$1", str(ENDED)).replace("$2", str(WAITING)))
        connection.execute("vacuum (analyze) jobstream.jobs, jobstream.job_labels")
        connection.execute("vacuum (analyze) jobstream.job_awaits, jobstream.job_events")
