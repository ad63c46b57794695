"""What is wrapped around handlers."""

import logging
from contextvars import ContextVar
from typing import Any

import pytest

from jobstream import Discard, JobContext, JobStream, Proceed
from jobstream.worker.context import current_context
from jobstream.worker.logs import JobFields
from tests.support import Connection
from tests.worker.conftest import StartWorker
from tests.worker.support import enqueue, status_is


async def test_the_applications_goes_around_the_jobs_own_and_the_workers_around_both(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    order: list[str] = []

    def layer(name: str) -> Any:
        async def around(ctx: JobContext, proceed: Proceed) -> Any:
            order.append(f"{name} begins {ctx.job.spec.kind}")
            result = await proceed()
            order.append(f"{name} ends")
            return result

        return around

    @app.job("inside", middleware=[layer("job's first"), layer("job's second")])
    async def inside(ctx: JobContext) -> str:
        order.append("handler")
        return "result"

    app.middleware(layer("app's"))
    id = await enqueue(conn, "inside")
    async with start_worker(middleware=[layer("worker's")]):
        job = await status_is(conn, id, "done")
    assert order == [
        "worker's begins inside",
        "app's begins inside",
        "job's first begins inside",
        "job's second begins inside",
        "handler",
        "job's second ends",
        "job's first ends",
        "app's ends",
        "worker's ends",
    ]
    assert job["result"] == "result"


async def test_context_variables_reach_handlers_in_the_loop_and_in_threads(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    tenant: ContextVar[str] = ContextVar("tenant", default="nobody")

    @app.middleware
    async def set_tenant(ctx: JobContext, proceed: Proceed) -> Any:
        tenant.set(ctx.job.spec.labels["tenant"])
        return await proceed()

    @app.job("in-loop")
    async def in_loop(ctx: JobContext) -> str:
        return tenant.get()

    @app.job("in-thread")
    def in_thread(ctx: JobContext) -> str:
        return tenant.get()

    ids = [
        await enqueue(conn, kind, labels=f'{{"tenant": "{name}"}}')
        for kind in ("in-loop", "in-thread")
        for name in ("ada", "bob")
    ]
    async with start_worker():
        results = [(await status_is(conn, id, "done"))["result"] for id in ids]
    assert results == ["ada", "bob", "ada", "bob"]
    assert tenant.get() == "nobody"


async def test_it_sees_what_handlers_raise_and_may_decide_otherwise(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    seen: list[str] = []

    @app.middleware
    async def watch(ctx: JobContext, proceed: Proceed) -> Any:
        try:
            return await proceed()
        except LookupError as error:
            seen.append(repr(error))
            raise
        except ZeroDivisionError:
            return "infinite"
        except OSError as error:
            raise Discard("no disk, no use") from error

    @app.job("break")
    def break_it(ctx: JobContext, args: str) -> None:
        raise {"lookup": LookupError("gone"), "zero": ZeroDivisionError(), "disk": OSError()}[args]

    ids = [await enqueue(conn, "break", how, max_attempts=1) for how in ("lookup", "zero", "disk")]
    async with start_worker():
        jobs = [await status_is(conn, id, "dlq", "done") for id in ids]
    assert seen == ["LookupError('gone')"]
    assert [job["status"] for job in jobs] == ["dlq", "done", "dlq"]
    assert jobs[1]["result"] == "infinite"
    assert jobs[2]["reason"] == "not_retryable" and "no disk" in jobs[2]["last_error"]


async def test_log_lines_of_handlers_and_middleware_name_the_job(
    app: JobStream, start_worker: StartWorker, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.handler.addFilter(JobFields())
    caplog.set_level(logging.INFO, "shop")
    shop = logging.getLogger("shop")

    @app.middleware
    async def say(ctx: JobContext, proceed: Proceed) -> Any:
        shop.info("middleware")
        return await proceed()

    @app.job("in-loop")
    async def in_loop(ctx: JobContext) -> None:
        shop.info("loop")

    @app.job("in-thread")
    def in_thread(ctx: JobContext) -> None:
        assert current_context.get() is ctx
        shop.info("thread")

    ids = [await enqueue(conn, kind) for kind in ("in-loop", "in-thread")]
    async with start_worker():
        for id in ids:
            await status_is(conn, id, "done")
    shop.info("outside")
    said = {
        (r.message, r.__dict__["job_id"], r.__dict__["kind"], r.__dict__["attempt"])
        for r in caplog.records
        if r.name == "shop"
    }
    assert said == {
        ("middleware", ids[0], "in-loop", 1),
        ("middleware", ids[1], "in-thread", 1),
        ("loop", ids[0], "in-loop", 1),
        ("thread", ids[1], "in-thread", 1),
        ("outside", None, None, None),
    }


def test_a_middleware_that_is_not_async_is_refused(app: JobStream) -> None:
    def plain(ctx: JobContext, proceed: Proceed) -> Any:
        return proceed()

    with pytest.raises(TypeError, match="async def"):
        app.middleware(plain)
    with pytest.raises(TypeError, match="async def"):
        app.job("x", middleware=[plain])(_nothing)


async def _nothing(ctx: JobContext) -> None: ...
