"""Figures for a monitoring system. Counted through partial indexes: what is done or cancelled is not looked at."""

from typing import Final

from msgspec import Struct

from jobstream.store.pool import Database

_QUEUES: Final = """
select q.queue, q.waiting, q.pending, q.running, q.failed, q.dlq, q.oldest_pending_seconds, q.paused
from jobstream.queue_stats as q
order by q.queue
limit 1000
"""
_REST: Final = """
select
    (select count(*) from jobstream.live_workers) as workers,
    pg_snapshot_xmax(pg_current_snapshot())::text as xmax
"""


class QueueFigures(Struct, frozen=True, kw_only=True):
    """One queue. `oldest_pending_seconds` is None where nothing is pending."""

    queue: str
    waiting: int
    pending: int
    running: int
    failed: int
    dlq: int
    oldest_pending_seconds: float | None
    paused: bool


class Figures(Struct, frozen=True, kw_only=True):
    """At most a thousand queues, the live workers, and the first transaction that had not begun."""

    queues: tuple[QueueFigures, ...]
    workers: int
    xmax: int


async def read_figures(db: Database) -> Figures:
    """As they are now."""
    queues = await db.fetch(_QUEUES)
    rest = await db.fetchrow(_REST)
    assert rest is not None
    return Figures(
        queues=tuple(QueueFigures(**dict(row)) for row in queues),
        workers=rest["workers"],
        xmax=int(rest["xmax"]),
    )
