"""`jobstream.testing`, as a user's tests would call it."""

import msgspec
import pytest

from jobstream import Discard, JobContext, JobStream, Middleware, Proceed, Retry, SyncClient
from jobstream.client import connect
from jobstream.errors import InvalidArgument
from jobstream.testing import (
    assert_enqueued,
    assert_enqueued_sync,
    drain,
    drain_sync,
    refute_enqueued,
    refute_enqueued_sync,
    run_inline,
    run_inline_sync,
)


class Picture(msgspec.Struct):
    path: str
    width: int = 100


app = JobStream()


@app.job("thumbnail", queue="images", timeout=20)
async def thumbnail(ctx: JobContext, args: Picture) -> Picture:
    ctx.progress(1, 2, step="half")
    await ctx.log("nearly")
    ctx.emit("page.read", {"n": ctx.attempt})
    return Picture(args.path, args.width * 2)


@app.job("order")
def order(ctx: JobContext, args: int) -> int:
    child = ctx.sync_client.enqueue(thumbnail, Picture(f"{args}.png"), labels={"order": str(args)})
    return len(child.id)


@app.job("flaky", max_attempts=2)
async def flaky(ctx: JobContext) -> None:
    raise ConnectionError(f"attempt {ctx.attempt}")


@app.job("later")
async def later(ctx: JobContext) -> Retry:
    return Retry(60)


@app.job("never")
def never(ctx: JobContext) -> None:
    raise Discard("of no use")


async def test_a_job_runs_inline_and_what_it_said_is_there() -> None:
    ran = await run_inline(thumbnail, Picture("a.png"), attempt=3)

    assert ran.result == Picture("a.png", 200)
    assert ran.progress == [(1, 2, "half")]
    assert ran.logs == [("info", "nearly")]
    assert ran.emitted == [("page.read", {"n": 3})]


async def test_inline_raises_what_the_handler_says_and_checks_what_goes_in() -> None:
    with pytest.raises(ConnectionError, match="attempt 1"):
        await run_inline(flaky)
    with pytest.raises(Retry):
        await run_inline(later)
    with pytest.raises(Discard):
        await run_inline(never)
    with pytest.raises(InvalidArgument):
        await run_inline(thumbnail, 7)  # type: ignore[misc]


def test_inline_without_an_event_loop_gives_upstream_middleware_and_the_job() -> None:
    own = JobStream()
    seen: list[str] = []

    @own.middleware
    async def around(ctx: JobContext, proceed: Proceed) -> object:
        seen.append(ctx.job.spec.kind)
        return await proceed()

    @own.job("join")
    def join(ctx: JobContext, args: list[str]) -> dict[str, int]:
        return {name: ctx.upstream[name] for name in args} | {"owner": len(ctx.job.owner)}

    layer: Middleware = around
    assert layer is around
    ran = run_inline_sync(join, ["a", "b"], upstream={"a": 1, "b": 2}, owner="ada")
    assert ran.result == {"a": 1, "b": 2, "owner": 3}
    assert seen == ["join"]


async def test_drain_runs_what_is_due_and_what_that_enqueues(jobstream_url: str) -> None:
    async with connect(jobstream_url) as client:
        first = await client.enqueue(order, 4711)
        delayed = await client.enqueue(order, 1, delay=3600)
        async with client.pipeline("two") as p:
            a = p.step(thumbnail, Picture("x"))
            p.step(thumbnail, Picture("y"), after=[a])
        drained = await drain(app, jobstream_url)

        assert [each.kind for each in drained.ran].count("thumbnail") == 3
        assert len(drained.done) == len(drained) == 4
        child = await assert_enqueued(client, thumbnail, Picture("4711.png"), labels={"order": "4711"})
        assert child.lineage.parent_job == first.id
        assert (await delayed.get()).status == "waiting"
        assert (await p.get()).status == "done"
        assert (await drain(app, jobstream_url)).ran == []


async def test_drain_raises_a_handlers_error_unless_told_otherwise(jobstream_url: str) -> None:
    async with connect(jobstream_url) as client:
        job = await client.enqueue(flaky)
        with pytest.raises(ConnectionError, match="attempt 1"):
            await drain(app, jobstream_url)
        assert (await job.get()).status == "failed"
        assert (await drain(app, jobstream_url)).ran == []
        drained = await drain(app, jobstream_url, retries=True, raises=False)
        assert [(each.attempt, each.status) for each in drained.ran] == [(2, "dlq")]


async def test_drain_ends_what_has_no_end_and_names_what_it_cannot_run(jobstream_url: str) -> None:
    own = JobStream()

    @own.job("again")
    async def again(ctx: JobContext) -> None:
        await ctx.client.enqueue("again")

    async with connect(jobstream_url) as client:
        await client.enqueue("again")
        with pytest.raises(AssertionError, match="5 attempts"):
            await drain(own, jobstream_url, limit=5)
        await client.enqueue("unheard-of", queue="other")
        with pytest.raises(AssertionError, match="'unheard-of', which has no handler"):
            await drain(own, jobstream_url, queues=["other"])


def test_without_an_event_loop(jobstream_sync: SyncClient, jobstream_url: str) -> None:
    jobstream_sync.enqueue(order, 7)
    refute_enqueued_sync(jobstream_sync, thumbnail)
    assert len(drain_sync(app, jobstream_url)) == 2
    job = assert_enqueued_sync(jobstream_sync, "thumbnail", {"path": "7.png", "width": 100}, queue="images")
    assert job.status == "done"


async def test_what_was_not_enqueued_is_told_from_what_was(jobstream_url: str) -> None:
    async with connect(jobstream_url) as client:
        await client.enqueue(order, 1)
        await refute_enqueued(client, order, 2)
        with pytest.raises(
            AssertionError, match=r"no job 'order' was enqueued with args 2; there is: pending 1"
        ):
            await assert_enqueued(client, order, 2)
        with pytest.raises(AssertionError, match="was enqueued with priority=0"):
            await refute_enqueued(client, order, priority=0)
        with pytest.raises(TypeError, match="colour"):
            await assert_enqueued(client, order, colour="red")
