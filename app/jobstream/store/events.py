"""Reading events: a job's own, and all of them by the snapshot cursor of design §8."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

import asyncpg
from msgspec import Struct

from jobstream.domain.cursor import (
    BEGINNING,
    MAX_EVENT_ID,
    BadToken,
    Cursor,
    Horizon,
    NamedCursor,
    Snapshot,
    Tokens,
    batch_tokens,
    format_cursor,
    parse_cursor,
)
from jobstream.domain.event import Event, StoredEvent
from jobstream.store.event_rows import EVENT_COLUMNS, event_from_row, stored_event
from jobstream.store.pool import Connection, Database
from jobstream.store.snapshots import fetch_snapshots, flush, keep_snapshots
from jobstream.store.steps import (
    EVERY_EVENT,
    LOWEST_ID,
    NOW,
    STEP_BY_ARMS,
    STEP_BY_WALK,
    WALK_WINDOW,
    EventFilter,
    filter_arguments,
    snapshot_arguments,
)

__all__ = ["EVERY_EVENT", "Batch", "EventFilter", "EventStore", "Position", "Reset", "ResetReason"]


class ResetReason(StrEnum):
    """Why a part of the stream cannot be had."""

    PRUNED = "pruned"
    EPOCH = "epoch"
    UNKNOWN = "unknown"


class Reset(Struct, frozen=True):
    """A cursor that cannot be continued, and the position from which the stream goes on instead."""

    reason: ResetReason
    cursor: Cursor


class Batch(Struct, frozen=True):
    """A step's events in order of id. `cursor` is the position after all of them.

    `tokens.at(event.id)` is a client's token after that event while the batch lasts, `token` the one after this part
    of it; None where nothing came and the token of before says the same. `more`: the batch goes on, step again with
    `cursor`. Whatever the tokens name has been stored.
    """

    events: list[StoredEvent]
    cursor: Cursor
    token: str | None
    tokens: Tokens
    more: bool


class JobPage(Struct, frozen=True):
    """Some of a job's events in order. `more`: there were more when it was read."""

    events: list[StoredEvent]
    more: bool


class Position(Struct, frozen=True):
    """Where the stream stands now."""

    epoch: str
    snapshot: Snapshot
    horizon: Horizon

    @property
    def cursor(self) -> Cursor:
        """The cursor after everything that is visible now."""
        return Cursor(self.epoch, self.snapshot)


_JOB_EVENTS: Final = f"""
select {EVENT_COLUMNS}
from jobstream.job_events as e
where e.job_id = $1::text and e.id > $2::bigint
order by e.id
limit $3::integer
"""
# The running sum ends the page before the row that would pass the bound; one row more than asked tells that there is more.
_JOB_PAGE: Final = f"""
select r.*, r.place < $3::integer and r.before < $4::bigint as fits
from (
    select
        r.*,
        row_number() over (order by r.id) - 1 as place,
        coalesce(sum(octet_length(r.data)) over (order by r.id rows between unbounded preceding and 1 preceding), 0) as before
    from (
        select {EVENT_COLUMNS}
        from jobstream.job_events as e
        where e.job_id = $1::text and e.id > $2::bigint
        order by e.id
        limit $3::integer + 1
    ) as r
) as r
order by r.id
"""
_HAS_JOB_EVENT: Final = """
select exists (select from jobstream.job_events as e where e.job_id = $1::text and e.id = $2::bigint)
"""
_LAST_JOB_EVENT: Final = """
select coalesce(max(e.id), 0)
from jobstream.job_events as e
where e.job_id = $1::text
    and ($2::bigint is null or e.id < $2::bigint)
    and ($3::timestamptz is null or e.at < $3::timestamptz)
"""
_JOB_POSITION: Final = """
select coalesce(max(e.id), 0)
from jobstream.job_events as e
where e.job_id = $1::text
    and (
        pg_visible_in_snapshot(e.xid, $2::text::pg_snapshot)
        or (e.id <= $3::bigint and pg_visible_in_snapshot(e.xid, $4::text::pg_snapshot))
    )
"""
_BELL_IS_HELD: Final = """
select exists (
    select
    from pg_locks as l
    where l.locktype = 'advisory'
        and l.classid = 1785688947
        and l.objid = 1
        and l.objsubid = 2
        and l.database = (select d.oid from pg_database as d where d.datname = current_database())
)
"""
# Ids rise with time but for the moment between drawing one and writing the row, so the place is searched by halves, ten
# seconds early, and from there on each row is looked at. Without that the whole day before would be.
_FIRST_SINCE: Final = """
with recursive search as (
    select
        coalesce((select e.id from jobstream.job_events as e order by e.id limit 1), 0) as low,
        coalesce((select e.id from jobstream.job_events as e order by e.id desc limit 1), 0) + 1 as high
    union all
    select
        case when middle.is_early then middle.id + 1 else s.low end,
        case when middle.is_early then s.high else middle.id end
    from search as s
    cross join lateral (
        select
            h.id,
            coalesce((
                select e.at
                from jobstream.job_events as e
                where e.id >= h.id
                order by e.id
                limit 1
            ) < $1::timestamptz - interval '10 s', false) as is_early
        from (select s.low + (s.high - s.low) / 2 as id) as h
    ) as middle
    where s.low < s.high
)

select e.id
from jobstream.job_events as e
where e.at >= $1::timestamptz and e.id >= (select max(s.low) from search as s)
order by e.id
limit 1
"""


class EventStore:
    """Steps through events. Holds no position of its own."""

    def __init__(self, db: Database) -> None:
        """Statements run on `db`, which must be the primary: a standby's snapshot shows no running transactions."""
        self._db = db

    async def job_events(
        self, job_id: str, *, after: int = 0, limit: int = 1_000, connection: Connection | None = None
    ) -> list[StoredEvent]:
        """A job's events with an id above `after`, in order. An unknown job has none."""
        rows = await self._db.fetch(_JOB_EVENTS, job_id, after, limit, connection=connection)
        return [stored_event(row) for row in rows]

    async def job_page(
        self, job_id: str, *, after: int = 0, limit: int = 1_000, max_bytes: int = 4 << 20
    ) -> JobPage:
        """As `job_events`, at most so many rows or bytes, but at least one row, whatever its size."""
        rows = await self._db.fetch(_JOB_PAGE, job_id, after, limit, max_bytes)
        events = [stored_event(row) for row in rows if row["fits"]]
        return JobPage(events, len(events) < len(rows))

    async def read_job_events(
        self, job_id: str, *, after: int = 0, limit: int = 1_000, connection: Connection | None = None
    ) -> list[Event]:
        """As `job_events`, as values for Python code."""
        rows = await self._db.fetch(_JOB_EVENTS, job_id, after, limit, connection=connection)
        return [event_from_row(row) for row in rows]

    async def has_job_event(self, job_id: str, event_id: int) -> bool:
        """Whether that id is an event of that job."""
        return bool(await self._db.fetchval(_HAS_JOB_EVENT, job_id, event_id))

    async def last_job_event_id(
        self, job_id: str, *, before_id: int | None = None, before: datetime | None = None
    ) -> int:
        """The job's largest event id, below `before_id` and earlier than `before` if those are given; 0 for none."""
        return int(await self._db.fetchval(_LAST_JOB_EVENT, job_id, before_id, before))

    async def job_position(self, job_id: str, cursor: Cursor) -> int:
        """The job's largest event id that the cursor has passed, 0 for none.

        For one job the passed events are a prefix: its ids rise in the order of commits.
        """
        upto = cursor.upto or cursor.seen
        return int(
            await self._db.fetchval(_JOB_POSITION, job_id, cursor.seen.text(), cursor.after, upto.text())
        )

    async def position(self) -> Position:
        """Epoch, snapshot and pruning horizon of this moment. The snapshot is one that a crash does not take back."""
        row = await self._db.fetchrow(NOW)
        assert row is not None, "event_horizon has one row"
        if not row["flushed"]:
            await flush(self._db)
        return _position(row)

    async def bell_is_held(self) -> bool:
        """Whether a transaction has rung early and keeps others from ringing until it ends."""
        return bool(await self._db.fetchval(_BELL_IS_HELD))

    async def enter_epoch(self) -> bool:
        """Notes the epoch and, if it is a new one, parts its event ids from those of before.

        False: the events were written in another cluster and must be rebased; cursors cannot tell them from new ones.
        """
        return str(await self._db.fetchval("select jobstream.enter_epoch()")) != "restored"

    async def resolve(self, token: str) -> Cursor | Reset:
        """The cursor of a client's token, checked against epoch, horizon and what is visible now."""
        try:
            parsed = parse_cursor(token)
        except BadToken:
            return Reset(ResetReason.UNKNOWN, (await self.position()).cursor)
        cursor = await self._fetched(parsed)
        now = await self.position()
        reason = _fault(cursor, now) if parsed.epoch == now.epoch else ResetReason.EPOCH
        if cursor is None or reason is not None:
            return Reset(reason or ResetReason.PRUNED, now.cursor)
        return cursor

    async def step(
        self,
        cursor: Cursor,
        *,
        limit: int = 5_000,
        max_bytes: int = 4 << 20,
        upto: Snapshot | None = None,
        filter: EventFilter = EVERY_EVENT,
    ) -> Batch | Reset:
        """The next events after a cursor, at most so many rows or bytes (but at least one row, whatever its size).

        Without `upto` the batch reaches to what is visible now; with it to that snapshot, for a client that catches
        up to where the hub stands. A cursor inside a batch first finishes that one. `filter` leaves out what does
        not match; the position moves on just the same. Reset where the epoch is another one, or where what would
        follow has been pruned meanwhile.
        """
        if upto is not None and cursor.upto is None and not upto.covers(cursor.seen):
            return Batch([], cursor, None, batch_tokens(cursor.epoch, cursor.seen, cursor.seen), False)
        rows, target = await self._rows(cursor, cursor.upto or upto, [limit + 1, max_bytes], filter)
        now = _position(rows[0])
        # Before anything of a new snapshot is handed out. What came no further than before was flushed then.
        if not rows[0]["flushed"] and now.snapshot.xmax > cursor.seen.xmax:
            await flush(self._db)
        if now.epoch != cursor.epoch:
            return Reset(ResetReason.EPOCH, now.cursor)
        if cursor.behind(now.horizon, now.snapshot):
            return Reset(ResetReason.PRUNED, now.cursor)
        return await self._batch(cursor, target, rows)

    async def token(self, cursor: Cursor) -> str:
        """The cursor's token, after storing what it names."""
        token, keep = format_cursor(cursor)
        await keep_snapshots(self._db, keep)
        return token

    async def keep(self, snapshots: dict[str, str]) -> None:
        """Stores snapshots (code by name), before a token that names one is handed out."""
        await keep_snapshots(self._db, snapshots)

    async def start_at(self, since: datetime) -> Cursor:
        """The cursor before the first event at or after that moment.

        It passes by no such event unless the server's clock was set back by more than ten seconds since; some that are
        a little older may follow it, where clocks and ids disagree.
        """
        first: int | None = await self._db.fetchval(_FIRST_SINCE, since)
        now = await self.position()
        if first is None:
            return now.cursor
        return Cursor(now.epoch, BEGINNING, now.snapshot, max(first - 1, now.horizon.max_id))

    async def start_after_id(self, event_id: int) -> Cursor:
        """The cursor for a plain id on a stream of many jobs: what is visible now above it, then on. Inexact."""
        now = await self.position()
        return Cursor(now.epoch, BEGINNING, now.snapshot, event_id)

    async def start_earliest(self) -> Cursor:
        """The cursor before the oldest event that is kept."""
        now = await self.position()
        return Cursor(now.epoch, BEGINNING, now.snapshot, now.horizon.max_id)

    async def _fetched(self, parsed: Cursor | NamedCursor) -> Cursor | None:
        if isinstance(parsed, Cursor):
            return parsed
        names = {parsed.seen, parsed.upto or parsed.seen}
        return parsed.resolved(await fetch_snapshots(self._db, names))

    async def _rows(
        self, cursor: Cursor, target: Snapshot | None, bounds: list[int], filter: EventFilter
    ) -> tuple[Sequence[asyncpg.Record], Snapshot]:
        """The rows of a step and the snapshot that its batch reaches to."""
        limit = bounds[0]
        if cursor.upto is not None:
            rows = await self._walk(cursor, cursor.upto, cursor.after + WALK_WINDOW, bounds, filter)
            if rows[0]["found"] >= limit:
                return rows, cursor.upto
        rows = await self._db.fetch(
            STEP_BY_ARMS,
            *snapshot_arguments(cursor.seen),
            cursor.after,
            *bounds,
            target.text() if target else None,
            *filter_arguments(filter),
        )
        reached = target or Snapshot.parse(rows[0]["snapshot"])
        if rows[0]["found"] < limit:
            return rows, reached
        if cursor.upto is None:
            lowest = await self._db.fetchval(LOWEST_ID, *snapshot_arguments(cursor.seen))
            cursor = Cursor(cursor.epoch, cursor.seen, reached, (lowest or 1) - 1)
        return await self._walk(cursor, reached, MAX_EVENT_ID, bounds, filter), reached

    async def _walk(
        self, cursor: Cursor, target: Snapshot, last: int, bounds: list[int], filter: EventFilter
    ) -> Sequence[asyncpg.Record]:
        return await self._db.fetch(
            STEP_BY_WALK,
            *snapshot_arguments(cursor.seen),
            cursor.after,
            *bounds,
            target.text(),
            *filter_arguments(filter),
            last,
        )

    async def _batch(self, cursor: Cursor, target: Snapshot, rows: Sequence[asyncpg.Record]) -> Batch:
        first = rows[0]
        tokens = batch_tokens(cursor.epoch, cursor.seen, target)
        if first["more"]:
            after = Cursor(cursor.epoch, cursor.seen, target, first["last"])
        elif tokens.keep and first["found"] == 0 and cursor.upto is None:
            # Not every look at a quiet table among many writers is worth a stored snapshot.
            return Batch([], Cursor(cursor.epoch, target), None, tokens, False)
        else:
            after = Cursor(cursor.epoch, target)
        await keep_snapshots(self._db, tokens.keep)
        events = [stored_event(row) for row in rows if row["id"] is not None]
        token = tokens.at(first["last"]) if first["more"] else tokens.end
        return Batch(events, after, token, tokens, first["more"])


def _position(row: asyncpg.Record) -> Position:
    return Position(
        row["epoch"], Snapshot.parse(row["snapshot"]), Horizon(int(row["max_xid"]), row["max_id"])
    )


def _fault(cursor: Cursor | None, now: Position) -> ResetReason | None:
    """What keeps a cursor of this epoch from being continued; None for nothing."""
    if cursor is None:
        return ResetReason.PRUNED
    last = cursor.upto or cursor.seen
    if not now.snapshot.covers(last) or not last.covers(cursor.seen):
        return ResetReason.UNKNOWN
    if cursor.behind(now.horizon, now.snapshot):
        return ResetReason.PRUNED
    return None
