"""Two instances of `jobstream serve` behind nothing: any of them answers for any other, and one may go at any time."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Self

import httpx
import pytest
from httpx_sse import ServerSentEvent, aconnect_sse

from tests.support import Connection, Process, eventually

CONTROL = ("hello", "heartbeat", "reset", "end")


@pytest.fixture
async def instances(database_url: str) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Clients of two processes on one database."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(client(start(stack, database_url))) for _ in range(2)]


def start(stack: AsyncExitStack, url: str, **environ: str) -> Process:
    variables = {"JOBSTREAM_DATABASE_URL": url, "JOBSTREAM_AUTH": "off", "JOBSTREAM_DRAIN_SECONDS": "2"}
    return stack.enter_context(Process("serve", "--port", "0", environ={**variables, **environ}))


def client(process: Process) -> httpx.AsyncClient:
    return _Client(process)


class _Client(httpx.AsyncClient):
    def __init__(self, process: Process) -> None:
        super().__init__(timeout=20, limits=httpx.Limits(max_connections=200))
        self.process = process

    async def __aenter__(self) -> Self:
        self.base_url = httpx.URL(f"{await self.process.address()}/api/v1")
        await super().__aenter__()
        return self


async def create(http: httpx.AsyncClient, key: str, **spec: object) -> httpx.Response:
    return await http.post("/jobs", json={"spec": {"kind": "k", **spec}}, headers={"Idempotency-Key": key})


async def read(
    http: httpx.AsyncClient, path: str, *, after: str | None, most: int | None = None
) -> list[ServerSentEvent]:
    """The stored events of a stream, up to so many or to its end."""
    found: list[ServerSentEvent] = []
    headers = {"Last-Event-ID": after} if after is not None else {}
    async with aconnect_sse(http, "GET", path, headers=headers) as source:
        if source.response.status_code == 204:
            return found
        async for event in source.aiter_sse():
            if event.event not in CONTROL:
                found.append(event)
            if len(found) == most:
                break
    return found


async def test_fifty_posts_of_one_key_over_two_instances_make_one_job(
    instances: list[httpx.AsyncClient], conn: Connection
) -> None:
    answers = await asyncio.gather(*(create(instances[n % 2], "one", args={"n": 1}) for n in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [202]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await conn.fetchval("select count(*) from jobstream.jobs") == 1
    other = await create(instances[0], "one", args={"n": 2})
    assert (other.status_code, other.json()["type"]) == (422, "urn:jobstream:problem:key-reused")


async def test_many_keys_at_once_each_make_their_job(
    instances: list[httpx.AsyncClient], conn: Connection
) -> None:
    keys = [f"k{n}" for n in range(25)] * 4
    random.shuffle(keys)
    answers = await asyncio.gather(*(create(instances[n % 2], key) for n, key in enumerate(keys)))
    assert sorted(answer.status_code for answer in answers) == [200] * 75 + [202] * 25
    assert await conn.fetchval("select count(*) from jobstream.jobs") == 25


async def test_a_jobs_stream_cut_anywhere_goes_on_at_the_other_instance(
    instances: list[httpx.AsyncClient], conn: Connection
) -> None:
    id = (await create(instances[0], "one")).json()["id"]
    attempt = await conn.fetchval("select attempt from jobstream.claim(array['default'])")

    async def work() -> None:
        for n in range(120):
            await conn.execute("select jobstream.report_progress($1, $2, $3, 120)", id, attempt, n)
        await conn.execute("select jobstream.complete($1, $2)", id, attempt)

    async def follow() -> list[ServerSentEvent]:
        found: list[ServerSentEvent] = []
        turn = 0
        while not found or '"done"' not in found[-1].data:
            after = found[-1].id if found else None
            found += await read(
                instances[turn % 2], f"/jobs/{id}/events", after=after, most=random.randint(1, 20)
            )
            turn += 1
        return found

    async with asyncio.TaskGroup() as tasks:
        following = [tasks.create_task(follow()) for _ in range(5)]
        tasks.create_task(work())
    stored = [
        str(row["id"])
        for row in await conn.fetch("select id from jobstream.job_events where job_id = $1 order by id", id)
    ]
    assert len(stored) == 123
    for task in following:
        assert [event.id for event in task.result()] == stored
    end = await instances[0].get(f"/jobs/{id}/events", headers={"Last-Event-ID": stored[-1]})
    assert end.status_code == 204


async def test_the_stream_of_everything_cut_anywhere_goes_on_at_the_other_instance(
    instances: list[httpx.AsyncClient], conn: Connection
) -> None:
    count = 200
    start_at = await instances[0].get("/events", headers={"Accept": "application/json"})

    async def write(part: int) -> None:
        for n in range(part, count, 4):
            await create(instances[n % 2], f"key {n}".replace(" ", "-"))

    async def follow() -> list[ServerSentEvent]:
        found: list[ServerSentEvent] = []
        after = start_at.json()["next_cursor"]
        while len(found) < count:
            more = await read(
                random.choice(instances),
                "/events",
                after=after,
                most=min(random.randint(1, 30), count - len(found)),
            )
            found += more
            after = more[-1].id
        return found

    async with asyncio.TaskGroup() as tasks:
        following = [tasks.create_task(follow()) for _ in range(6)]
        for part in range(4):
            tasks.create_task(write(part))
    stored = {row["id"] for row in await conn.fetch("select id from jobstream.job_events")}
    for task in following:
        told = [event.json()["id"] for event in task.result()]
        assert len(told) == len(set(told))
        assert set(told) == stored


async def test_sigterm_lets_streams_end_and_the_process_go(database_url: str, conn: Connection) -> None:
    async with AsyncExitStack() as stack:
        process = start(stack, database_url)
        http = await stack.enter_async_context(client(process))
        id = (await create(http, "one")).json()["id"]
        streams = [
            await stack.enter_async_context(aconnect_sse(http, "GET", f"/jobs/{id}/events"))
            for _ in range(10)
        ]
        reading = [stream.aiter_sse() for stream in streams]
        for each in reading:
            assert (await anext(each)).event == "hello"

        async def rest(each: AsyncIterator[ServerSentEvent]) -> list[str]:
            return [event.event async for event in each]

        async with asyncio.TaskGroup() as tasks:
            ending = [tasks.create_task(rest(each)) for each in reading]
            stopping = tasks.create_task(process.stop())
        assert [task.result() for task in ending] == [["status"]] * 10
        assert stopping.result() == 0


async def test_a_process_without_streams_goes_at_once(database_url: str) -> None:
    async with AsyncExitStack() as stack:
        process = start(stack, database_url, JOBSTREAM_DRAIN_SECONDS="60")
        http = await stack.enter_async_context(client(process))
        assert (await http.get("/jobs")).status_code == 200
        assert await process.stop() == 0


async def test_a_second_signal_ends_it_at_once(database_url: str) -> None:
    async with AsyncExitStack() as stack:
        process = start(stack, database_url, JOBSTREAM_DRAIN_SECONDS="60")
        http = await stack.enter_async_context(client(process))
        id = (await create(http, "one")).json()["id"]
        stream = await stack.enter_async_context(aconnect_sse(http, "GET", f"/jobs/{id}/events"))
        assert (await anext(stream.aiter_sse())).event == "hello"
        process.signal(15)

        async def draining() -> bool:
            return (await http.get(str(http.base_url.copy_with(path="/readyz")))).status_code == 503

        await eventually(draining)
        await process.stop()
