"""A worker's row: there while it lives, true while its connection is gone."""

import asyncio
import os
from functools import partial

from jobstream import JobContext, JobStream
from jobstream.maintenance import Maintenance
from tests.support import Connection, eventually
from tests.worker.conftest import StartWorker
from tests.worker.support import enqueue, status_is

ATTACHED = "select backend_pid from jobstream.workers where backend_pid is not null"


async def test_the_row_says_who_and_where_and_is_gone_afterwards(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    @app.job("one")
    async def one(ctx: JobContext) -> None: ...

    async with start_worker(lease_seconds=1, concurrency=7) as worker:
        await eventually(lambda: conn.fetchval("select memory_bytes > 1000000 from jobstream.workers"))
        [found] = await conn.fetch("select * from jobstream.workers")
    assert (found["id"], found["pid"], found["concurrency"]) == (worker.name, os.getpid(), 7)
    assert (found["queues"], found["kinds"]) == (["default"], ["one"])
    assert await conn.fetchval("select count(*) from jobstream.workers") == 0


async def test_a_row_that_was_deleted_is_written_anew(start_worker: StartWorker, conn: Connection) -> None:
    async with start_worker(lease_seconds=1) as worker:
        await eventually(lambda: conn.fetchval(ATTACHED))
        await conn.execute("delete from jobstream.workers")
        await eventually(lambda: conn.fetchval("select id from jobstream.workers"))
        assert await conn.fetchval("select id from jobstream.workers") == worker.name


async def test_a_lost_listen_connection_costs_no_job(
    app: JobStream, start_worker: StartWorker, conn: Connection, maintenance: Maintenance
) -> None:
    go = asyncio.Event()

    @app.job("long")
    async def long(ctx: JobContext) -> int:
        await go.wait()
        return ctx.attempt

    id = await enqueue(conn, "long")
    async with start_worker():
        await status_is(conn, id, "running")
        for _ in range(3):
            backend = await eventually(lambda: conn.fetchval(ATTACHED))
            await conn.fetchval("select pg_terminate_backend($1)", backend)
            await eventually(partial(conn.fetchval, f"{ATTACHED} and backend_pid <> {backend}"))
        go.set()
        job = await status_is(conn, id, "done")
    assert (job["result"], job["crashes"]) == (1, 0)
