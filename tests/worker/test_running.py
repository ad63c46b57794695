"""Handlers and what becomes of their jobs."""

import asyncio
import threading
from dataclasses import dataclass
from typing import TypedDict

import msgspec

from jobstream import Discard, JobContext, JobStream, Retry, Snooze
from tests.support import Connection
from tests.worker.conftest import StartWorker
from tests.worker.support import enqueue, events, status_is


class Point(msgspec.Struct):
    x: int
    y: int = 0


@dataclass
class Folder:
    path: str


class Options(TypedDict):
    deep: bool


async def test_args_and_result_are_of_the_handlers_types(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    @app.job("move")
    async def move(ctx: JobContext, args: Point) -> Point:
        assert isinstance(args, Point)
        return Point(args.x + 1, args.y + 1)

    id = await enqueue(conn, "move", {"x": 1})
    async with start_worker():
        job = await status_is(conn, id, "done")
    assert job["result"] == {"x": 2, "y": 1}
    assert job["attempt"] == 1 and job["failures"] == 0


async def test_dataclasses_typed_dicts_and_plain_types_are_read(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    @app.job("folder")
    async def folder(ctx: JobContext, args: Folder) -> str:
        return args.path

    @app.job("options")
    def options(ctx: JobContext, args: Options) -> bool:
        return args["deep"]

    @app.job("number")
    def number(ctx: JobContext, args: int) -> int:
        return args * 2

    ids = [
        await enqueue(conn, "folder", {"path": "/tmp"}),
        await enqueue(conn, "options", {"deep": True}),
        await enqueue(conn, "number", 21),
    ]
    async with start_worker():
        results = [(await status_is(conn, id, "done"))["result"] for id in ids]
    assert results == ["/tmp", True, 42]


async def test_args_that_do_not_fit_end_the_job_with_the_place_of_the_fault(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    @app.job("move")
    async def move(ctx: JobContext, args: Point) -> None:
        raise AssertionError("never called")

    id = await enqueue(conn, "move", {"x": "one"})
    async with start_worker():
        job = await status_is(conn, id, "dlq")
    assert job["reason"] == "not_retryable"
    assert "do not fit Point" in job["last_error"] and "$.x" in job["last_error"]


async def test_a_failure_is_kept_with_its_traceback_and_retried(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    @app.job("break")
    async def break_it(ctx: JobContext) -> None:
        raise LookupError(f"no such thing: \0 {ctx.attempt}")

    backoff = '{"type": "fixed", "base": 0, "jitter": 0}'
    id = await enqueue(conn, "break", max_attempts=1, backoff=backoff)
    async with start_worker():
        job = await status_is(conn, id, "dlq")
    assert job["reason"] == "attempts"
    [error] = job["errors"]
    assert error["type"] == "LookupError" and error["message"] == "no such thing: \ufffd 1"
    assert "break_it" in error["traceback"] and "jobstream/worker/executor" not in error["traceback"]


async def test_retry_snooze_and_discard_do_as_they_say(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    @app.job("retry")
    async def retry(ctx: JobContext) -> None:
        raise Retry(3600, "later")

    @app.job("snooze")
    async def snooze(ctx: JobContext) -> Snooze:
        return Snooze(3600)

    @app.job("discard")
    def discard(ctx: JobContext) -> None:
        raise Discard("no use")

    ids = [await enqueue(conn, kind) for kind in ("retry", "snooze", "discard")]
    async with start_worker():
        retried = await status_is(conn, ids[0], "failed")
        snoozed = await status_is(conn, ids[1], "waiting")
        discarded = await status_is(conn, ids[2], "dlq")
    assert retried["failures"] == 1 and "later" in retried["last_error"]
    assert snoozed["failures"] == 0 and snoozed["attempt"] == 1
    assert (snoozed["scheduled_at"] - snoozed["created_at"]).total_seconds() > 3500
    assert (retried["scheduled_at"] - retried["created_at"]).total_seconds() > 3500
    assert discarded["reason"] == "not_retryable" and "no use" in discarded["last_error"]


async def test_an_unstorable_result_spoils_no_other(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    @app.job("text")
    async def text(ctx: JobContext, args: int) -> object:
        return [f"{args}", "\0", object(), "\ud800", float("nan")][args]

    ids = [await enqueue(conn, "text", number) for number in range(5)]
    async with start_worker():
        jobs = [await status_is(conn, id, "done", "dlq") for id in ids]
    assert [job["status"] for job in jobs] == ["done", "dlq", "dlq", "dlq", "dlq"]
    assert {job["reason"] for job in jobs[1:]} == {"unstorable_result"}


async def test_a_timeout_is_a_failure_of_async_and_thread_handlers(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    told = threading.Event()

    @app.job("slow", timeout=0.05)
    async def slow(ctx: JobContext) -> None:
        await asyncio.sleep(60)

    @app.job("blocked", timeout=0.05)
    def blocked(ctx: JobContext) -> None:
        if ctx.cancelled.wait(30):
            told.set()

    ids = [await enqueue(conn, "slow", max_attempts=1), await enqueue(conn, "blocked", max_attempts=1)]
    async with start_worker():
        jobs = [await status_is(conn, id, "dlq") for id in ids]
    assert all("timed out" in job["last_error"] for job in jobs)
    assert told.wait(5)


async def test_progress_log_and_emit_are_events_before_the_end(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    @app.job("index")
    async def index(ctx: JobContext) -> int:
        ctx.log("begin")
        for number in range(1, 101):
            ctx.progress(number, 100, "counting")
        await ctx.emit("index.stage.done", {"files": 100})
        return 100

    @app.job("index-in-thread")
    def index_in_thread(ctx: JobContext) -> int:
        ctx.log("begin", level="warning")
        for number in range(1, 101):
            ctx.progress(number, 100)
        ctx.emit("index.stage.done", {"files": 100})
        return 100

    ids = [await enqueue(conn, "index"), await enqueue(conn, "index-in-thread")]
    async with start_worker():
        for id in ids:
            job = await status_is(conn, id, "done")
            assert job["progress"]["current"] == 100
    for id in ids:
        kinds = [(type, status) for type, status, _ in await events(conn, id)]
        assert kinds[:2] == [("status", "pending"), ("status", "running")]
        assert kinds[-1] == ("status", "done")
        told = [type for type, _ in kinds[2:-1]]
        assert told[0] == "log" and "index.stage.done" in told
        progress = [data["current"] for type, _, data in await events(conn, id) if type == "progress"]
        # Of what a thread tells before the event loop looks only the latest is seen.
        assert progress == [1, 100] or (id == ids[1] and len(progress) <= 2 and progress[-1] == 100)


async def test_an_unknown_kind_is_given_back_without_a_failure_and_said_once(
    app: JobStream, start_worker: StartWorker, conn: Connection, caplog: object
) -> None:
    ids = [await enqueue(conn, "strange"), await enqueue(conn, "strange")]
    async with start_worker():
        jobs = [await status_is(conn, id, "waiting") for id in ids]
    assert [job["failures"] for job in jobs] == [0, 0]
    given_back = await conn.fetchval(
        "select max(at) from jobstream.job_events where job_id = $1 and status = 'waiting'", ids[0]
    )
    assert 5 < (jobs[0]["scheduled_at"] - given_back).total_seconds() <= 10
    assert sum("no handler" in record.message for record in caplog.records) == 1  # type: ignore[attr-defined]
