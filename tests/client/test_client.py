"""The client over PostgreSQL: enqueue, handles, the caller's own transaction."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from jobstream.client import Client, JobHandle, connect
from jobstream.domain.backoff import Backoff
from jobstream.domain.job import JobFilter, NewJob, Status
from jobstream.domain.payload import decode_payload, encode_payload
from jobstream.errors import (
    Conflict,
    DatabaseUnavailable,
    InvalidArgument,
    JobCancelled,
    JobFailed,
    KeyReused,
    NotFound,
)
from jobstream.store.leases import LeaseStore
from jobstream.store.pool import Database
from tests.support.network import free_port
from tests.support.types import Connection
from tests.support.waiting import eventually

UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


class Picture(msgspec.Struct):
    path: str
    width: int = 100


class Thumbnail:
    """A declared job, as the registry makes them."""

    name = "thumbnail"
    queue = "images"
    priority = 3
    max_attempts = 5
    backoff = Backoff(type="fixed", base=1)
    timeout = 29.5

    def encode_args(self, args: Picture, /) -> bytes:
        return encode_payload(args)

    def decode_result(self, text: bytes | str, /) -> Picture:
        picture: Picture = decode_payload(text, Picture)
        return picture


thumbnail = Thumbnail()


@pytest.fixture
async def client(database: Database) -> AsyncIterator[Client]:
    async with Client.over(database) as opened:
        yield opened


@pytest.fixture
def leases(database: Database) -> LeaseStore:
    return LeaseStore(database)


async def finish(leases: LeaseStore, *, queue: str = "default", result: bytes | None = None) -> None:
    [job] = await leases.claim([queue], limit=1, worker="w")
    await leases.complete(job.id, job.attempt, result=result)


async def test_a_job_by_its_handler_has_what_was_declared(client: Client) -> None:
    handle = await client.enqueue(thumbnail, Picture("a.png"))
    job = await handle.get()
    assert (job.spec.kind, job.spec.queue, job.spec.priority) == ("thumbnail", "images", 3)
    assert job.spec.args == {"path": "a.png", "width": 100}
    assert (job.retry.max_attempts, job.timeout_seconds) == (5, 30)
    assert job.retry.backoff == {"type": "fixed", "base": 1, "max": 120, "jitter": 0.1}
    assert (handle.status, handle.idempotent) == (Status.PENDING, False)


async def test_the_caller_s_word_goes_before_the_declaration(client: Client) -> None:
    first = await client.enqueue("first")
    handle = await client.enqueue(
        thumbnail,
        Picture("a"),
        queue="other",
        priority=-1,
        max_attempts=1,
        backoff=None,
        timeout=None,
        delay=60,
        labels={"tenant": "x"},
        unique="active",
        unique_key="u",
        await_jobs=[first],
        await_for="ended",
        parent_job=first,
    )
    job = await handle.get()
    assert (job.spec.queue, job.spec.priority, job.retry.max_attempts) == ("other", -1, 1)
    assert (job.retry.backoff, job.timeout_seconds) == (None, None)
    assert (job.spec.labels, job.spec.unique, job.spec.unique_key) == ({"tenant": "x"}, "active", "u")
    assert (job.scheduling.await_jobs, job.scheduling.await_for) == ([first.id], "ended")
    assert job.lineage.parent_job == first.id


async def test_a_result_is_of_the_declared_type(client: Client, leases: LeaseStore) -> None:
    handle = await client.enqueue(thumbnail, Picture("a"))
    await finish(leases, queue="images", result=b'{"path": "b", "width": 7}')
    assert await handle.result(timeout=20) == Picture("b", 7)
    assert await client.handle(handle.id, thumbnail).result(timeout=20) == Picture("b", 7)
    assert await client.handle(handle.id).result(timeout=20) == {"path": "b", "width": 7}


async def test_a_result_is_waited_for(client: Client, leases: LeaseStore) -> None:
    handle = await client.enqueue("k", {"a": 1})
    async with asyncio.TaskGroup() as group:
        result = group.create_task(handle.result(timeout=20))
        await asyncio.sleep(0)
        await finish(leases, result=b"[1]")
    assert result.result() == [1]


async def test_no_result_is_none(client: Client, leases: LeaseStore) -> None:
    handle = await client.enqueue("k")
    await finish(leases)
    assert await handle.result(timeout=20) is None


async def test_a_result_that_does_not_come_in_time(client: Client) -> None:
    handle = await client.enqueue("k")
    with pytest.raises(TimeoutError):
        await handle.result(timeout=0.05)


async def test_a_failed_job_s_result_raises(client: Client, leases: LeaseStore) -> None:
    handle = await client.enqueue("k")
    [job] = await leases.claim(["default"], limit=1, worker="w")
    await leases.fail(job.id, job.attempt, error="no such file", retryable=False)
    with pytest.raises(JobFailed) as caught:
        await handle.result(timeout=20)
    assert (caught.value.job_id, caught.value.reason) == (handle.id, "not_retryable")
    assert caught.value.last_error is not None
    assert "no such file" in caught.value.last_error


async def test_a_cancelled_job_s_result_raises(client: Client) -> None:
    handle = await client.enqueue("k")
    assert await handle.cancel() is Status.CANCELLED
    with pytest.raises(JobCancelled):
        await handle.result(timeout=20)
    assert await handle.retry() is Status.PENDING


async def test_the_result_of_an_unknown_job_is_not_found(client: Client) -> None:
    with pytest.raises(NotFound):
        await client.handle(UNKNOWN).result(timeout=20)
    with pytest.raises(InvalidArgument):
        await client.handle("x").result(timeout=20)


async def test_a_thousand_results_are_waited_for_together(client: Client, leases: LeaseStore) -> None:
    handles = await client.enqueue_many([NewJob(kind="k")] * 1_000)
    async with asyncio.TaskGroup() as group:
        results = [group.create_task(handle.result(timeout=30)) for handle in handles]
        await asyncio.sleep(0)
        jobs = await leases.claim(["default"], limit=1_000, worker="w")
        await leases.complete_many(
            [job.id for job in jobs], [job.attempt for job in jobs], [f'"{job.id}"' for job in jobs]
        )
    assert [result.result() for result in results] == [handle.id for handle in handles]


async def test_events_come_from_the_beginning_to_the_end(client: Client, leases: LeaseStore) -> None:
    handle = await client.enqueue("k")

    async def work() -> None:
        [job] = await leases.claim(["default"], limit=1, worker="w")
        await leases.report_progress(job.id, job.attempt, current=1, total=2)
        await leases.log(job.id, job.attempt, "half way")
        await leases.complete(job.id, job.attempt)

    async with asyncio.TaskGroup() as group:
        group.create_task(work())
        events = [event async for event in handle.events()]
    assert [(event.type, event.status) for event in events] == [
        ("status", "pending"),
        ("status", "running"),
        ("progress", "running"),
        ("log", "running"),
        ("status", "done"),
    ]
    assert [event.id async for event in handle.events(after=events[1].id)] == [
        event.id for event in events[2:]
    ]
    assert [event async for event in handle.events(after=events[-1].id)] == []


async def test_events_of_an_unknown_job_are_not_found(client: Client) -> None:
    with pytest.raises(NotFound):
        async for _ in client.handle(UNKNOWN).events():
            pass


async def test_events_that_were_pruned_give_way_to_how_the_job_ended(
    client: Client, leases: LeaseStore, conn: Connection
) -> None:
    handle = await client.enqueue("k")
    await finish(leases, result=b"1")
    await conn.execute("delete from jobstream.job_events")
    [event] = [event async for event in handle.events()]
    assert (event.type, event.status, event.data["result"]) == ("status", "done", 1)


async def test_leaving_a_stream_early_leaves_nothing_behind(client: Client) -> None:
    handle = await client.enqueue("k")
    events = handle.events()
    assert (await anext(events)).status == "pending"
    await events.aclose()


async def test_events_and_results_outlive_lost_connections(
    client: Client, leases: LeaseStore, conn: Connection
) -> None:
    handle = await client.enqueue("k")
    kill = (
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )
    async with asyncio.TaskGroup() as group:
        result = group.create_task(handle.result(timeout=20))
        seen: list[str] = []

        async def read() -> None:
            async for event in handle.events():
                seen.append(f"{event.type} {event.status}")  # noqa: PERF401 - looked at while it grows

        reader = group.create_task(read())
        await eventually(lambda: seen)
        for _ in range(3):
            await conn.execute(kill)
            await asyncio.sleep(0.02)
        id = await conn.fetchval("select id from jobstream.claim('{default}', 1, 'w')")
        assert id == handle.id
        await conn.execute(kill)
        await conn.execute("select jobstream.complete($1, 1, '\"well\"')", id)
    assert result.result() == "well"
    assert reader.done()
    assert seen == ["status pending", "status running", "status done"]


async def test_within_the_caller_s_transaction(client: Client, conn: Connection) -> None:
    async with conn.transaction():
        kept = await client.enqueue("k", connection=conn)
        with pytest.raises(NotFound):
            await kept.get()
    assert (await kept.get()).status is Status.PENDING
    transaction = conn.transaction()
    await transaction.start()
    dropped = await client.enqueue_many([NewJob(kind="k")], connection=conn)
    await transaction.rollback()
    with pytest.raises(NotFound):
        await dropped[0].get()


async def test_a_connection_out_of_the_caller_s_own_pool_will_do(client: Client, database: Database) -> None:
    async with database.acquire() as connection:
        handle = await client.enqueue("k", connection=connection)
    assert (await handle.get()).id == handle.id


async def test_what_is_no_connection_is_told(client: Client) -> None:
    with pytest.raises(TypeError, match="asyncpg"):
        await client.enqueue("k", connection=object())


async def test_lists_and_verbs_by_id(client: Client, leases: LeaseStore) -> None:
    handle = await client.enqueue("k")
    assert [job.id for job in (await client.list(JobFilter(kind=("k",)))).items] == [handle.id]
    await leases.claim(["default"], limit=1, worker="w")
    with pytest.raises(Conflict):
        await client.cancel(handle.id)
    assert await client.cancel(handle.id, force=True) is Status.RUNNING
    with pytest.raises(Conflict):
        await client.retry(handle.id)


async def test_what_the_block_raises_comes_out_as_it_is(database_url: str) -> None:
    with pytest.raises(KeyReused, match="mine"):
        async with connect(database_url):
            raise KeyReused("mine")


async def test_a_database_that_is_not_there() -> None:
    with pytest.raises(DatabaseUnavailable):
        async with connect(f"postgresql://x@127.0.0.1:{free_port()}/x"):
            pass


async def test_a_client_that_only_enqueues_does_not_listen(database_url: str, conn: Connection) -> None:
    listeners = "select count(*) from pg_stat_activity where datname = current_database() and application_name like '%listener'"
    async with connect(database_url) as client:
        handle = await client.enqueue("k")
        assert await conn.fetchval(listeners) == 0
        await handle.cancel()
        assert [event.status async for event in handle.events()] == ["pending", "cancelled"]
        await eventually(lambda: conn.fetchval(listeners + " having count(*) = 1"))


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"scheduled_at": "tomorrow"}, "scheduled_at"),
        ({"deadline": datetime(2030, 1, 1)}, "deadline"),
        ({"delay": float("nan")}, "delay"),
        ({"delay": float("inf")}, "delay"),
        ({"delay": "soon"}, "delay"),
        ({"timeout": 0}, "timeout_seconds"),
        ({"timeout": -1}, "timeout_seconds"),
        ({"timeout": float("inf")}, "timeout_seconds"),
    ],
)
async def test_what_json_would_make_something_else_of_is_refused(
    client: Client, options: Any, field: str
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await client.enqueue("k", **options)
    assert refused.value.detail is not None
    assert refused.value.detail.field == field
    assert (await client.enqueue("k", delay=timedelta(minutes=1))).status == "waiting"


async def test_a_client_that_was_closed_says_so(database: Database) -> None:
    async with Client.over(database) as client:
        job = await client.enqueue("k")
        pipeline = client.pipeline("p")
        pipeline.step("k")
        await pipeline.create()
        waiting = asyncio.create_task(job.result())
        following = asyncio.create_task(_follow(job))
        await eventually(lambda: following.get_name() == "follows")
    later = (client.enqueue("k"), job.result(), anext(job.events()), anext(pipeline.events()))
    for told in (waiting, following, *later):
        with pytest.raises(DatabaseUnavailable, match="the client was closed"):
            await told


async def _follow(job: JobHandle[Any]) -> None:
    task = asyncio.current_task()
    assert task is not None
    async for _ in job.events():
        task.set_name("follows")


async def test_a_client_belongs_to_its_event_loop(client: Client) -> None:
    job = await client.enqueue("k")

    async def elsewhere() -> None:
        for wait in (client.enqueue("k"), job.result(), anext(job.events())):
            with pytest.raises(RuntimeError, match="event loop"):
                await wait

    await asyncio.to_thread(asyncio.run, elsewhere())
