"""What a type checker infers of the client. mypy reads this file as strictly as the rest; that is the test."""

from collections.abc import Awaitable, Callable
from typing import Any, assert_type

from jobstream.application import JobStream
from jobstream.client import Client, JobHandle
from jobstream.worker.context import JobContext
from tests.client.test_client import Picture, thumbnail

app = JobStream()


@app.job("resize")
async def resize(ctx: JobContext, args: Picture) -> int:
    return args.width


@app.job("nightly")
def nightly(ctx: JobContext) -> str:
    return "well"


async def infer(client: Client) -> None:
    """Never run."""
    assert_type(await client.enqueue(thumbnail, Picture("a")), JobHandle[Picture])
    assert_type(await client.enqueue(resize, Picture("a"), delay=1), JobHandle[int])
    assert_type(await client.enqueue(nightly), JobHandle[str])
    assert_type(await (await client.enqueue(resize, Picture("a"))).result(), int)
    assert_type(await client.enqueue("resize", {"path": "a"}), JobHandle[Any])
    assert_type(client.handle("id", resize), JobHandle[int])
    await client.enqueue(resize, 7)  # type: ignore[misc]
    await client.enqueue(resize)  # type: ignore[arg-type]
    await client.enqueue(nightly, Picture("a"))  # type: ignore[misc]
    await client.enqueue("resize", delay="soon")  # type: ignore[call-overload]
    await client.enqueue("resize", colour="red")  # type: ignore[call-overload]


def test_a_declared_job_goes_where_a_handler_is_asked_for() -> None:
    inferred: Callable[[Client], Awaitable[None]] = infer
    assert inferred is infer
    assert resize.decode_result("7") == 7
