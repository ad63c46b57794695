"""Figures for the dashboard: throughput, waits, groups of errors, health, what people did.

Every statement walks an index from its newest end and looks at a bounded number of rows, whatever the size of the
tables; owner given: only that owner's jobs count (among those looked at).
"""

from datetime import timedelta
from typing import Any, Final

from jobstream.domain.ids import checked_id
from jobstream.domain.insight import (
    Activity,
    Bucket,
    BulkDeed,
    Check,
    Deed,
    ErrorGroup,
    ErrorGroups,
    Health,
    Stats,
    Stuck,
    Wait,
)
from jobstream.errors import NotFound
from jobstream.store.pool import Database

EVENTS_EXAMINED: Final = 50_000
JOBS_EXAMINED: Final = 20_000
DEEDS_EXAMINED: Final = 20_000
_BUCKETS: Final = 60

_NOW: Final = "select jobstream.clock() as now"

_FLOW: Final = """
with recent as materialized (
    select e.id, e.at, e.type, e.status, e.attempt, e.queue, e.owner, e.data
    from jobstream.job_events as e
    order by e.id desc
    limit $4::bigint
),
counted as (
    select
        date_bin(make_interval(secs => $2::double precision), r.at, 'epoch') as bucket,
        r.queue,
        count(*) filter (where case when r.attempt = 0 then r.data ->> 'from' is null else false end) as enqueued,
        count(*) filter (where r.status = 'done') as done,
        count(*) filter (where r.status in ('failed', 'dlq') and r.attempt > 0) as failed,
        count(*) filter (where r.status = 'dlq') as dlq
    from recent as r
    where r.type = 'status' and r.at >= $1::timestamptz and ($3::text is null or r.owner = $3::text)
    group by 1, 2
)
select c.bucket, c.queue, c.enqueued, c.done, c.failed, c.dlq, r.examined, r.first_at
from (select count(*) as examined, min(s.at) as first_at from recent as s) as r
left join counted as c on true
order by c.bucket
"""

_WAITS: Final = """
with recent as materialized (
    select j.started_at, j.scheduled_at, j.created_at, j.attempt, j.owner, j.await_jobs, j.concurrency_key
    from jobstream.jobs as j
    order by j.id desc
    limit $4::bigint
)
select
    date_bin(make_interval(secs => $2::double precision), r.started_at, 'epoch') as bucket,
    percentile_cont(array[0.5, 0.95]) within group (
        order by extract(epoch from r.started_at - greatest(r.created_at, r.scheduled_at))::double precision
    ) as seconds
from recent as r
where r.attempt = 1
    and r.started_at >= $1::timestamptz
    and r.await_jobs is null
    and r.concurrency_key is null
    and ($3::text is null or r.owner = $3::text)
group by grouping sets ((1), ())
having count(*) > 0
order by bucket nulls first
"""

# The text up to the first figure: what errors of one cause have in common, and what a filter can look for.
_ERRORS: Final = """
with examined as materialized (
    select j.id, j.kind, j.queue, j.owner, j.reason, j.completed_at, split_part(j.last_error, E'\\n', 1) as error
    from jobstream.jobs as j
    where j.status = 'dlq'
    order by j.id desc
    limit $1::bigint
),
grouped as (
    select
        e.kind,
        e.reason,
        btrim(left(substring(coalesce(e.error, '') from '^[^0-9]*'), 120)) as match,
        count(*) as count,
        min(e.completed_at) as first_at,
        max(e.completed_at) as last_at,
        max(e.id) as sample
    from examined as e
    where ($2::text is null or e.owner = $2::text)
    group by 1, 2, 3
    order by 4 desc, 6 desc
    limit 200
)
select g.kind, g.reason, g.match, g.count, g.first_at, g.last_at, g.sample, e.error, x.examined
from (select count(*) as examined from examined) as x
left join grouped as g on true
left join examined as e on g.sample = e.id
order by g.count desc, g.last_at desc
"""

_CHECKS: Final = "select h.name, h.status, h.detail from jobstream.health as h"
_STUCK: Final = (
    "select s.id, s.queue, s.kind, s.status, s.why, s.since from jobstream.stuck_jobs as s limit 50"
)

# What workers do bears no name, what the maintenance does bears its own; a creation is no deed upon a job.
_DEEDS: Final = """
with recent as materialized (
    select e.id, e.xid, e.at, e.by, e.type, e.status, e.kind, e.job_id, e.attempt, e.data
    from jobstream.job_events as e
    where e.id < coalesce($1::bigint, 9223372036854775807)
    order by e.id desc
    limit $2::bigint
),
grouped as (
    select
        max(r.at) as at,
        r.by,
        r.type,
        r.status,
        count(*) as count,
        (array_agg(distinct r.kind))[1:5] as kinds,
        max(r.job_id) as sample,
        max(r.id) as event_id
    from recent as r
    where r.by is not null
        and r.by <> 'maintenance'
        and r.type in ('status', 'updated', 'deleted')
        and case when r.type = 'status' and r.attempt = 0 then r.data ->> 'from' is not null else true end
    group by r.xid, r.by, r.type, r.status
    order by 8 desc
    limit 500
)
select g.at, g.by, g.type, g.status, g.count, g.kinds, g.sample, g.event_id, x.examined, x.first_id
from (select count(*) as examined, min(r.id) as first_id from recent as r) as x
left join grouped as g on true
order by g.event_id desc
"""

_BULK: Final = """
select
    b.id, b.action, b.filter::text as filter, b.matched, b.done, b.skipped, b.status, b.by, b.created_at, b.completed_at
from jobstream.bulk_operations as b
order by b.id desc
limit 100
"""

_EXPLAIN: Final = """
select jobstream.explain_job(j.id)
from jobstream.jobs as j
where j.id = $1::text and ($2::text is null or j.owner = $2::text)
"""


class InsightStore:
    """Reads figures; changes nothing."""

    def __init__(self, db: Database) -> None:
        """Statements run on `db`."""
        self._db = db

    async def stats(self, *, seconds: int, owner: str | None = None) -> Stats:
        """What happened in the last seconds."""
        until = await self._db.fetchval(_NOW)
        since = until - timedelta(seconds=seconds)
        step = max(1, seconds // _BUCKETS)
        flow = await self._db.fetch(_FLOW, since, float(step), owner, EVENTS_EXAMINED)
        waits = [
            Wait(at=row["bucket"], p50=row["seconds"][0], p95=row["seconds"][1])
            for row in await self._db.fetch(_WAITS, since, float(step), owner, JOBS_EXAMINED)
        ]
        examined, first_at = flow[0]["examined"], flow[0]["first_at"]
        counted = [row for row in flow if row["bucket"] is not None]
        return Stats(
            since=since,
            until=until,
            step_seconds=step,
            covered_since=max(since, first_at) if examined == EVENTS_EXAMINED else since,
            buckets=_buckets(counted),
            wait=next((wait for wait in waits if wait.at is None), None),
            waits=[wait for wait in waits if wait.at is not None],
            queues=_queues(counted),
        )

    async def error_groups(self, *, owner: str | None = None) -> ErrorGroups:
        """Dead letters, grouped by kind, reason and the beginning of their error."""
        rows = await self._db.fetch(_ERRORS, JOBS_EXAMINED, owner)
        items = [
            ErrorGroup(
                kind=row["kind"],
                reason=row["reason"],
                match=row["match"],
                count=row["count"],
                first_at=row["first_at"],
                last_at=row["last_at"],
                sample=row["sample"],
                sample_error=row["error"],
            )
            for row in rows
            if row["kind"] is not None
        ]
        examined = rows[0]["examined"]
        return ErrorGroups(items=items, examined=examined, complete=examined < JOBS_EXAMINED)

    async def health(self) -> Health:
        """What might be wrong."""
        checks = [Check(**dict(row)) for row in await self._db.fetch(_CHECKS)]
        return Health(checks=checks, stuck=[Stuck(**dict(row)) for row in await self._db.fetch(_STUCK)])

    async def activity(self, *, before: int | None = None) -> Activity:
        """What people did, before that event; the bulk operations come with the first page."""
        rows = await self._db.fetch(_DEEDS, before, DEEDS_EXAMINED)
        deeds = [
            Deed(**{name: row[name] for name in Deed.__struct_fields__})
            for row in rows
            if row["event_id"] is not None
        ]
        bulk = await self._db.fetch(_BULK) if before is None else []
        full = rows[0]["examined"] == DEEDS_EXAMINED
        return Activity(
            items=deeds,
            bulk=[BulkDeed(**dict(row)) for row in bulk],
            next_before=rows[0]["first_id"] if full else None,
        )

    async def explain(self, id: str, *, owner: str | None = None) -> str:
        """Why a job does not run now. Raises NotFound; InvalidArgument for what is no id."""
        row = await self._db.fetchrow(_EXPLAIN, checked_id(id), owner)
        if row is None:
            raise NotFound(f"no such job: {id}")
        return str(row[0])


def _buckets(rows: list[Any]) -> list[Bucket]:
    names = ("enqueued", "done", "failed", "dlq")
    sums: dict[Any, dict[str, int]] = {}
    for row in rows:
        bucket = sums.setdefault(row["bucket"], dict.fromkeys(names, 0))
        for name in names:
            bucket[name] += row[name]
    return [Bucket(at=at, **counts) for at, counts in sums.items()]


def _queues(rows: list[Any]) -> dict[str, list[tuple[Any, int]]]:
    queues: dict[str, list[tuple[Any, int]]] = {}
    for row in rows:
        if row["queue"] is not None and row["done"]:
            queues.setdefault(row["queue"], []).append((row["bucket"], row["done"]))
    return queues
