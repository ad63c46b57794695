"""A worker in the test's own event loop, against a real database."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from jobstream import JobStream
from jobstream.maintenance import Maintenance
from jobstream.store.listener import Listener
from jobstream.store.maintenance import MaintenanceStore
from jobstream.store.pool import Database
from jobstream.worker.sizing import QueueShare
from jobstream.worker.supervisor import Worker

StartWorker = Callable[..., AbstractAsyncContextManager[Worker]]


@pytest.fixture
def app() -> JobStream:
    """An application to declare jobs in."""
    return JobStream()


@pytest.fixture
async def listener(database_url: str) -> AsyncIterator[Listener]:
    """A listener that runs."""
    made = Listener(url=database_url, application_name="tests listener")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(made.run())
        yield made
        task.cancel()


@pytest.fixture
def start_worker(app: JobStream, database: Database, listener: Listener) -> StartWorker:
    """`async with start_worker(concurrency=2) as worker:` stops it in order at the end."""

    @asynccontextmanager
    async def start(**options: Any) -> AsyncIterator[Worker]:
        queues = options.pop("queues", None) or [QueueShare("default")]
        worker = Worker(handlers=app.handlers, database=database, listener=listener, queues=queues, **options)
        async with asyncio.TaskGroup() as group:
            group.create_task(worker.run())
            try:
                yield worker
            finally:
                if not worker.stopping:
                    worker.stop()

    return start


@pytest.fixture
async def maintenance(database: Database) -> AsyncIterator[Maintenance]:
    """The database's duties, done once a second."""
    made = Maintenance(store=MaintenanceStore(database))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(made.run())
        yield made
        task.cancel()
