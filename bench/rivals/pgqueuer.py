"""PgQueuer, over asyncpg, installed and run as its README has it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from bench.rivals import Begun

PACKAGE = "pgqueuer"
BATCH = int(os.environ.get("PGQUEUER_BATCH", "100"))
NOTE = f"batch_size={BATCH}, a pool"
LEFT = "select exists (select from pgqueuer)"


async def install(url: str) -> None:
    connection = await asyncpg.connect(url)
    await Queries(AsyncpgDriver(connection)).install()
    await connection.close()


class _Producer:
    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    async def one(self) -> object:
        return await self._queries.enqueue("noop", None)

    async def many(self, jobs: int) -> object:
        return await self._queries.enqueue(["noop"] * jobs, [None] * jobs, [0] * jobs)


@asynccontextmanager
async def producer(url: str) -> AsyncIterator[_Producer]:
    async with asyncpg.create_pool(url) as pool:
        yield _Producer(Queries(AsyncpgPoolDriver(pool)))


async def work(url: str, begun: Begun) -> None:
    async with asyncpg.create_pool(url) as pool:
        queue = PgQueuer(AsyncpgPoolDriver(pool))

        @queue.entrypoint("noop")
        async def noop(_: Job) -> None:
            begun()

        await queue.run(batch_size=BATCH)
