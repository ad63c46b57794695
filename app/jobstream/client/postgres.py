"""The transport over PostgreSQL: a pool for statements and, once something is followed, a LISTEN connection."""

import builtins
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final

import msgspec

from jobstream.client.background import Background, background
from jobstream.client.follow import Bells, Ends, follow
from jobstream.client.follow_pipeline import follow_pipeline
from jobstream.client.gather import Gatherer
from jobstream.domain.event import Event
from jobstream.domain.job import End, Enqueued, Job, JobFilter, NewJob, Outcome, Page
from jobstream.domain.pipeline import NewStep, PipelineCreated, PipelineOutcome, PipelineWithJobs
from jobstream.store.borrowed import create_pipeline_on, enqueue_on
from jobstream.store.events import EventStore
from jobstream.store.jobs import JobStore
from jobstream.store.listener import Listener
from jobstream.store.pipelines import PipelineStore
from jobstream.store.pool import Database

EVENTS_CHANNEL: Final = "jobstream_events"
NOBODY: Final = ""
"""No principal: the events name the database's user and the application."""


class PostgresTransport:
    """Speaks to the functions and tables of one database."""

    def __init__(
        self, *, db: Database, background: Background, listener: Listener | None, listen_url: str | None
    ) -> None:
        """Use `open_postgres`. A `listener` that is given is run by its owner."""
        self._background = background
        self._jobs = JobStore(db)
        self._events = EventStore(db)
        self._pipelines = PipelineStore(db)
        self._listener = listener
        self._listen_url = listen_url or db.url
        self._bells = Bells()
        self._hears = False
        self._gatherer = Gatherer(enqueue_many=self._jobs.enqueue_many)
        self._ends = Ends(read_ends=self._jobs.ends, sleeper=self._bells.sleeper())
        background.start(self._gatherer.run())
        background.start(self._ends.run())

    async def enqueue(self, job: NewJob) -> Enqueued:
        """Makes a job, together with others that are asked for at the same time."""
        return await self._gatherer.enqueue(job)

    async def enqueue_many(self, jobs: Sequence[NewJob]) -> builtins.list[Enqueued]:
        """Makes all jobs in order, or none."""
        return await self._jobs.enqueue_many(jobs)

    async def enqueue_on(self, connection: Any, jobs: Sequence[NewJob]) -> builtins.list[Enqueued]:
        """Makes all jobs on the caller's connection, in its transaction."""
        return await enqueue_on(connection, jobs)

    async def get(self, id: str) -> Job:
        """One job. Raises NotFound."""
        return await self._jobs.get(id)

    async def list(self, filter: JobFilter, *, cursor: str | None, limit: int) -> Page[Job]:
        """A page of jobs."""
        return await self._jobs.list(filter, cursor=cursor, limit=limit)

    async def cancel(self, id: str, *, force: bool) -> Outcome:
        """Cancels a job. Raises NotFound, Conflict."""
        return await self._jobs.cancel(id, force=force)

    async def retry(self, id: str) -> Outcome:
        """Sets a job going again. Raises NotFound, Conflict."""
        return await self._jobs.retry(id)

    async def events(self, id: str, *, after: int) -> AsyncGenerator[Event, None]:
        """A job's events above an id until it has ended, resumed where it breaks off. Raises NotFound."""
        self._listen()
        sleeper = self._bells.sleeper()
        try:
            async with aclosing(follow(self._jobs, self._events, sleeper, id, after)) as events:
                async for event in events:
                    yield event
        finally:
            sleeper.close()

    async def end(self, id: str) -> End:
        """Waits until a job has ended. Raises NotFound."""
        self._listen()
        return await self._ends.wait(id)

    async def create_pipeline(
        self, name: str, steps: Sequence[NewStep], *, key: str | None, owner: str
    ) -> PipelineCreated:
        """Makes all jobs of a pipeline, or none."""
        return await self._pipelines.create(name, list(steps), key=key, owner=owner, principal=NOBODY)

    async def create_pipeline_on(
        self, connection: Any, name: str, steps: Sequence[NewStep], *, key: str | None, owner: str
    ) -> PipelineCreated:
        """Makes all jobs of a pipeline on the caller's connection, in its transaction."""
        return await create_pipeline_on(connection, name, steps, key=key, owner=owner)

    async def get_pipeline(self, id: str) -> PipelineWithJobs:
        """One pipeline with its jobs. Raises NotFound."""
        found, _ = await self._pipelines.get(id)
        return msgspec.json.decode(msgspec.json.encode(found), type=PipelineWithJobs)

    async def cancel_pipeline(self, id: str) -> PipelineOutcome:
        """Cancels what has not ended. Raises NotFound."""
        return await self._pipelines.cancel(id, owner=None, principal=NOBODY)

    async def retry_pipeline(self, id: str) -> PipelineOutcome:
        """Starts anew what failed and what it held up. Raises NotFound, Conflict."""
        return await self._pipelines.retry(id, owner=None, principal=NOBODY)

    async def pipeline_events(self, id: str) -> AsyncGenerator[Event, None]:
        """A pipeline's events until it has ended, resumed where it breaks off. Raises NotFound."""
        self._listen()
        sleeper = self._bells.sleeper()
        try:
            async with aclosing(follow_pipeline(self._pipelines, self._events, sleeper, id)) as events:
                async for event in events:
                    yield event
        finally:
            sleeper.close()

    def close(self) -> None:
        """Whoever follows something is told."""
        self._bells.close()

    def _listen(self) -> None:
        """Only now: a client that just enqueues needs no connection of its own."""
        self._bells.require_open()
        if self._hears:
            return
        self._hears = True
        if self._listener is None:
            self._listener = Listener(url=self._listen_url, application_name="jobstream client listener")
            self._background.start(self._listener.run())
        self._listener.on_notify(EVENTS_CHANNEL, self._bells.ring)
        self._listener.on_connect(self._bells.ring)


@asynccontextmanager
async def open_postgres(
    db: Database, *, listener: Listener | None = None, listen_url: str | None = None
) -> AsyncIterator[PostgresTransport]:
    """A transport over a pool that exists."""
    async with background() as running:
        transport = PostgresTransport(db=db, background=running, listener=listener, listen_url=listen_url)
        try:
            yield transport
        finally:
            transport.close()
