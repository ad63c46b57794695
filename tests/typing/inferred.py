"""What type checkers infer of the public API. mypy and basedpyright, both strict, read this file: that is the test.

`# type: ignore[…]` and `# pyright: ignore[…]` mark what must be an error: where it is none, the comment is unused, and that is
an error too.
"""

from dataclasses import dataclass
from typing import Any, TypedDict, assert_type

import msgspec

from jobstream import (
    Client,
    Event,
    Handler,
    Job,
    JobContext,
    JobHandle,
    JobStream,
    Proceed,
    Status,
    Step,
    SyncClient,
    SyncJobHandle,
)
from jobstream.testing import run_inline


class Picture(msgspec.Struct):
    path: str
    width: int = 100


@dataclass
class Order:
    number: int


class Letter(TypedDict):
    to: str


app = JobStream()


@app.job("thumbnail", queue="images", max_attempts=5, timeout=30)
async def thumbnail(ctx: JobContext, args: Picture) -> Order:
    assert_type(ctx.job, Job)
    assert_type(ctx.attempt, int)
    assert_type(ctx.client, Client)
    assert_type(ctx.sync_client, SyncClient)
    await ctx.progress(1, 2, step="half")
    return Order(args.width)


@app.job("bill")
def bill(ctx: JobContext, args: Order) -> list[Letter]:
    return [{"to": str(args.number)}]


@app.schedule("0 3 * * *", timezone="Europe/Rome")
@app.job("nightly")
async def nightly(ctx: JobContext) -> None: ...


@app.middleware
async def around(ctx: JobContext, proceed: Proceed) -> Any:
    return await proceed()


assert_type(thumbnail, Handler[Picture, Order])
assert_type(bill, Handler[Order, list[Letter]])
assert_type(nightly, Handler[None, None])


async def with_an_event_loop(url: str) -> None:
    """Never run."""
    async with app.connect(url) as client:
        assert_type(client, Client)
        job = await client.enqueue(thumbnail, Picture("a"), delay=60, idempotency_key="k")
        assert_type(job, JobHandle[Order])
        assert_type(await job.result(timeout=30), Order)
        assert_type(await job.cancel(), Status)
        async for event in job.events():
            assert_type(event, Event)
        assert_type(await client.enqueue(nightly), JobHandle[None])
        assert_type(await client.enqueue("thumbnail", {"path": "a"}), JobHandle[Any])
        assert_type(client.handle("id", bill), JobHandle[list[Letter]])
        async with client.pipeline("two") as p:
            a = p.step(thumbnail, Picture("a"))
            assert_type(a, Step[Order])
            b = p.step(bill, Order(1), after=[a])
        assert_type(await b.job.result(), list[Letter])
        assert_type((await run_inline(thumbnail, Picture("a"))).result, Order)


def without(url: str) -> None:
    """Never run."""
    with app.connect_sync(url) as client:
        assert_type(client, SyncClient)
        job = client.enqueue(bill, Order(1))
        assert_type(job, SyncJobHandle[list[Letter]])
        assert_type(job.result(timeout=30), list[Letter])
        for event in job.events():
            assert_type(event, Event)
        with client.pipeline("two") as p:
            a = p.step(thumbnail, Picture("a"))
            p.step(nightly, after=[a])
        assert_type(a.job, SyncJobHandle[Order])


async def wrong(client: Client, sync: SyncClient) -> None:
    """Never run: each line is an error."""
    await client.enqueue(thumbnail, 7)  # type: ignore[misc]  # pyright: ignore[reportArgumentType, reportCallIssue]
    await client.enqueue(thumbnail)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    await client.enqueue(nightly, 7)  # type: ignore[misc]  # pyright: ignore[reportArgumentType, reportCallIssue]
    await client.enqueue("k", delay="soon")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    await client.enqueue("k", colour="red")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    sync.enqueue(bill, Picture("a"))  # type: ignore[misc]  # pyright: ignore[reportArgumentType, reportCallIssue]
    number: int = await (await client.enqueue(thumbnail, Picture("a"))).result()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    assert number
