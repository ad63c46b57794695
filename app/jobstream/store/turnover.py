"""What happened to jobs since it was last asked: counted from their events, each once, by the algebra of snapshots.

Whoever asks keeps the snapshot that the answer came with and asks on from there: what commits late is counted late, and
nothing twice or never.
"""

from typing import Final

from msgspec import Struct

from jobstream.domain.cursor import Snapshot
from jobstream.store.pool import Database

SAMPLE: Final = 1_000
"""Attempts whose duration is looked up for one answer."""

_NOW: Final = "select pg_current_snapshot()::text as snapshot"
# Each of the two arms walks the index (xid, id).
_FRESH: Final = """
        select e.id, e.job_id, e.at, e.queue, e.status, e.attempt, e.data ->> 'from' as was
        from jobstream.job_events as e
        where {which} and e.type = 'status'"""
_SINCE: Final = f"""
with fresh as materialized ({_FRESH.format(which="e.xid = any ($1::text[]::xid8[])")}
        union all{_FRESH.format(which="e.xid >= $2::text::xid8")}
),
ended as materialized (
    select f.job_id, f.queue, f.attempt, f.at
    from fresh as f
    where f.was = 'running' and f.status in ('done', 'failed', 'dlq', 'cancelled')
    limit {SAMPLE}
),
timed as (
    select e.queue, count(*) as attempts, sum(extract(epoch from e.at - j.started_at))::double precision as seconds
    from ended as e
    cross join lateral (
        select j.started_at from jobstream.jobs as j where j.id = e.job_id and j.attempt = e.attempt offset 0
    ) as j
    group by e.queue
),
counted as (
    select
        f.queue,
        count(*) filter (where f.was is null) as enqueued,
        count(*) filter (where f.status = 'running') as claimed,
        count(*) filter (where f.status = 'done') as done,
        count(*) filter (where f.status = 'failed') as retries,
        count(*) filter (where f.status = 'dlq') as dead,
        count(*) filter (where f.status = 'cancelled') as cancelled
    from fresh as f
    group by f.queue
)
select s.snapshot, c.*, coalesce(t.attempts, 0) as attempts, coalesce(t.seconds, 0) as seconds
from (select pg_current_snapshot()::text as snapshot) as s
left join counted as c on true
left join timed as t on c.queue = t.queue
"""


class Turnover(Struct, frozen=True, kw_only=True):
    """What happened in one queue. `seconds`: what `attempts` of those that ended took together, a sample of them."""

    queue: str
    enqueued: int
    claimed: int
    done: int
    retries: int
    dead: int
    cancelled: int
    attempts: int
    seconds: float


async def current_snapshot(db: Database) -> Snapshot:
    """To count from now on."""
    return Snapshot.parse(await db.fetchval(_NOW))


async def turnover_since(db: Database, seen: Snapshot) -> tuple[list[Turnover], Snapshot]:
    """What that snapshot does not see, and the snapshot to go on from."""
    rows = await db.fetch(_SINCE, [str(xid) for xid in seen.running], str(seen.xmax))
    names = Turnover.__struct_fields__
    found = [Turnover(**{name: row[name] for name in names}) for row in rows if row["queue"] is not None]
    return found, Snapshot.parse(rows[0]["snapshot"])
