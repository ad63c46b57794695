"""`Worker`: the components of one worker, nested so that leaving the blocks is the shutdown, and nesting is its order."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any, Protocol

from msgspec import Struct

from jobstream.client import Client
from jobstream.domain.schedule import Schedule
from jobstream.errors import DatabaseUnavailable
from jobstream.store.leases import LeaseStore
from jobstream.store.listener import Listener
from jobstream.store.pool import Database
from jobstream.store.reports import ReportStore
from jobstream.store.schedules import ScheduleStore
from jobstream.store.workers import WorkerStore
from jobstream.worker.completer import Completer
from jobstream.worker.declarations import Declarations
from jobstream.worker.executor import Executor
from jobstream.worker.fetcher import LAST_CLAIM_SECONDS, Fetcher
from jobstream.worker.handler import Handler
from jobstream.worker.heartbeat import Heartbeat
from jobstream.worker.held import HeldJobs
from jobstream.worker.journal import Journal
from jobstream.worker.loopwatch import LoopWatch
from jobstream.worker.middleware import Middleware
from jobstream.worker.registration import Registration, new_worker_name
from jobstream.worker.sizing import QueueShare
from jobstream.worker.upstream import Upstream

logger = logging.getLogger("jobstream.worker")

FLUSH_SECONDS = 10.0
"""How long a worker that stops waits for a database that is away; then leases expire and others run the jobs again."""


class Component(Protocol):
    """Something that runs until it is closed, and then first finishes what it has."""

    async def run(self) -> None:
        """Until `close`."""

    def close(self) -> None:
        """Finish and return."""


class Worker:
    """Claims and runs the jobs of some queues until `stop`.

    The listener is run by whoever made it. `run` returns once everything is reported and the worker's row is gone.
    """

    def __init__(
        self,
        *,
        handlers: Mapping[str, Handler[Any, Any]],
        database: Database,
        listener: Listener,
        client: Client | None = None,
        queues: Sequence[QueueShare],
        schedules: Iterable[Schedule] = (),
        middleware: Sequence[Middleware] = (),
        max_jobs_per_child: int | None = None,
        concurrency: int = 10,
        lease_seconds: float = 30.0,
        grace_seconds: float = 20.0,
        name: str | None = None,
    ) -> None:
        """`client` is what handlers find as `ctx.client`; it had better have connections of its own.

        `schedules` are written into the database at the start. `middleware` goes around that of the handlers.
        A process of `executor="process"` handlers ends after `max_jobs_per_child`.
        """
        self.name = name or new_worker_name()
        self._handlers = handlers
        self._leases = LeaseStore(database)
        self._reports = ReportStore(database)
        self._workers = WorkerStore(database)
        self._listener = listener
        self._client = client
        self._queues = queues
        self._schedules = tuple(schedules)
        self._schedule_store = ScheduleStore(database)
        self._middleware = middleware
        self._max_jobs_per_child = max_jobs_per_child
        self._concurrency = concurrency
        self._lease_seconds = lease_seconds
        self._grace_seconds = grace_seconds
        self._stops = 0
        self._parts: Parts | None = None
        self.left_behind = False
        """Whether, after `run`, a handler goes on that would not stop; its job was released."""

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stops > 0

    def stop(self) -> None:
        """Stop: no more claims, grace for what runs, the rest released. Called again: without grace."""
        self._stops += 1
        if self._parts is not None:
            self._parts.stop(hurry=self._stops > 1)

    async def run(self) -> None:
        """Work until `stop`. Being cancelled is being told to stop, without grace."""
        parts = self._parts = self._assemble()
        logger.info("worker %s serves %s", self.name, ", ".join(queue.name for queue in self._queues))
        try:
            with parts.subscribed(self._listener):
                await self._work(parts)
        finally:
            self._parts = None
        logger.info("worker %s has stopped", self.name)

    async def _work(self, parts: "Parts") -> None:
        """The nesting is the order of the shutdown: fetcher, handlers, journal, completer, heartbeat, the row."""
        await parts.registration.register_patiently()
        await parts.declarations.declare()
        try:
            async with (
                running(parts.registration),
                running(parts.declarations),
                running(parts.heartbeat),
                running(parts.watch),
                running(parts.completer),
                running(parts.journal),
            ):
                await self._fetch_and_drain(parts)
        finally:
            await parts.registration.remove()

    async def _fetch_and_drain(self, parts: "Parts") -> None:
        if self._stops:
            parts.stop(hurry=self._stops > 1)
        try:
            await parts.fetcher.run()
        except BaseException:
            parts.executor.hurry()
            raise
        finally:
            await self._return_strays(parts.fetcher)
            await parts.executor.drain(self._grace_seconds)
            self.left_behind = parts.executor.running > 0
            # From here on only the database can keep us waiting.
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, parts.give_up)

    async def _return_strays(self, fetcher: Fetcher) -> None:
        try:
            async with asyncio.timeout(LAST_CLAIM_SECONDS):
                await fetcher.return_strays()
        except (DatabaseUnavailable, TimeoutError):
            logger.warning("what the last claim may have taken could not be given back: its leases will end")

    def _assemble(self) -> "Parts":
        held = HeldJobs()
        completer = Completer(leases=self._leases, reports=self._reports, held=held)
        journal = Journal(reports=self._reports)
        registration = Registration(
            workers=self._workers,
            listener=self._listener,
            name=self.name,
            queues=[queue.name for queue in self._queues],
            kinds=sorted(self._handlers),
            concurrency=self._concurrency,
        )
        executor = Executor(
            handlers=self._handlers,
            concurrency=self._concurrency,
            completer=completer,
            journal=journal,
            upstream=Upstream(reports=self._reports).read,
            client=self._client,
            middleware=self._middleware,
            max_jobs_per_child=self._max_jobs_per_child,
        )
        fetcher = Fetcher(
            leases=self._leases,
            reports=self._reports,
            executor=executor,
            held=held,
            queues=self._queues,
            worker=self.name,
            concurrency=self._concurrency,
            lease_seconds=self._lease_seconds,
        )
        executor.on_freed = fetcher.job_ended
        executor.on_unknown = fetcher.be_shy
        completer.on_reported = fetcher.room_made
        heartbeat = Heartbeat(
            leases=self._leases, held=held, registration=registration, lease_seconds=self._lease_seconds
        )
        return Parts(
            name=self.name,
            completer=completer,
            journal=journal,
            registration=registration,
            declarations=Declarations(store=self._schedule_store, schedules=self._schedules),
            executor=executor,
            fetcher=fetcher,
            heartbeat=heartbeat,
            watch=LoopWatch(job_of=executor.job_of),
        )


class Parts(Struct, kw_only=True):
    """The components of a worker that runs."""

    name: str
    completer: Completer
    journal: Journal
    registration: Registration
    declarations: Declarations
    executor: Executor
    fetcher: Fetcher
    heartbeat: Heartbeat
    watch: LoopWatch

    @contextmanager
    def subscribed(self, listener: Listener) -> Iterator[None]:
        """What the bells and the fate of their connection mean to whom."""
        with ExitStack() as subscriptions:
            subscriptions.callback(listener.on_notify("jobstream_ready", self.fetcher.hear))
            subscriptions.callback(listener.on_notify("jobstream_cancel", self._hear_cancel))
            subscriptions.callback(listener.on_connect(self.fetcher.check))
            subscriptions.callback(listener.on_connect(self.heartbeat.beat_now))
            subscriptions.callback(listener.on_loss(self.registration.connection_lost))
            yield

    def stop(self, *, hurry: bool) -> None:
        """Claim nothing more; with `hurry` wait for nobody."""
        self.fetcher.stop()
        self.registration.stop_trying()
        if hurry:
            self.executor.hurry()
            self.give_up()

    def give_up(self) -> None:
        """Do not wait for a database that is away."""
        self.completer.hurry()
        self.journal.hurry()

    def _hear_cancel(self, worker: str) -> None:
        if worker == self.name:
            self.heartbeat.beat_now()


@asynccontextmanager
async def running(component: Component) -> AsyncIterator[None]:
    """The component runs inside, and has finished what it had when this is left."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(component.run())
        try:
            yield
        finally:
            component.close()
            # Waited for here: a group that is left by an exception, a cancellation too, cancels its tasks first.
            await asyncio.wait({task})
