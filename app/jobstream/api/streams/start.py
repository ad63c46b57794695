"""Where a stream starts: a client's cursor first, then `since` and `from`, then the default (contract §3).

A cursor that is none of ours is not refused: another status than 200 would end an EventSource for good. It is
answered with a `reset`, and `hello` before it repeats the client's own position, so that a client which is cut between
the two is told again.
"""

import re
from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

from jobstream.api.streams.recent import Recent
from jobstream.domain.cursor import Cursor, parse_event_id
from jobstream.store.events import EventStore, Reset, ResetReason

_SAFE: Final = re.compile(r"[A-Za-z0-9._-]{1,128}\Z")
_NONE_OF_OURS: Final = "unknown"


class From(StrEnum):
    """The two ends of what is kept."""

    EARLIEST = "earliest"
    NOW = "now"


class Asked(Struct, frozen=True, kw_only=True):
    """What a client said about where to start."""

    cursor: str | None = None
    since: datetime | None = None
    from_: From | None = None


class JobStart(Struct, frozen=True, kw_only=True):
    """A start on a job's stream. `own` is the client's position as it is told in `hello`."""

    position: int
    own: str
    reset: ResetReason | None = None
    from_beginning: bool = False


class Start(Struct, frozen=True, kw_only=True):
    """A start on a stream of many jobs."""

    cursor: Cursor
    own: str
    reset: ResetReason | None = None


async def job_start(events: EventStore, recent: Recent, job_id: str, asked: Asked) -> JobStart:
    """Where a client starts on the stream of one job: at its beginning, unless it says otherwise."""
    if asked.cursor is not None:
        return await _job_start_at(events, recent, job_id, asked.cursor)
    if asked.since is not None:
        return _at(await events.last_job_event_id(job_id, before=asked.since))
    if asked.from_ is From.NOW:
        return _at(await events.last_job_event_id(job_id))
    return JobStart(position=0, own="0", from_beginning=asked.from_ is None)


async def start(events: EventStore, recent: Recent, asked: Asked) -> Start:
    """Where a client starts on a stream of many jobs: now, unless it says otherwise."""
    if asked.cursor is not None:
        return await _start_at(events, recent, asked.cursor)
    if asked.since is not None:
        cursor = await events.start_at(asked.since)
    elif asked.from_ is From.EARLIEST:
        cursor = await events.start_earliest()
    else:
        cursor = (await events.position()).cursor
    return Start(cursor=cursor, own=await events.token(cursor))


def safe(cursor: str) -> str:
    """The client's cursor as it may stand in an `id:` line; what may not is replaced by something as unknown."""
    return cursor if _SAFE.match(cursor) else _NONE_OF_OURS


async def _job_start_at(events: EventStore, recent: Recent, job_id: str, cursor: str) -> JobStart:
    event_id = parse_event_id(cursor)
    if event_id is not None:
        if event_id == 0:
            return JobStart(position=0, own="0", from_beginning=True)
        if recent.job(job_id, event_id) is not None or await events.has_job_event(job_id, event_id):
            return _at(event_id)
        pruned = event_id <= (await events.position()).horizon.max_id
        return JobStart(position=0, own=cursor, reset=ResetReason.PRUNED if pruned else ResetReason.UNKNOWN)
    resolved = await events.resolve(cursor)
    if isinstance(resolved, Reset):
        return JobStart(position=0, own=safe(cursor), reset=resolved.reason)
    return _at(await events.job_position(job_id, resolved))


async def _start_at(events: EventStore, recent: Recent, cursor: str) -> Start:
    if (known := recent.cursor(cursor)) is not None:
        return Start(cursor=known, own=cursor)
    event_id = parse_event_id(cursor)
    if event_id is not None:
        return Start(cursor=await events.start_after_id(event_id), own=cursor)
    resolved = await events.resolve(cursor)
    if isinstance(resolved, Reset):
        return Start(cursor=resolved.cursor, own=safe(cursor), reset=resolved.reason)
    return Start(cursor=resolved, own=cursor)


def _at(position: int) -> JobStart:
    return JobStart(position=position, own=str(position))
