"""A queue that two workers serve, of which one has the handler."""

import asyncio

from jobstream import JobContext, JobStream
from jobstream.store.listener import Listener
from jobstream.store.pool import Database
from jobstream.worker.sizing import QueueShare
from jobstream.worker.supervisor import Worker
from tests.support import Connection, eventually
from tests.worker.conftest import StartWorker
from tests.worker.support import enqueue, status_is


async def test_who_has_no_handler_leaves_the_next_jobs_to_who_has_one(
    app: JobStream, start_worker: StartWorker, database: Database, listener: Listener, conn: Connection
) -> None:
    @app.job("theirs")
    async def theirs(ctx: JobContext) -> None: ...

    stranger = JobStream()

    @stranger.job("ours")
    async def ours(ctx: JobContext) -> None: ...

    # The one without the handler is the first to hear the bell.
    without = Worker(
        handlers=stranger.handlers, database=database, listener=listener, queues=[QueueShare("default")]
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(without.run())
        first = await enqueue(conn, "theirs")
        await status_is(conn, first, "waiting")
        async with start_worker():
            await eventually(lambda: conn.fetchval("select count(*) = 2 from jobstream.workers"))
            for _ in range(40):
                await _until_claimed(conn, await enqueue(conn, "theirs"))
        without.stop()
    bounced = await conn.fetchval("select count(*) from jobstream.jobs where status = 'waiting'")
    assert bounced < 15


async def _until_claimed(conn: Connection, id: str) -> None:
    await eventually(lambda: conn.fetchval("select attempt > 0 from jobstream.jobs where id = $1", id))
