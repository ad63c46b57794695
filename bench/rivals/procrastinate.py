"""Procrastinate, over its psycopg connector, as its quickstart has it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from procrastinate import App, PsycopgConnector
from procrastinate.tasks import Task

from bench.rivals import Begun

PACKAGE = "procrastinate"
CONCURRENCY = int(os.environ.get("PROCRASTINATE_CONCURRENCY", "30"))
NOTE = f"concurrency={CONCURRENCY}"
LEFT = "select exists (select from procrastinate_jobs where status in ('todo', 'doing'))"


def _app(url: str, begun: Begun) -> tuple[App, Task[[], None, []]]:
    app = App(connector=PsycopgConnector(conninfo=url, max_size=10))

    @app.task(name="noop")
    async def noop() -> None:
        begun()

    return app, noop


async def install(url: str) -> None:
    app, _ = _app(url, lambda: None)
    async with app.open_async():
        await app.schema_manager.apply_schema_async()


class _Producer:
    def __init__(self, task: Task[[], None, []]) -> None:
        self._task = task

    async def one(self) -> object:
        return await self._task.defer_async()

    async def many(self, jobs: int) -> object:
        return await self._task.batch_defer_async(*[{} for _ in range(jobs)])


@asynccontextmanager
async def producer(url: str) -> AsyncIterator[_Producer]:
    app, task = _app(url, lambda: None)
    async with app.open_async():
        yield _Producer(task)


async def work(url: str, begun: Begun) -> None:
    app, _ = _app(url, begun)
    async with app.open_async():
        await app.run_worker_async(concurrency=CONCURRENCY, install_signal_handlers=False)
