"""The gateway straight to the database, for whoever may connect to it."""

import asyncio
import builtins
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import msgspec

from jobstream.cli.gateway.base import Ended, Happened, Hello, Reset, StreamItem, StreamLost
from jobstream.domain.bulk import Bulk, Started
from jobstream.domain.cursor import Cursor
from jobstream.domain.event import Event, StoredEvent
from jobstream.domain.job import TERMINAL, Enqueued, Job, JobFilter, NewJob, Outcome
from jobstream.domain.queue import Queue, QueueChange
from jobstream.domain.schedule import Schedule, ScheduleInfo
from jobstream.errors import DatabaseUnavailable, Forbidden, InvalidArgument
from jobstream.maintenance.cron import check_cron, explain, upcoming
from jobstream.store.bulk import BulkStore
from jobstream.store.events import EventFilter, EventStore
from jobstream.store.events import Reset as StoredReset
from jobstream.store.jobs import JobStore
from jobstream.store.pool import Database
from jobstream.store.queues import QueueStore
from jobstream.store.schedules import ScheduleStore

APPLICATION_NAME = "jobstream cli"
BRISK, CALM, BRISK_FOR = 0.03, 0.25, 1.0
"""Seconds between two looks: soon again for a second after an event, then as slowly as a server's own backstop."""
UNSEEN_CHECK = 5.0
MOST_A_PAGE = 200
BUSY = "running"
NOBODY = ""
"""No principal: the database's user and the application are named."""
SHOWN_TIMES = 5


class DatabaseGateway:
    """Speaks to the functions and tables of one database."""

    def __init__(self, database: Database) -> None:
        """`database` stays the caller's."""
        self._jobs = JobStore(database)
        self._events = EventStore(database)
        self._database = database
        self._bulk = BulkStore(database)
        self._queues = QueueStore(database)
        self._schedules = ScheduleStore(database)
        self._place = without_password(database.url)

    @property
    def place(self) -> str:
        """The database's URL without its password."""
        return self._place

    async def enqueue(self, job: NewJob) -> Enqueued:
        """Create a job, or find the one that its idempotency key made."""
        return await self._jobs.enqueue(job)

    async def get(self, job_id: str) -> Job:
        """One job. Raises NotFound."""
        return await self._jobs.get(job_id)

    async def list(self, wanted: JobFilter, *, limit: int) -> list[Job]:
        """The newest `limit` jobs that match, page by page."""
        jobs: list[Job] = []
        cursor: str | None = None
        while len(jobs) < limit:
            page = await self._jobs.list(wanted, cursor=cursor, limit=min(limit - len(jobs), MOST_A_PAGE))
            jobs += page.items
            if (cursor := page.next_cursor) is None:
                break
        return jobs[:limit]

    async def cancel(self, job_id: str, *, force: bool) -> Outcome:
        """Cancel; a running job only with `force`. Raises NotFound, Conflict."""
        return await self._jobs.cancel(job_id, force=force)

    async def retry(self, job_id: str) -> Outcome:
        """Make a failed or ended job due again. Raises NotFound, Conflict."""
        return await self._jobs.retry(job_id)

    async def start_bulk(self, action: str, wanted: dict[str, Any], *, dry_run: bool) -> Started:
        """Begin `cancel` or `retry` of all that match. Raises InvalidArgument."""
        return await self._bulk.start(action, wanted, dry_run=dry_run, owner=None, principal=NOBODY)

    async def bulk(self, id: str) -> Bulk:
        """How far it is, after a step of it: maybe nobody else does the maintenance here. Raises NotFound."""
        with suppress(Forbidden):
            await self._database.fetchval("select jobstream.maintain()")
        return await self._bulk.get(id)

    async def queues(self) -> builtins.list[Queue]:
        """Every queue, by name."""
        return await self._queues.list()

    async def set_queue(self, name: str, change: QueueChange) -> Queue:
        """Set what is given. Raises InvalidArgument."""
        return await self._queues.set(name, change, principal=NOBODY)

    async def schedules(self) -> builtins.list[ScheduleInfo]:
        """Every schedule, by name."""
        return [_explained(found) for found in await self._schedules.list()]

    async def put_schedule(self, schedule: Schedule, *, paused: bool | None) -> ScheduleInfo:
        """Make or replace one; `paused` None leaves that as it is. Raises InvalidArgument."""
        try:
            check_cron(schedule.cron, schedule.timezone)
        except ValueError as error:
            raise InvalidArgument(str(error)) from error
        before = await self._schedules.get(schedule.name)
        await self._schedules.put(
            schedule,
            paused=bool(before and before.paused) if paused is None else paused,
            owner=before.owner if before else "",
            principal=NOBODY,
        )
        after = await self._schedules.get(schedule.name)
        assert after is not None
        return _explained(after)

    async def run_schedule(self, name: str) -> str:
        """Make its job now; the job's id. Raises NotFound."""
        return await self._schedules.run(name, principal=NOBODY)

    async def delete_schedule(self, name: str) -> None:
        """Its jobs stay. Raises NotFound."""
        await self._schedules.delete(name, principal=NOBODY)

    async def stream(self, job_id: str, *, after: str | None) -> AsyncGenerator[StreamItem, None]:
        """The job's events from the table, looked at again and again until its end."""
        try:
            job = await self._jobs.get(job_id)
            yield Hello(status=job.status, progress=job.lifecycle.progress)
            position, ended = int(after or 0), False
            looks = _Looks()
            while not ended:
                # The row first: were the job revived between the two, its events would say so.
                ended = looks.should_ask and (await self._jobs.get(job_id)).status in TERMINAL
                stored = await self._events.job_events(job_id, after=position)
                for one in stored:
                    position = one.id
                    yield Happened(event=_decoded(one), position=str(one.id))
                ended = ended and not stored
                if not ended:
                    await asyncio.sleep(looks.pause_after([one.status for one in stored]))
            yield Ended(reason="ended")
        except DatabaseUnavailable as error:
            raise StreamLost(str(error)) from error

    async def stream_queue(self, queue: str, *, after: str | None) -> AsyncGenerator[StreamItem, None]:
        """The events of a queue's jobs, by the snapshot cursor: none is missed, whatever commits in whatever order."""
        try:
            yield Hello()
            at: Cursor | StoredReset = await self._start(after)
            looks = _Looks()
            while True:
                if isinstance(at, StoredReset):
                    yield Reset(reason=at.reason, position=await self._events.token(at.cursor))
                    at = at.cursor
                batch = await self._events.step(at, filter=EventFilter(queue=(queue,)))
                if isinstance(batch, StoredReset):
                    at = batch
                    continue
                for one in batch.events:
                    yield Happened(event=_decoded(one), position=batch.tokens.at(one.id))
                at = batch.cursor
                if not batch.more:
                    await asyncio.sleep(looks.pause_after([BUSY] if batch.events else []))
        except DatabaseUnavailable as error:
            raise StreamLost(str(error)) from error

    async def _start(self, after: str | None) -> Cursor | StoredReset:
        if after is None:
            return (await self._events.position()).cursor
        return await self._events.resolve(after)


def _decoded(stored: StoredEvent) -> Event:
    return msgspec.json.decode(stored.json, type=Event)


def _explained(schedule: ScheduleInfo) -> ScheduleInfo:
    return msgspec.structs.replace(
        schedule,
        explanation=explain(schedule.cron),
        upcoming=upcoming(schedule.cron, schedule.timezone, datetime.now(UTC), SHOWN_TIMES),
    )


class _Looks:
    """How long to wait until the next look at a job's events, and whether its row is worth one too."""

    def __init__(self) -> None:
        now = time.monotonic()
        self.should_ask = False
        self._terminal = False
        self._last_found = now
        self._last_asked = now

    def pause_after(self, statuses: Sequence[str | None]) -> float:
        """Seconds until the next look, after one that found events with these statuses."""
        now = time.monotonic()
        if statuses:
            self._last_found = now
            self._terminal = statuses[-1] in TERMINAL
        self.should_ask = self._terminal or now - self._last_asked >= UNSEEN_CHECK
        if self.should_ask:
            self._last_asked = now
        if self._terminal and statuses:
            return 0.0
        return BRISK if now - self._last_found < BRISK_FOR else CALM


def without_password(url: str) -> str:
    """The URL for eyes: its password replaced."""
    hidden = re.sub(r"(://[^:/@]+):[^@/]*@", r"\1:***@", url)
    return re.sub(r"([?&]password=)[^&]*", r"\1***", hidden)


@asynccontextmanager
async def open_database(url: str) -> AsyncIterator[Database]:
    """Connections enough for one command. Raises DatabaseUnavailable."""
    async with Database.connect(url, size=2, application_name=APPLICATION_NAME) as database:
        yield database
