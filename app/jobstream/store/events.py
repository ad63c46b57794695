"""Reading events: a job's own, and all of them by the snapshot cursor of design §8."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from jobstream.domain.cursor import Cursor, Horizon, Snapshot, Tokens
from jobstream.domain.event import StoredEvent
from jobstream.store.pool import Connection, Database


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
    of it. `more`: the batch goes on, step again with `cursor`. Whatever the tokens name has been stored.
    """

    events: list[StoredEvent]
    cursor: Cursor
    token: str
    tokens: Tokens
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


class EventStore:
    """Steps through events. Holds no position of its own."""

    def __init__(self, db: Database) -> None:
        """Statements run on `db`, which must be the primary: a standby's snapshot shows no running transactions."""
        self._db = db

    async def job_events(
        self, job_id: str, *, after: int = 0, limit: int = 1_000, connection: Connection | None = None
    ) -> list[StoredEvent]:
        """A job's events with an id above `after`, in order. An unknown job has none."""
        raise NotImplementedError

    async def has_job_event(self, job_id: str, event_id: int) -> bool:
        """Whether that id is an event of that job."""
        raise NotImplementedError

    async def position(self) -> Position:
        """Epoch, snapshot and pruning horizon of this moment."""
        raise NotImplementedError

    async def resolve(self, token: str) -> Cursor | Reset:
        """The cursor of a client's token, checked against epoch, horizon and what is visible now."""
        raise NotImplementedError

    async def step(
        self,
        cursor: Cursor,
        *,
        limit: int = 5_000,
        max_bytes: int = 4 << 20,
        upto: Snapshot | None = None,
        filter: "EventFilter | None" = None,
    ) -> Batch:
        """The next events after a cursor, at most so many rows or bytes.

        Without `upto` the batch reaches to what is visible now; with it to that snapshot, for a client that catches
        up to where the hub stands. A cursor inside a batch first finishes that one. `filter` leaves out what does
        not match; the position moves on just the same.
        """
        raise NotImplementedError

    async def token(self, cursor: Cursor) -> str:
        """The cursor's token, after storing what it names."""
        raise NotImplementedError

    async def start_at(self, since: datetime) -> Cursor:
        """The cursor before the first event at or after that moment."""
        raise NotImplementedError

    async def start_after_id(self, event_id: int) -> Cursor:
        """The cursor for a plain id on a stream of many jobs: what is visible now above it, then on. Inexact."""
        raise NotImplementedError

    async def start_earliest(self) -> Cursor:
        """The cursor before the oldest event that is kept."""
        raise NotImplementedError

    async def prune_snapshots(self) -> int:
        """Drops stored snapshots that are older than events are kept; how many."""
        raise NotImplementedError


class EventFilter(Struct, frozen=True, kw_only=True):
    """Which events of a stream are meant: several values of one name mean or, different names and."""

    queue: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    job_id: tuple[str, ...] = ()
    pipeline_id: tuple[str, ...] = ()
    label: tuple[tuple[str, str], ...] = ()
    owner: tuple[str, ...] = ()


Events = Sequence[StoredEvent]
