"""Is something running? Counts by status that cost what is alive and what happened since, however many jobs are done.

Jobs that are done are counted once, which takes all of the table. From then on the count is carried along with the events
that its snapshot does not see, each once (design §8); all other statuses have indexes, and are counted every time.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import asyncpg
from msgspec import Struct

from jobstream.domain.cursor import Snapshot
from jobstream.domain.job import EVERY_JOB, Current, JobFilter, Status, Summary
from jobstream.store.listing import Listing
from jobstream.store.pool import Connection, Database
from jobstream.store.rows import read_json
from jobstream.store.steps import EventFilter, filter_arguments, snapshot_arguments, wanted

_MOST: Final = 1_000
"""Questions whose count is kept; of more, that which was asked least lately is counted anew."""
_PATIENCE: Final = 60.0
"""Seconds between two questions after which to count may cost less than to catch up."""
_ANEW: Final = 600.0
"""Seconds after which it is counted anew: what happened behind the triggers' back wrote no event."""

# A table that was truncated has another file.
_NOW: Final = """
    pg_current_snapshot()::text as snapshot,
    jobstream.stream_epoch() || ' ' || pg_relation_filenode('jobstream.jobs') as era"""
_ARM: Final = """
    select e.type, e.status, e.queue, e.kind, e.job_id, e.pipeline_id, e.owner, e.labels, e.data
    from jobstream.job_events as e
    where {which} and e.type in ('status', 'deleted', 'updated')"""
_SINCE: Final = f"""
with fresh as materialized ({_ARM.format(which="e.xid = any ($1::text[]::xid8[])")}
    union all{_ARM.format(which="e.xid >= $2::text::xid8")}
),
counted as (
    select
        count(*) filter (where r.type = 'status' and r.status = 'done')
        - count(*) filter (where r.type = 'status' and r.data ->> 'from' = 'done')
        - count(*) filter (where r.type = 'deleted' and r.status = 'done') as done
    from fresh as r
    where {wanted(3)}
)
select {_NOW},
    counted.done,
    exists (
        select from fresh as r
        where r.type = 'updated' and r.status = 'done' and r.data -> 'changed' ?| array['queue', 'labels']
    ) as is_sorted_anew
from counted
"""

Question: TypeAlias = tuple[JobFilter, str | None]
"""Which jobs, and whose."""


class _Kept(Struct, frozen=True):
    """How many were done in a snapshot. `era`: in which life of the table; the times are when it was counted and asked."""

    done: int
    snapshot: Snapshot
    era: str
    counted_at: float
    asked_at: float


class SummaryStore:
    """Answers for one process."""

    def __init__(self, database: Database, *, now: Callable[[], float] = time.monotonic) -> None:
        """Counts nothing yet."""
        self._db = database
        self._now = now
        self._kept: OrderedDict[Question, _Kept] = OrderedDict()

    async def get(self, filter: JobFilter = EVERY_JOB, *, owner: str | None = None) -> Summary:
        """What goes on among the jobs of a filter, which names no time, text or status."""
        question = filter, owner
        listing = Listing(filter, owner, None, 0)
        kept = self._kept.get(question)
        async with self._db.snapshot() as connection:
            caught_up = None if kept is None else await self._catch_up(connection, question, kept)
            if caught_up is None:
                row, caught_up = await self._count(connection, listing)
            else:
                row = await self._row(connection, *listing.live_counts())
        counts: dict[str, int] = read_json(row["counts"])
        if caught_up is not None:
            self._keep(question, caught_up)
            counts[Status.DONE] = caught_up.done
        return _summary(counts, read_json(row["current"]))

    async def _catch_up(self, connection: Connection, question: Question, kept: _Kept) -> _Kept | None:
        """The count as it is now; None where it cannot be told from what was kept."""
        now = self._now()
        if now > min(kept.asked_at + _PATIENCE, kept.counted_at + _ANEW):
            return None
        seen, filter = snapshot_arguments(kept.snapshot), filter_arguments(_events_of(question))
        row = await self._row(connection, _SINCE, [*seen, *filter])
        if row["is_sorted_anew"] or row["era"] != kept.era:
            return None
        return _Kept(kept.done + row["done"], Snapshot.parse(row["snapshot"]), kept.era, kept.counted_at, now)

    async def _count(self, connection: Connection, listing: Listing) -> tuple[asyncpg.Record, _Kept | None]:
        """All counts, and what is to be kept of them; nothing where they are about few jobs."""
        probe = listing.count_probe()
        found = dict(await self._row(connection, *probe)) if probe else {}
        query, arguments, is_cheap = listing.counts(found)
        row = await self._row(connection, query, arguments)
        if is_cheap:
            return row, None
        at, now = await self._row(connection, f"select {_NOW}", []), self._now()
        done = read_json(row["counts"]).get(Status.DONE, 0)
        return row, _Kept(done, Snapshot.parse(at["snapshot"]), at["era"], now, now)

    async def _row(self, connection: Connection, query: str, arguments: list[Any]) -> asyncpg.Record:
        row = await self._db.fetchrow(query, *arguments, connection=connection)
        assert row is not None  # they count, so there is one
        return row

    def _keep(self, question: Question, kept: _Kept) -> None:
        self._kept[question] = kept
        self._kept.move_to_end(question)
        if len(self._kept) > _MOST:
            self._kept.popitem(last=False)


def _events_of(question: Question) -> EventFilter:
    filter, owner = question
    return EventFilter(
        queue=filter.queue,
        kind=filter.kind,
        pipeline_id=filter.pipeline_id,
        label=filter.label,
        owner=filter.owner if owner is None else (owner,),
    )


def _summary(counts: dict[str, int], current: list[dict[str, Any]]) -> Summary:
    return Summary(
        is_running=bool(counts.get("pending") or counts.get("running")),
        counts={status.value: counts.get(status.value, 0) for status in Status},
        current=[Current(**each) for each in current],
    )
