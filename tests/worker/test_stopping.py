"""How a worker leaves: what runs gets its grace, the rest goes back unspent, nothing of it stays."""

import asyncio
import logging

import pytest

from jobstream import JobContext, JobStream
from tests.support import Connection, eventually
from tests.worker.conftest import StartWorker
from tests.worker.support import enqueue, row, status_is


async def test_running_jobs_finish_and_claimed_ones_go_back(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    began: list[str] = []
    go = asyncio.Event()

    @app.job("steady")
    async def steady(ctx: JobContext) -> str:
        began.append(ctx.job.id)
        await go.wait()
        return "finished"

    ids = [await enqueue(conn, "steady") for _ in range(10)]
    async with start_worker(concurrency=3) as worker:
        await eventually(lambda: len(began) == 3)
        worker.stop()
        asyncio.get_running_loop().call_later(0.2, go.set)
    jobs = [await row(conn, id) for id in ids]
    assert [job["status"] for job in jobs] == ["done"] * 3 + ["pending"] * 7
    assert {job["failures"] for job in jobs} == {0}
    assert await conn.fetchval("select count(*) from jobstream.workers") == 0


async def test_what_does_not_end_within_the_grace_is_released_unspent(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    began: list[str] = []
    unwound: list[str] = []

    @app.job("endless")
    async def endless(ctx: JobContext) -> None:
        began.append("async")
        try:
            await asyncio.sleep(3600)
        finally:
            unwound.append("async")

    @app.job("endless-thread")
    def endless_thread(ctx: JobContext) -> None:
        began.append("thread")
        ctx.cancelled.wait(3600)
        unwound.append("thread")
        raise RuntimeError("stopped in the middle")

    ids = [await enqueue(conn, "endless"), await enqueue(conn, "endless-thread")]
    async with start_worker(grace_seconds=0.1):
        await eventually(lambda: len(began) == 2)
    jobs = [await row(conn, id) for id in ids]
    assert [(job["status"], job["failures"], job["attempt"]) for job in jobs] == [("pending", 0, 1)] * 2
    assert sorted(unwound) == ["async", "thread"]


async def test_a_second_stop_waits_for_nobody(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    @app.job("endless")
    async def endless(ctx: JobContext) -> None:
        await asyncio.sleep(3600)

    id = await enqueue(conn, "endless")
    loop = asyncio.get_running_loop()
    async with start_worker(grace_seconds=60) as worker:
        await status_is(conn, id, "running")
        worker.stop()
        worker.stop()
        started = loop.time()
    assert loop.time() - started < 60
    assert (await row(conn, id))["status"] == "pending"


async def test_a_handler_that_swallows_its_cancellation_is_left_behind_and_named(
    app: JobStream,
    start_worker: StartWorker,
    conn: Connection,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jobstream.worker.executor.UNWIND_SECONDS", 0.2)
    began, end = asyncio.Event(), asyncio.Event()

    @app.job("stubborn")
    async def stubborn(ctx: JobContext) -> None:
        began.set()
        while not end.is_set():
            try:
                await end.wait()
            except asyncio.CancelledError:
                continue

    id = await enqueue(conn, "stubborn")
    async with start_worker(grace_seconds=0) as worker:
        await began.wait()
    assert worker.left_behind
    assert (await row(conn, id))["status"] == "pending"
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "does not stop" in record.message and record.__dict__["kind"] == "stubborn"
    end.set()
    await eventually(lambda: len(asyncio.all_tasks()) <= 2)


async def test_notes_of_a_job_that_is_released_are_stored_first(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    began = asyncio.Event()

    @app.job("talk")
    async def talk(ctx: JobContext) -> None:
        began.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ctx.log("goodbye")

    id = await enqueue(conn, "talk")
    async with start_worker(grace_seconds=0):
        await began.wait()
    types = await conn.fetch("select type from jobstream.job_events where job_id = $1 order by id", id)
    assert [r["type"] for r in types] == ["status", "status", "log", "status"]


async def test_a_worker_that_was_cancelled_gives_its_jobs_back(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    @app.job("endless")
    async def endless(ctx: JobContext) -> None:
        await asyncio.sleep(3600)

    id = await enqueue(conn, "endless")

    async def break_beside_it() -> None:
        async with start_worker():
            await status_is(conn, id, "running")
            raise RuntimeError("something else broke")

    with pytest.raises(ExceptionGroup):
        await break_beside_it()
    job = await row(conn, id)
    assert (job["status"], job["failures"]) == ("pending", 0)
