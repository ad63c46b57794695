"""Handlers that do what they should not, and what the worker and the other jobs make of it."""

import asyncio
import logging
import threading
import time
from typing import Any

import pytest

from jobstream import JobContext, JobStream, Proceed
from jobstream.errors import LeaseLost
from tests.support import Connection, eventually
from tests.worker.conftest import StartWorker
from tests.worker.support import enqueue, events, status_is


async def test_a_handler_that_outlives_its_timeout_fails_all_the_same_and_keeps_only_its_slot(
    app: JobStream,
    start_worker: StartWorker,
    conn: Connection,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("jobstream.worker.executor.UNWIND_SECONDS", 0.1)
    end = asyncio.Event()

    @app.job("deaf", timeout=0.1)
    async def deaf(ctx: JobContext) -> str:
        while not end.is_set():
            try:
                await end.wait()
            except asyncio.CancelledError:
                continue
        return "too late"

    @app.job("quick")
    async def quick(ctx: JobContext) -> None: ...

    id = await enqueue(conn, "deaf", max_attempts=1)
    async with start_worker(concurrency=2, grace_seconds=3600) as worker:
        job = await status_is(conn, id, "dlq")
        await status_is(conn, await enqueue(conn, "quick"), "done")
    assert worker.left_behind
    end.set()
    await eventually(lambda: len(asyncio.all_tasks()) <= 2)
    assert job["errors"][0]["type"] == "TimeoutError" and "does not stop" in job["last_error"]
    assert any("keeps its slot" in r.message and r.__dict__["job_id"] == id for r in caplog.records)
    assert (await status_is(conn, id, "dlq"))["result"] is None


async def test_a_thread_that_blocks_for_ever_costs_its_slot_and_is_named(
    app: JobStream, start_worker: StartWorker, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    end = threading.Event()

    @app.job("blocked", timeout=0.1)
    def blocked(ctx: JobContext) -> None:
        end.wait(60)

    @app.job("quick")
    def quick(ctx: JobContext) -> None: ...

    id = await enqueue(conn, "blocked", max_attempts=1)
    async with start_worker(concurrency=2):
        await status_is(conn, id, "dlq")
        await status_is(conn, await enqueue(conn, "quick"), "done")
        assert any("keeps its slot" in r.message and r.__dict__["job_id"] == id for r in caplog.records)
        end.set()


async def test_a_result_that_raises_while_it_is_written_ends_its_own_job_alone(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    class Treacherous:
        def model_dump_json(self) -> str:
            raise KeyError("no such field")

    @app.job("treacherous")
    async def treacherous(ctx: JobContext) -> object:
        return Treacherous()

    @app.job("endless")
    async def endless(ctx: JobContext) -> object:
        result: list[Any] = []
        result.append(result)
        return result

    @app.job("huge")
    async def huge(ctx: JobContext) -> object:
        return "x" * (1 << 21)

    @app.job("quick")
    async def quick(ctx: JobContext) -> int:
        return 1

    bad = [await enqueue(conn, kind) for kind in ("treacherous", "endless", "huge")]
    good = [await enqueue(conn, "quick") for _ in range(5)]
    async with start_worker():
        jobs = [await status_is(conn, id, "dlq") for id in bad]
        for id in good:
            await status_is(conn, id, "done")
    assert {job["reason"] for job in jobs} == {"unstorable_result"}
    assert "no such field" in jobs[0]["last_error"]


async def test_whatever_base_exception_is_raised_wherever_fails_that_attempt_and_nothing_else(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    class Unprintable(BaseException):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    errors: dict[str, type[BaseException]] = {
        "base": BaseException,
        "exit": SystemExit,
        "generator": GeneratorExit,
        "interrupt": KeyboardInterrupt,
        "stop": StopAsyncIteration,
        "unprintable": Unprintable,
    }

    @app.job("in-loop")
    async def in_loop(ctx: JobContext, args: str) -> None:
        raise errors[args]

    @app.job("in-thread")
    def in_thread(ctx: JobContext, args: str) -> None:
        raise errors[args]

    @app.middleware
    async def break_some(ctx: JobContext, proceed: Proceed) -> Any:
        if ctx.job.spec.kind == "in-middleware":
            raise errors[ctx.job.spec.args]
        return await proceed()

    @app.job("in-middleware")
    async def in_middleware(ctx: JobContext, args: str) -> None: ...

    kinds = ("in-loop", "in-thread", "in-middleware")
    ids = [await enqueue(conn, kind, how, max_attempts=1) for kind in kinds for how in errors]
    async with start_worker():
        jobs = [await status_is(conn, id, "dlq") for id in ids]
    assert {(job["reason"], job["failures"]) for job in jobs} == {("attempts", 1)}


async def test_a_handler_that_never_waits_for_its_lines_is_refused_before_it_fills_the_memory(
    app: JobStream, start_worker: StartWorker, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobstream.worker.journal.MAX_UNSENT", 2_000)

    @app.job("babble")
    async def babble(ctx: JobContext) -> None:
        for number in range(10_000):
            ctx.log(f"line {number}")

    @app.job("patient")
    async def patient(ctx: JobContext) -> None:
        for number in range(3_000):
            stored = ctx.log(f"line {number}")
            if number % 500 == 499:
                await stored

    ids = [await enqueue(conn, "babble", max_attempts=1), await enqueue(conn, "patient")]
    async with start_worker():
        refused = await status_is(conn, ids[0], "dlq", timeout=60)
        await status_is(conn, ids[1], "done", timeout=60)
    assert "await what ctx.log" in refused["last_error"]
    for id, count in zip(ids, (2_000, 3_000), strict=True):
        lines = [data["message"] for type, _, data in await events(conn, id) if type == "log"]
        assert lines == [f"line {number}" for number in range(count)]


async def test_a_storm_of_progress_and_lines_from_threads_leaves_the_event_loop_to_others(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    end = threading.Event()
    said: list[int] = []

    @app.job("storm")
    def storm(ctx: JobContext) -> int:
        number = 0
        while not end.is_set():
            number += 1
            ctx.progress(number)
            if number % 100 == 0:
                ctx.log(f"line {number}")
        ctx.progress(number + 1)
        said.append(number + 1)
        return number

    @app.job("quick")
    async def quick(ctx: JobContext) -> None: ...

    id = await enqueue(conn, "storm")
    async with start_worker():
        await status_is(conn, id, "running")
        for _ in range(20):
            await status_is(conn, await enqueue(conn, "quick"), "done", timeout=30)
        end.set()
        job = await status_is(conn, id, "done", timeout=60)
    assert job["progress"]["current"] == said[0]
    told = [data for type, _, data in await events(conn, id) if type in {"progress", "log"}]
    numbers = [data["current"] if "current" in data else int(data["message"].split()[1]) for data in told]
    lines = [data for data in told if "message" in data]
    assert [data["message"] for data in lines] == [f"line {100 * n}" for n in range(1, len(lines) + 1)]
    assert numbers[-1] == said[0]


async def test_tasks_that_a_handler_leaks_can_say_nothing_of_its_job_any_more(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    leaked: list[asyncio.Task[None]] = []

    @app.job("leak")
    async def leak(ctx: JobContext) -> None:
        async def go_on() -> None:
            while True:
                ctx.progress(1)
                await asyncio.sleep(0)

        leaked.append(asyncio.create_task(go_on()))

    ids = [await enqueue(conn, "leak") for _ in range(3)]
    async with start_worker():
        for id in ids:
            await status_is(conn, id, "done")
        await eventually(lambda: all(task.done() for task in leaked))
    assert all(isinstance(task.exception(), LeaseLost) for task in leaked)
    assert [[type for type, _, _ in await events(conn, id)][-1] for id in ids] == ["status"] * 3


async def test_a_blocked_event_loop_is_said_with_the_job_that_blocks_it(
    app: JobStream, start_worker: StartWorker, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    @app.job("block")
    async def block(ctx: JobContext) -> None:
        until = time.monotonic() + 30
        while time.monotonic() < until and not accused():
            time.sleep(0.01)  # noqa: ASYNC251  (that is what it is for)

    def accused() -> list[logging.LogRecord]:
        return [r for r in list(caplog.records) if "has blocked the event loop" in r.message]

    id = await enqueue(conn, "block")
    async with start_worker():
        await status_is(conn, id, "done", timeout=60)
    [record] = accused()
    assert record.__dict__["job_id"] == id and "'block'" in record.message
