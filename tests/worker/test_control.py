"""Who stops a handler, and what the others do meanwhile."""

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest

from jobstream import Client, JobContext, JobStream
from jobstream.errors import InvalidArgument, LeaseLost, TooLarge
from jobstream.maintenance import Maintenance
from jobstream.store.pool import Database
from jobstream.worker.sizing import QueueShare
from tests.support import Connect, Connection, eventually
from tests.worker.conftest import StartWorker
from tests.worker.support import enqueue, events, row, status_is


async def test_an_async_handler_is_cancelled_on_request_well_before_the_next_heartbeat(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    began, cleaned = asyncio.Event(), asyncio.Event()

    @app.job("sleep")
    async def sleep(ctx: JobContext) -> None:
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            assert ctx.cancelled
            cleaned.set()

    id = await enqueue(conn, "sleep")
    async with start_worker():
        await began.wait()
        await conn.fetchval("select jobstream.cancel($1, force => true)", id)
        job = await status_is(conn, id, "cancelled")
        assert cleaned.is_set()
    assert job["reason"] == "requested"


async def test_a_thread_is_told_and_its_last_word_counts(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    began: set[str] = set()

    @app.job("polite")
    def polite(ctx: JobContext) -> str:
        began.add(ctx.job.id)
        return "stopped" if ctx.cancelled.wait(30) else "never told"

    @app.job("obedient")
    def obedient(ctx: JobContext) -> None:
        began.add(ctx.job.id)
        ctx.cancelled.wait(30)
        raise RuntimeError("asked to stop")

    ids = [await enqueue(conn, "polite"), await enqueue(conn, "obedient")]
    async with start_worker():
        await eventually(lambda: began == set(ids))
        for id in ids:
            await conn.fetchval("select jobstream.cancel($1, force => true)", id)
        finished = await status_is(conn, ids[0], "done")
        stopped = await status_is(conn, ids[1], "cancelled")
    assert finished["result"] == "stopped"
    assert "asked to stop" in stopped["last_error"]


async def test_a_lost_lease_stops_the_handler_and_its_outcome_is_dropped(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    attempts: list[int] = []
    stopped = asyncio.Event()

    @app.job("once")
    async def once(ctx: JobContext) -> int:
        attempts.append(ctx.attempt)
        if ctx.attempt == 1:
            try:
                await asyncio.sleep(60)
            finally:
                stopped.set()
        return ctx.attempt

    id = await enqueue(conn, "once")
    async with start_worker(lease_seconds=1.5):
        await eventually(lambda: attempts == [1])
        await conn.execute("update jobstream.jobs set status = 'pending' where id = $1", id)
        job = await status_is(conn, id, "done")
        await asyncio.wait_for(stopped.wait(), 20)
    assert attempts == [1, 2] and job["result"] == 2 and job["attempt"] == 2


async def test_leases_outlive_long_handlers(
    app: JobStream, start_worker: StartWorker, conn: Connection, maintenance: Maintenance
) -> None:
    released = asyncio.Event()

    @app.job("long")
    async def long(ctx: JobContext) -> int:
        await released.wait()
        return ctx.attempt

    ids = [await enqueue(conn, "long") for _ in range(20)]
    async with start_worker(lease_seconds=1, concurrency=20):
        first = await status_is(conn, ids[0], "running")

        async def renewed_twice() -> dict[str, Any]:
            job = await row(conn, ids[0])
            assert job["lease_until"] > first["lease_until"] + timedelta(seconds=2.5)
            return job

        renewed = await eventually(renewed_twice)
        released.set()
        jobs = [await status_is(conn, id, "done") for id in ids]
    assert renewed["status"] == "running"
    assert {job["result"] for job in jobs} == {1}


async def test_results_of_awaited_jobs_are_at_hand(
    app: JobStream, start_worker: StartWorker, conn: Connection, maintenance: Maintenance
) -> None:
    @app.job("count")
    async def count(ctx: JobContext, args: int) -> dict[str, int]:
        return {"count": args}

    @app.job("sum")
    def sum_up(ctx: JobContext) -> int:
        return sum(result["count"] for result in ctx.upstream.values())

    ids = [await enqueue(conn, "count", number) for number in (1, 2, 3)]
    total = await enqueue(conn, "sum", await_jobs=ids)
    async with start_worker():
        job = await status_is(conn, total, "done")
    assert job["result"] == 6


async def test_no_more_run_at_a_time_than_asked_for(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    running: list[int] = []
    most: list[int] = []
    lock = threading.Lock()

    @app.job("few")
    async def few(ctx: JobContext, args: int) -> None:
        running.append(args)
        most.append(len(running))
        await asyncio.sleep(0.01)
        running.remove(args)

    @app.job("few-threads", queue="threads")
    def few_threads(ctx: JobContext, args: int) -> None:
        with lock:
            running.append(args)
            most.append(len(running))
        threading.Event().wait(0.01)
        with lock:
            running.remove(args)

    ids = [await enqueue(conn, "few", number) for number in range(30)]
    ids += [await enqueue(conn, "few-threads", number, queue="threads") for number in range(30, 60)]
    async with start_worker(concurrency=3, queues=[QueueShare("default"), QueueShare("threads")]):
        for id in ids:
            await status_is(conn, id, "done")
    assert max(most) == 3


async def test_a_queues_own_limit_holds_and_leaves_the_other_slots_to_others(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    release = asyncio.Event()
    seen: dict[str, int] = {"a": 0, "b": 0}

    @app.job("wait")
    async def wait(ctx: JobContext, args: str) -> None:
        seen[args] += 1
        await release.wait()

    ids = [await enqueue(conn, "wait", queue, queue=queue) for queue in ("b",) * 10 + ("a",) * 10]
    async with start_worker(concurrency=5, queues=[QueueShare("b", 2), QueueShare("a")]):
        await eventually(lambda: seen == {"a": 3, "b": 2})
        release.set()
        for id in ids:
            await status_is(conn, id, "done")


async def test_one_locked_row_keeps_no_other_outcome_back(
    app: JobStream, start_worker: StartWorker, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobstream.worker.completer.STUCK_SECONDS", 0.2)
    conn, operator = await connect(), await connect()
    go = asyncio.Event()

    @app.job("quick")
    async def quick(ctx: JobContext) -> None:
        await go.wait()

    ids = [await enqueue(conn, "quick") for _ in range(8)]
    async with start_worker():
        for id in ids:
            await status_is(conn, id, "running")
        transaction = operator.transaction()
        await transaction.start()
        await operator.fetchval("select 1 from jobstream.jobs where id = $1 for update", ids[3])
        go.set()
        for id in (*ids[:3], *ids[4:]):
            await status_is(conn, id, "done", timeout=30)
        await transaction.rollback()
        await status_is(conn, ids[3], "done", timeout=30)


async def test_bad_words_are_refused_where_they_are_said(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    refused: list[str] = []

    @app.job("words")
    async def words(ctx: JobContext) -> None:
        attempts: list[tuple[Any, ...]] = [
            (ctx.emit, "Status"),
            (ctx.emit, "status"),
            (ctx.emit, "big", "x" * 70_000),
            (ctx.emit, "nul", "\0"),
            (ctx.log, "x" * 9_000),
            (ctx.log, "x", "loud"),
            (ctx.progress, float("nan")),
        ]
        for say, *what in attempts:
            with pytest.raises((InvalidArgument, TooLarge)):
                await say(*what)
            refused.append(str(what[0])[:6])
        await ctx.log("nul \0 is replaced")

    id = await enqueue(conn, "words")
    async with start_worker():
        await status_is(conn, id, "done")
    assert len(refused) == 7
    assert [data["message"] for type, _, data in await events(conn, id) if type == "log"] == [
        "nul \ufffd is replaced"
    ]


async def test_a_context_that_outlived_its_job_says_nothing(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    contexts: list[JobContext] = []

    @app.job("leak")
    async def leak(ctx: JobContext) -> None:
        contexts.append(ctx)

    id = await enqueue(conn, "leak")
    async with start_worker():
        await status_is(conn, id, "done")
        with pytest.raises(LeaseLost, match="is over"):
            contexts[0].progress(1)


async def test_a_handler_that_raises_system_exit_does_not_end_its_worker(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    @app.job("exit")
    async def leave(ctx: JobContext) -> None:
        raise SystemExit(3)

    @app.job("exit-thread")
    def leave_thread(ctx: JobContext) -> None:
        raise KeyboardInterrupt

    ids = [await enqueue(conn, kind, max_attempts=1) for kind in ("exit", "exit-thread")]
    async with start_worker():
        jobs = [await status_is(conn, id, "dlq") for id in ids]
    assert "SystemExit: 3" in jobs[0]["last_error"] and "KeyboardInterrupt" in jobs[1]["last_error"]


async def test_what_a_handler_enqueues_is_its_jobs_child_and_of_its_owner(
    app: JobStream, start_worker: StartWorker, conn: Connection, database: Database
) -> None:
    @app.job("leaf")
    async def leaf(ctx: JobContext, args: int) -> int:
        return args + 1

    @app.job("root")
    async def root(ctx: JobContext) -> int:
        child = await ctx.client.enqueue(leaf, 41)
        return await child.result(timeout=10)

    @app.job("other")
    async def other(ctx: JobContext) -> None:
        await ctx.client.enqueue("leaf", 1, owner="bob", parent_job=None)

    ids = [await enqueue(conn, kind, owner="alice") for kind in ("root", "other")]
    async with Client.over(database) as client, start_worker(client=client):
        job = await status_is(conn, ids[0], "done")
        await status_is(conn, ids[1], "done")
    assert job["result"] == 42
    leaves = await conn.fetch(
        "select owner, parent_job from jobstream.jobs where kind = 'leaf' order by owner"
    )
    assert [tuple(found) for found in leaves] == [("alice", ids[0]), ("bob", None)]


async def test_an_end_that_takes_the_database_long_is_reported_all_the_same(
    app: JobStream, start_worker: StartWorker, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    @app.job("awaited")
    async def awaited(ctx: JobContext) -> None: ...

    monkeypatch.setattr("jobstream.worker.completer.STUCK_SECONDS", 0.05)
    await conn.execute(
        "create function public.dawdle() returns trigger language plpgsql as"
        " $$ begin perform pg_sleep(0.2); return new; end $$;"
        "create trigger dawdle before update on jobstream.jobs for each row"
        " when (new.status = 'done') execute function public.dawdle()"
    )
    try:
        id = await enqueue(conn, "awaited")
        async with start_worker():
            job = await status_is(conn, id, "done")
    finally:
        await conn.execute("drop function public.dawdle() cascade")
    assert job["attempt"] == 1
