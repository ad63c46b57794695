"""A worker whose login may work and nothing more."""

import asyncio

from jobstream import Client, JobContext, JobStream
from jobstream.maintenance import Maintenance
from jobstream.store.listener import Listener
from jobstream.store.maintenance import MaintenanceStore
from jobstream.store.pool import Database
from jobstream.worker.sizing import QueueShare
from jobstream.worker.supervisor import Worker
from tests.support import Connection, eventually
from tests.support.logins import Logins
from tests.worker.support import enqueue, status_is


async def test_the_role_of_workers_suffices_for_a_worker(
    app: JobStream, conn: Connection, login: Logins
) -> None:
    @app.job("part")
    async def part(ctx: JobContext) -> int:
        ctx.progress(1, 1)
        ctx.log("done")
        await ctx.emit("part.done")
        return 1

    @app.job("whole")
    async def whole(ctx: JobContext) -> int:
        return sum(ctx.upstream.values())

    @app.job("bad", max_attempts=1)
    async def bad(ctx: JobContext) -> None:
        raise RuntimeError("bad")

    url = login("jobstream_work")
    parts = [await enqueue(conn, "part", owner="alice") for _ in range(3)]
    total = await enqueue(conn, "whole", await_jobs=parts, owner="alice")
    failing = await enqueue(conn, "bad", max_attempts=1)
    async with (
        Database.connect(url, size=4) as database,
        Client.over(database) as client,
        asyncio.TaskGroup() as group,
    ):
        listener = Listener(url=url)
        worker = Worker(
            handlers=app.handlers,
            database=database,
            listener=listener,
            client=client,
            queues=[QueueShare("default")],
        )
        beside = [
            group.create_task(listener.run()),
            group.create_task(Maintenance(store=MaintenanceStore(database)).run()),
        ]
        group.create_task(worker.run())
        job = await status_is(conn, total, "done")
        await status_is(conn, failing, "dlq")
        await eventually(lambda: conn.fetchval("select backend_pid > 0 from jobstream.workers"))
        worker.stop()
        for task in beside:
            task.cancel()
    assert job["result"] == 3
