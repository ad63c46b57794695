"""Oban for Python, without its licensed part (whose bulk acknowledgements are said to be faster). Wants Python 3.12."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from oban import Oban, job
from oban.schema import install as install_schema

from bench.rivals import Begun

PACKAGE = "oban"
CONCURRENCY = int(os.environ.get("OBAN_CONCURRENCY", "50"))
NOTE = f"queues={{'default': {CONCURRENCY}}}"
LEFT = "select exists (select from oban_jobs where state in ('available', 'executing', 'retryable', 'scheduled'))"

_begun: list[Begun] = []


@job(queue="default")
async def noop() -> None:
    for begun in _begun:
        begun()


async def install(url: str) -> None:
    pool = await Oban.create_pool(url)
    await install_schema(pool)
    await pool.close()


class _Producer:
    def __init__(self, oban: Oban) -> None:
        self._oban = oban

    async def one(self) -> object:
        return await self._oban.enqueue(noop.new())

    async def many(self, jobs: int) -> object:
        return await self._oban.enqueue_many([noop.new() for _ in range(jobs)])


@asynccontextmanager
async def producer(url: str) -> AsyncIterator[_Producer]:
    pool = await Oban.create_pool(url)
    async with Oban(pool=pool) as oban:
        yield _Producer(oban)
    await pool.close()


async def work(url: str, begun: Begun) -> None:
    _begun.append(begun)
    pool = await Oban.create_pool(url)
    async with Oban(pool=pool, queues={"default": CONCURRENCY}):
        await asyncio.Event().wait()
