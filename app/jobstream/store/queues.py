"""Queues: what stands in them, their settings."""

import builtins
from typing import Any, Final, TypeVar

from msgspec import UnsetType

from jobstream.domain.queue import Queue, QueueChange, RateLimit
from jobstream.errors import NotFound
from jobstream.store.pool import Database

T = TypeVar("T")

_COUNTED: Final = ("waiting", "pending", "running", "failed", "dlq")
_LIST: Final = """
select
    q.queue, q.waiting, q.pending, q.running, q.failed, q.dlq, q.oldest_pending_seconds, q.paused, q.paused_by,
    q.paused_at, q.max_running, q.key_limit, q.rate_count, q.rate_seconds, q.retention_days
from jobstream.queue_stats as q
where $1::text is null or q.queue = $1::text
order by q.queue
"""
# For callers who see only their own jobs: queues in which they have any, and only those jobs counted.
_LIST_OWN: Final = """
select
    c.queue, c.waiting, c.pending, c.running, c.failed, c.dlq,
    extract(epoch from jobstream.clock() - c.oldest_pending_at)::double precision as oldest_pending_seconds,
    coalesce(q.paused, false) as paused, q.paused_by, q.paused_at, q.max_running, coalesce(q.key_limit, 1) as key_limit,
    q.rate_count, q.rate_seconds, coalesce(q.retention_days, 7) as retention_days
from (
    select
        j.queue,
        count(*) filter (where j.status = 'waiting') as waiting,
        count(*) filter (where j.status = 'pending') as pending,
        count(*) filter (where j.status = 'running') as running,
        count(*) filter (where j.status = 'failed') as failed,
        count(*) filter (where j.status = 'dlq') as dlq,
        min(coalesce(j.scheduled_at, j.created_at)) filter (where j.status = 'pending') as oldest_pending_at
    from jobstream.jobs as j
    where j.status in ('waiting', 'pending', 'running', 'failed', 'dlq') and j.owner = $2::text
    group by j.queue
) as c
left join jobstream.queues as q on c.queue = q.name
where $1::text is null or c.queue = $1::text
order by c.queue
"""
# The principal must be known before the function runs: its argument is read from there.
_SET: Final = """
with who as materialized (select set_config('jobstream.principal', $1::text, true) as principal)
select jobstream.set_queue(
    (select $2::text from who where principal is not null),
    paused => $3::boolean,
    max_running => $4::integer,
    key_limit => $5::integer,
    rate_count => $6::integer,
    rate_seconds => $7::integer,
    retention_days => $8::integer
)
"""
_NO_LIMIT: Final = -1


class QueueStore:
    """Look at queues and set them."""

    def __init__(self, db: Database) -> None:
        """Statements run on `db`."""
        self._db = db

    async def list(self, *, owner: str | None = None) -> builtins.list[Queue]:
        """Every queue with jobs or settings, by name."""
        return [_queue(row) for row in await self._rows(None, owner)]

    async def get(self, name: str, *, owner: str | None = None) -> Queue:
        """One queue. Raises NotFound where there are neither jobs nor settings."""
        rows = await self._rows(name, owner)
        if not rows:
            raise NotFound(f"no such queue: {name}")
        return _queue(rows[0])

    async def set(self, name: str, change: QueueChange, *, principal: str) -> Queue:
        """Sets what is given. Raises InvalidArgument."""
        count, seconds = _rate(change.rate_limit)
        most = _NO_LIMIT if change.max_running is None else _given(change.max_running)
        await self._db.fetch(
            _SET,
            principal,
            name,
            _given(change.paused),
            most,
            _given(change.key_limit),
            count,
            seconds,
            _given(change.retention_days),
        )
        return await self.get(name)

    async def _rows(self, name: str | None, owner: str | None) -> builtins.list[Any]:
        if owner is None:
            return await self._db.fetch(_LIST, name)
        return await self._db.fetch(_LIST_OWN, name, owner)


def _queue(row: Any) -> Queue:
    count, seconds = row["rate_count"], row["rate_seconds"]
    return Queue(
        name=row["queue"],
        counts={status: row[status] for status in _COUNTED},
        oldest_pending_seconds=row["oldest_pending_seconds"],
        paused=row["paused"],
        paused_by=row["paused_by"],
        paused_at=row["paused_at"],
        max_running=row["max_running"],
        key_limit=row["key_limit"],
        rate_limit=None if count is None else RateLimit(count=count, per_seconds=seconds),
        retention_days=row["retention_days"],
    )


def _given(value: T | UnsetType) -> T | None:
    return None if isinstance(value, UnsetType) else value


def _rate(limit: RateLimit | UnsetType | None) -> tuple[int | None, int | None]:
    if isinstance(limit, UnsetType):
        return None, None
    return (_NO_LIMIT, None) if limit is None else (limit.count, limit.per_seconds)
