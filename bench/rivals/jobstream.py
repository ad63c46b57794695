"""jobstream: the client, and what `jobstream worker` runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.rivals import CONCURRENCY, Begun
from jobstream import Client, JobContext, JobStream
from jobstream.cli.running import WorkerOptions, worker_for
from jobstream.domain.job import NewJob
from jobstream.schema import migrate
from jobstream.settings import load_settings

PACKAGE = ""
NOTE = f"--concurrency {CONCURRENCY}"
LEFT = "select exists (select from jobstream.jobs where status in ('pending', 'running'))"


async def install(url: str) -> None:
    await migrate(url)


class _Producer:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def one(self) -> object:
        return await self._client.enqueue("noop")

    async def many(self, jobs: int) -> object:
        return await self._client.enqueue_many([NewJob(kind="noop") for _ in range(jobs)])


@asynccontextmanager
async def producer(url: str) -> AsyncIterator[_Producer]:
    async with JobStream().connect(url) as client:
        yield _Producer(client)


async def work(url: str, begun: Begun) -> None:
    app = JobStream()

    @app.job("noop")
    async def noop(_: JobContext) -> None:
        begun()

    options = WorkerOptions(concurrency=CONCURRENCY)
    async with worker_for(app, url, load_settings({}), options) as worker:
        await worker.run()
