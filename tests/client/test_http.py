"""The client over HTTP: the same interface, against a real server on a real socket."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from jobstream.client import Client, connect
from jobstream.domain.backoff import Backoff
from jobstream.domain.job import JobFilter, NewJob, Status
from jobstream.errors import (
    Conflict,
    DatabaseUnavailable,
    InvalidArgument,
    JobCancelled,
    JobFailed,
    KeyReused,
    NotFound,
    Unauthorized,
)
from jobstream.settings import Settings
from jobstream.store.leases import LeaseStore
from jobstream.store.pool import Database
from tests.api.conftest import serving
from tests.support.network import free_port
from tests.support.waiting import eventually

UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture
async def address(database_url: str) -> AsyncIterator[str]:
    settings = Settings(database_url=database_url, auth="off", drain_seconds=0.2, pool_size=4)
    async with serving(settings) as (_, url):
        yield url


@pytest.fixture
async def client(address: str) -> AsyncIterator[Client]:
    async with connect(address) as opened:
        yield opened


@pytest.fixture
def leases(database: Database) -> LeaseStore:
    return LeaseStore(database)


async def test_a_job_goes_over_whole(client: Client) -> None:
    first = await client.enqueue("first")
    handle = await client.enqueue(
        "k",
        {"a": [1, "ü"]},
        queue="q",
        priority=-2,
        delay=60,
        max_attempts=7,
        backoff=Backoff(type="linear", base=2),
        timeout=3.2,
        labels={"l": "v"},
        concurrency_key="c",
        unique="active",
        unique_key="u",
        await_jobs=[first],
        await_for="ended",
        parent_job=first,
        triggered_by="test",
    )
    job = await handle.get()
    assert (job.spec.kind, job.spec.args, job.spec.queue, job.spec.priority) == (
        "k",
        {"a": [1, "ü"]},
        "q",
        -2,
    )
    assert (job.spec.labels, job.spec.concurrency_key) == ({"l": "v"}, "c")
    assert (job.spec.unique, job.spec.unique_key) == ("active", "u")
    assert (job.retry.max_attempts, job.timeout_seconds) == (7, 4)
    assert job.retry.backoff["type"] == "linear"
    assert (job.scheduling.await_jobs, job.scheduling.await_for) == ([first.id], "ended")
    assert (job.lineage.parent_job, job.lineage.triggered_by) == (first.id, "test")
    assert (handle.status, handle.idempotent) == (Status.WAITING, False)


async def test_keys_count(client: Client) -> None:
    first = await client.enqueue("k", idempotency_key="one")
    again = await client.enqueue("k", idempotency_key="one")
    assert (again.id, again.idempotent) == (first.id, True)
    with pytest.raises(KeyReused):
        await client.enqueue("other", idempotency_key="one")


async def test_each_gets_its_own_answer_or_error(client: Client) -> None:
    async def kind(name: str) -> str:
        try:
            return (await (await client.enqueue(name)).get()).spec.kind
        except InvalidArgument:
            return "refused"

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(kind("" if n == 5 else f"k{n}")) for n in range(12)]
    assert [task.result() for task in tasks] == ["refused" if n == 5 else f"k{n}" for n in range(12)]


async def test_many_are_made_or_none(client: Client) -> None:
    made = await client.enqueue_many([NewJob(kind="a"), NewJob(kind="b")])
    assert [(await handle.get()).spec.kind for handle in made] == ["a", "b"]
    with pytest.raises(InvalidArgument) as caught:
        await client.enqueue_many([NewJob(kind="a"), NewJob(kind="")])
    assert caught.value.detail is not None
    assert caught.value.detail.ordinal == 2
    assert len((await client.list()).items) == 2
    assert await client.enqueue_many([]) == []


async def test_events_and_the_result(client: Client, leases: LeaseStore) -> None:
    handle = await client.enqueue("k")

    async def work() -> None:
        [job] = await leases.claim(["default"], limit=1, worker="w")
        await leases.log(job.id, 1, "a\u2028b\nc")
        await leases.complete(job.id, 1, result=b'{"x": [1]}')

    async with asyncio.TaskGroup() as group:
        result = group.create_task(handle.result(timeout=20))
        group.create_task(work())
        events = [event async for event in handle.events()]
    assert [(event.type, event.status) for event in events] == [
        ("status", "pending"),
        ("status", "running"),
        ("log", "running"),
        ("status", "done"),
    ]
    assert events[2].data["message"] == "a\u2028b\nc"
    assert result.result() == {"x": [1]}
    assert [event.id async for event in handle.events(after=events[1].id)] == [
        event.id for event in events[2:]
    ]
    assert [event async for event in handle.events(after=events[-1].id)] == []


async def test_how_a_job_ended_otherwise(client: Client, leases: LeaseStore) -> None:
    failed = await client.enqueue("k")
    [job] = await leases.claim(["default"], limit=1, worker="w")
    await leases.fail(job.id, 1, error="broken", retryable=False)
    with pytest.raises(JobFailed) as caught:
        await failed.result(timeout=20)
    assert caught.value.reason == "not_retryable"
    cancelled = await client.enqueue("k")
    assert await cancelled.cancel() is Status.CANCELLED
    with pytest.raises(JobCancelled):
        await cancelled.result(timeout=20)
    with pytest.raises(TimeoutError):
        await (await client.enqueue("k")).result(timeout=0.05)


async def test_verbs_lists_and_refusals(client: Client, leases: LeaseStore) -> None:
    handle = await client.enqueue("k", labels={"a": "b:c"})
    page = await client.list(
        JobFilter(kind=("k", "x"), label=(("a", "b:c"),), status=(Status.PENDING,)), limit=1
    )
    assert [job.id for job in page.items] == [handle.id]
    assert page.event_cursor
    await leases.claim(["default"], limit=1, worker="w")
    with pytest.raises(Conflict):
        await handle.cancel()
    assert await handle.cancel(force=True) is Status.RUNNING
    for call in (client.get(UNKNOWN), client.cancel(UNKNOWN), client.handle(UNKNOWN).result(5)):
        with pytest.raises(NotFound):
            await call
    with pytest.raises(NotFound):
        await anext(client.handle(UNKNOWN).events())
    with pytest.raises(InvalidArgument):
        await client.get("x")
    with pytest.raises(TypeError, match="HTTP"):
        await client.enqueue("k", connection=object())
    with pytest.raises(TypeError, match="HTTP"):
        await client.pipeline("p", connection=object()).create()


async def test_a_server_that_is_not_there(database: Database) -> None:
    async with connect(f"http://127.0.0.1:{free_port()}") as client:
        with pytest.raises(DatabaseUnavailable, match="cannot reach"):
            await client.enqueue("k")


async def test_without_a_token_nothing_is_allowed(database_url: str) -> None:
    async with (
        serving(Settings(database_url=database_url, auth="token", drain_seconds=0.1)) as (_, url),
        connect(url, token="jst_none") as client,
    ):
        with pytest.raises(Unauthorized):
            await client.enqueue("k")
        with pytest.raises(Unauthorized):
            await anext(client.handle(UNKNOWN).events())


async def test_a_stream_outlives_its_server(database_url: str, leases: LeaseStore) -> None:
    """One server after another on one address, as behind a balancer; the reader is told of nothing."""
    port = free_port()
    settings = Settings(database_url=database_url, auth="off", drain_seconds=0.1)
    seen: list[str | None] = []
    async with connect(f"http://127.0.0.1:{port}") as client:
        async with serving(settings, port=port):
            handle = await client.enqueue("k")

            async def read() -> None:
                async for event in handle.events():
                    seen.append(event.status)  # noqa: PERF401 - looked at while it grows

            reader = asyncio.create_task(read())
            await eventually(lambda: seen)
        [job] = await leases.claim(["default"], limit=1, worker="w")
        await leases.complete(job.id, 1)
        async with serving(settings, port=port):
            await asyncio.wait_for(reader, 60)
    assert seen == ["pending", "running", "done"]
