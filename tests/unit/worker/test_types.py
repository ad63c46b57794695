"""What a type checker makes of declarations: mypy reads these asserts, pytest only runs them."""

from typing import Any, assert_type

import msgspec

from jobstream import Client, Handler, JobContext, JobHandle, JobStream

app = JobStream()


class Point(msgspec.Struct):
    x: int


@app.job("async")
async def in_loop(ctx: JobContext, args: Point) -> list[Point]:
    return [args]


@app.job("thread")
def in_thread(ctx: JobContext, args: int) -> str:
    return str(args)


@app.schedule("0 3 * * *")
@app.job("alone")
async def alone(ctx: JobContext) -> None: ...


@app.job("alone-thread")
def alone_thread(ctx: JobContext) -> float:
    return 1.0


async def enqueue_all(client: Client) -> None:
    """For mypy alone: nobody calls it."""
    assert_type(await client.enqueue(in_loop, Point(1)), JobHandle[list[Point]])
    assert_type(await client.enqueue(in_thread, 1, delay=3), JobHandle[str])
    assert_type(await client.enqueue(alone), JobHandle[None])
    assert_type(await client.enqueue("by name", {"x": 1}), JobHandle[Any])
    handle = await client.enqueue(in_loop, Point(1))
    assert_type(await handle.result(timeout=1), list[Point])


def test_declared_jobs_know_their_types() -> None:
    assert_type(in_loop, Handler[Point, list[Point]])
    assert_type(in_thread, Handler[int, str])
    assert_type(alone, Handler[None, None])
    assert_type(alone_thread, Handler[None, float])
