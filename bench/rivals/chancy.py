"""Chancy, with its executor for asyncio and eager polling, which its documentation offers against latency between jobs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chancy import Chancy, Queue, Worker, job

from bench.rivals import CONCURRENCY, Begun

PACKAGE = "chancy"
NOTE = f"Executor.Async, concurrency={CONCURRENCY}, eager_polling"
LEFT = "select exists (select from chancy_jobs where state in ('pending', 'running', 'retrying'))"

_begun: list[Begun] = []


@job(queue="default")
async def noop() -> None:
    for begun in _begun:
        begun()


def _queue() -> Queue:
    return Queue(
        "default",
        concurrency=CONCURRENCY,
        executor=Chancy.Executor.Async,
        eager_polling=True,
        polling_interval=1,
    )


async def install(url: str) -> None:
    async with Chancy(url) as chancy:
        await chancy.migrate()
        await chancy.declare(_queue(), upsert=True)


class _Producer:
    def __init__(self, chancy: Chancy) -> None:
        self._chancy = chancy

    async def one(self) -> object:
        return await self._chancy.push(noop)

    async def many(self, jobs: int) -> object:
        return [made async for made in self._chancy.push_many([noop.job] * jobs, batch_size=jobs)]


@asynccontextmanager
async def producer(url: str) -> AsyncIterator[_Producer]:
    async with Chancy(url) as chancy:
        yield _Producer(chancy)


async def work(url: str, begun: Begun) -> None:
    _begun.append(begun)
    async with Chancy(url) as chancy, Worker(chancy, register_signal_handlers=False) as worker:
        await worker.wait_for_shutdown()
