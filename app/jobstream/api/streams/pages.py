"""The same streams as JSON: a page after a cursor, waited for if need be, with the cursor for the next."""

from typing import Final

import msgspec
from msgspec import Struct

from jobstream.api.services import Services
from jobstream.api.streams.made import status_event
from jobstream.api.streams.source import interest
from jobstream.api.streams.start import JobStart, Start
from jobstream.api.waiting import something
from jobstream.domain.cursor import Cursor
from jobstream.domain.event import Event, StoredEvent
from jobstream.domain.job import Job
from jobstream.hub import Interest
from jobstream.store.events import EventFilter, JobPage, Reset, ResetReason

_ROUNDS: Final = 20
"""Steps that may find nothing before a page is handed out empty: the cursor moves on all the same."""


class EventPage(Struct, frozen=True, kw_only=True):
    """Some events. `reset` says why a part cannot be had; `next_cursor` goes on from here, always.

    `complete`: there was nothing more when the page was read.
    """

    items: list[Event]
    next_cursor: str
    reset: ResetReason | None
    complete: bool


class _Page(Struct, frozen=True, kw_only=True):
    """An EventPage whose events are JSON already."""

    items: list[msgspec.Raw]
    next_cursor: str
    reset: ResetReason | None
    complete: bool


async def job_page(services: Services, job: Job, start: JobStart, *, limit: int, seconds: float) -> bytes:
    """A page of one job's events."""
    if start.reset is not None:
        return await _job_reset(services, job, start.reset)
    found = await services.events.job_page(job.id, after=start.position, limit=limit)
    if not found.events and seconds > 0 and not job.status.terminal:
        found = await _await_job(services, job, start.position, limit, seconds)
    position = found.events[-1].id if found.events else start.position
    return _encoded([event.json for event in found.events], str(position), complete=not found.more)


async def page(services: Services, filter: EventFilter, start: Start, *, limit: int, seconds: float) -> bytes:
    """A page of the events of many jobs."""
    found = await _read(services, filter, start.cursor, limit)
    if not found.events and seconds > 0 and start.reset is None and found.reset is None:
        found = await _await_any(services, filter, found.cursor, limit, seconds)
    return _encoded(
        [event.json for event in found.events],
        found.token,
        reset=start.reset or found.reset,
        complete=found.complete,
    )


async def _job_reset(services: Services, job: Job, reason: ResetReason) -> bytes:
    position = await services.events.last_job_event_id(job.id)
    job = await services.jobs.get(job.id)
    return _encoded([status_event(job, position)], str(position), reset=reason, complete=True)


async def _await_job(services: Services, job: Job, position: int, limit: int, seconds: float) -> JobPage:
    subscription = await services.feed.join(Interest({"job_id": frozenset((job.id,))}))
    assert subscription is not None  # joins that ask for no position are not refused
    try:
        found = await services.events.job_page(job.id, after=position, limit=limit)
        if not found.events:
            await something(subscription, seconds)
            found = await services.events.job_page(job.id, after=position, limit=limit)
        return found
    finally:
        services.hub.unsubscribe(subscription)


class _Found(Struct, frozen=True):
    events: list[StoredEvent]
    token: str
    cursor: Cursor
    complete: bool = False
    reset: ResetReason | None = None


async def _await_any(
    services: Services, filter: EventFilter, cursor: Cursor, limit: int, seconds: float
) -> _Found:
    subscription = await services.feed.join(interest(filter))
    assert subscription is not None  # joins that ask for no position are not refused
    try:
        found = await _read(services, filter, cursor, limit)
        if not found.events and found.reset is None:
            await something(subscription, seconds)
            found = await _read(services, filter, found.cursor, limit)
        return found
    finally:
        services.hub.unsubscribe(subscription)


async def _read(services: Services, filter: EventFilter, cursor: Cursor, limit: int) -> _Found:
    token = ""
    for _ in range(_ROUNDS):
        batch = await services.events.step(cursor, limit=limit, filter=filter)
        if isinstance(batch, Reset):
            token = await services.events.token(batch.cursor)
            return _Found([], token, batch.cursor, reset=batch.reason)
        cursor = batch.cursor
        token = await services.events.token(cursor) if batch.token is None else batch.token
        if batch.events or not batch.more:
            return _Found(batch.events, token, cursor, complete=not batch.more)
    return _Found([], token, cursor)


def _encoded(
    events: list[bytes], next_cursor: str, *, complete: bool, reset: ResetReason | None = None
) -> bytes:
    items = [msgspec.Raw(event) for event in events]
    return msgspec.json.encode(_Page(items=items, next_cursor=next_cursor, reset=reset, complete=complete))
