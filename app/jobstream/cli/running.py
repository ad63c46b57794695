"""A worker with all that it needs, and how to run one: what `worker` and `dev` have in common."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from jobstream.application import JobStream
from jobstream.cli.exits import UsageFault
from jobstream.client import Client
from jobstream.maintenance import Maintenance
from jobstream.schema import check_schema
from jobstream.settings import Settings
from jobstream.store.listener import Listener
from jobstream.store.pool import Database
from jobstream.worker.sizing import QueueShare
from jobstream.worker.supervisor import Worker
from jobstream.worker.tracing import tracing_middleware

APPLICATION_NAME = "jobstream worker"


class WorkerOptions(Struct, frozen=True, kw_only=True):
    """How a worker works. `queues` empty: all that the application's jobs name. Durations in seconds.

    `weights` empty: the first queue comes first.
    """

    queues: tuple[QueueShare, ...] = ()
    weights: Mapping[str, int] = {}
    concurrency: int = 10
    lease: float = 30.0
    grace: float = 20.0
    max_jobs_per_child: int | None = None


def queues_of(app: JobStream, options: WorkerOptions) -> tuple[QueueShare, ...]:
    """The queues to serve: those asked for, else those that the application's jobs name."""
    if not app.handlers:
        raise UsageFault("this application declares no job: nothing for a worker to do")
    named = options.queues or tuple(QueueShare(name) for name in dict.fromkeys(job.queue for job in app))
    if unknown := options.weights.keys() - {queue.name for queue in named}:
        raise UsageFault(
            f"a weight for a queue that this worker does not serve: {', '.join(sorted(unknown))}"
        )
    return tuple(replace(queue, weight=options.weights.get(queue.name)) for queue in named)


def shares(pool_size: int) -> tuple[int, int]:
    """Connections for the worker's own duties, and for handlers, who must never keep it from renewing a lease."""
    duties = max(2, min(6, pool_size - 1))
    return duties, max(1, pool_size - duties)


@asynccontextmanager
async def worker_for(
    app: JobStream, url: str, settings: Settings, options: WorkerOptions
) -> AsyncIterator[Worker]:
    """A worker on connections of its own, with a listener and maintenance beside it; `run` it inside.

    Raises DatabaseUnavailable, SchemaOutdated.
    """
    queues = queues_of(app, options)
    for_duties, for_handlers = shares(settings.pool_size)
    is_direct = settings.listen_url is None
    listener = Listener(url=settings.listen_url or url, application_name=APPLICATION_NAME)
    async with (
        Database.connect(
            url, size=for_duties, application_name=APPLICATION_NAME, is_direct=is_direct
        ) as database,
        Database.connect(
            url, size=for_handlers, application_name=APPLICATION_NAME, is_direct=is_direct
        ) as for_client,
        Client.over(for_client, listener=listener) as client,
    ):
        await check_schema(database)
        worker = Worker(
            handlers=app.handlers,
            database=database,
            listener=listener,
            client=client,
            queues=queues,
            schedules=app.schedules.values(),
            concurrency=options.concurrency,
            lease_seconds=options.lease,
            grace_seconds=options.grace,
            max_jobs_per_child=options.max_jobs_per_child,
            middleware=tracing_middleware(),
        )
        async with _beside(listener, database, settings):
            yield worker


@asynccontextmanager
async def _beside(listener: Listener, database: Database, settings: Settings) -> AsyncIterator[None]:
    maintenance = Maintenance.over(database, event_retention_days=settings.event_retention_days)
    listener.on_notify("jobstream_events", maintenance.bell)
    async with asyncio.TaskGroup() as group:
        tasks: Sequence[asyncio.Task[Any]] = (
            group.create_task(listener.run(), name="listener"),
            group.create_task(maintenance.run(), name="maintenance"),
        )
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
