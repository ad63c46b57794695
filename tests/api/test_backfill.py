"""Who comes back: from the ring without a look at the table, from the table a few at a time, and not at all if too many."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from jobstream import JobStream
from jobstream.api.metrics import Metrics
from jobstream.api.streams.backfill import Backfills
from jobstream.api.streams.places import Overloaded, Places
from jobstream.hub import Hub
from jobstream.store.events import EVERY_EVENT
from tests.api.conftest import Serve
from tests.api.support import Api, Told, problem
from tests.api.test_metrics import samples
from tests.support import eventually

EARLIEST = {"from": "earliest"}
CONTROL = ("hello", "heartbeat", "reset", "end")


async def stored(api: Api, path: str, *, count: int, **options: Any) -> list[Told]:
    """The first so many stored events of a stream."""
    async with asyncio.timeout(30), api.stream(path, **options) as events:
        found: list[Told] = []
        while len(found) < count:
            if (event := await anext(events)).type not in CONTROL:
                found.append(event)
    return found


def forget(api: Api) -> None:
    """As if everything was long ago."""
    api.services.hub.ring.clear(api.services.hub.position)


async def test_a_short_absence_is_made_up_for_from_the_ring(api: Api) -> None:
    backfills = api.services.backfills
    async with api.stream("/events") as watching:
        hello = await watching.until("hello")
        made = [await api.create(f"k{n}") for n in range(5)]
        await watching.until("status", job_id=made[-1])
        from_table = backfills.from_table
        told = await stored(api, "/events", count=5, last_event_id=hello.id)
        again = await stored(api, "/events", count=1, last_event_id=told[0].id, kind="k3")
        # Who watches may have fallen back to the ring too.
        assert backfills.from_table == from_table
        assert backfills.from_ring >= 2
        forget(api)
        by_table = await stored(api, "/events", count=5, last_event_id=hello.id)
        assert backfills.from_table > from_table
    assert [each.data["job_id"] for each in told] == made
    assert [each.data["job_id"] for each in again] == [made[3]]
    assert [each.data for each in by_table] == [each.data for each in told]


async def test_a_token_from_the_ring_is_as_good_as_any(api: Api) -> None:
    async with api.stream("/events") as watching:
        hello = await watching.until("hello")
        made = [await api.create(f"k{n}") for n in range(5)]
        await watching.until("status", job_id=made[-1])
        told = await stored(api, "/events", count=5, last_event_id=hello.id)
        forget(api)
        for cut in range(4):
            rest = await stored(api, "/events", count=4 - cut, last_event_id=told[cut].id)
            assert [each.data for each in rest] == [each.data for each in told[cut + 1 :]]


async def test_a_jobs_client_that_comes_back_is_served_from_the_ring(api: Api) -> None:
    id = await api.create()
    lease = await api.claim(queues=["default"])
    async with api.stream("/events") as watching:
        await watching.until("hello")
        for n in range(3):
            await api.verb(lease, "progress", current=n, total=3)
        first = await watching.until("progress", data={**_progress(0)})
        await api.verb(lease, "complete", result=1)
        await watching.until("status", status="done")
        from_table = api.services.backfills.from_table
        path = f"/jobs/{id}/events"
        told = await api.all_of(path, last_event_id=str(first.data["id"]))
        assert api.services.backfills.from_table == from_table
        forget(api)
        by_table = await api.all_of(path, last_event_id=str(first.data["id"]))
        assert api.services.backfills.from_table > from_table
    assert [each.type for each in told] == ["hello", "progress", "progress", "status", "end"]
    assert told == by_table


def _progress(current: int) -> dict[str, Any]:
    return {
        "current": current,
        "total": 3,
        "percent": round(100 * current / 3, 1),
        "step": None,
        "eta_secs": None,
    }


async def test_a_pipelines_stream_goes_along_with_the_hub(api: Api) -> None:
    steps = [{"key": "a", "spec": {"kind": "a"}}, {"key": "b", "spec": {"kind": "b"}, "after": ["a"]}]
    answer = await api.post(
        "/pipelines", {"name": "p", "steps": steps}, headers={"Idempotency-Key": "pipeline"}
    )
    made = answer.json()
    path = f"/pipelines/{made['id']}/events"
    async with api.stream(path) as events:
        await events.until("status", job_id=made["jobs"]["b"], status="waiting")
        await eventually(lambda: not api.services.backfills.open)
        from_table = api.services.backfills.from_table
        for _ in range(2):
            lease = await api.claim(queues=["default"], wait=10)
            await api.verb(lease, "complete", result=1)
        told = await events.closed()
        assert api.services.backfills.from_table == from_table
    assert told[-1].type == "end"
    assert told[-1].data == {"reason": "done"}
    everything = await api.all_of(path)
    assert [each.data for each in everything] == [each.data for each in events.seen]
    for place, event in enumerate(everything[1:-2], 1):
        rest = await api.all_of(path, last_event_id=event.id)
        assert [each.data for each in rest[1:]] == [each.data for each in everything[place + 1 :]]
    assert (await api.get(path, headers={"Last-Event-ID": told[-1].id})).status_code == 204


async def test_a_process_that_is_full_says_come_back_later_and_takes_who_comes_then(api: Api) -> None:
    api.services.places = Places(most=2, each=2)
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(api.stream("/events")) for _ in range(2)]
        for stream in streams:
            await stream.until("hello")
        told = await api.all_of("/events")
        assert [each.type for each in told] == ["overloaded"]
        assert told[0].data["retry_ms"] > 0
        polled = await api.get("/events?wait=5", headers={"Accept": "application/json"})
        assert problem(polled) == (429, "rate-limited")
        assert polled.headers["retry-after"] == "5"
        at_once = await api.get("/events", headers={"Accept": "application/json"})
        assert at_once.status_code == 200
        found = samples(await Metrics().text(api.services))
        assert found["jobstream_streams_refused_total",] == 2
        assert found["jobstream_streams_limit",] == 2
    await eventually(lambda: len(api.services.places) == 0)
    async with api.stream("/events") as stream:
        await stream.until("hello")


async def test_who_waits_for_a_result_is_counted_too_and_the_client_comes_back(api: Api) -> None:
    full = api.services.places = Places(most=0, each=0)
    id = await api.create()
    assert problem(await api.get(f"/jobs/{id}/result?wait=5")) == (429, "rate-limited")
    async with JobStream().connect(api.address) as client, asyncio.TaskGroup() as tasks:
        result = tasks.create_task(client.handle(id).result(timeout=10))
        await eventually(lambda: full.refused > 1)
        api.services.places = Places(most=1, each=1)
        await api.verb(await api.claim(), "complete", result=7)
    assert result.result() == 7


async def test_one_principal_does_not_take_all_places(serve: Serve) -> None:
    api = await serve(auth="token")
    api.services.places = Places(most=3, each=1)
    tokens = [await api.services.tokens.create(name, ["read"]) for name in ("alice", "bob")]
    alice, bob = map(api.as_, tokens)
    async with alice.stream("/events") as stream:
        await stream.until("hello")
        assert [each.type for each in await alice.all_of("/events")] == ["overloaded"]
        async with bob.stream("/events") as other:
            await other.until("hello")


async def test_the_table_is_read_by_a_few_at_a_time_and_nobody_waits_for_ever(api: Api) -> None:
    services = api.services
    async with api.stream("/events") as events:
        await events.until("hello")
        await eventually(lambda: services.hub.position)
        assert services.hub.position is not None
        begin = await services.events.start_earliest()
        goal = services.hub.position
        backfills = Backfills(events=services.events, hub=Hub(dimensions=()), at_once=1, patience=0.05)
        async with backfills.turn():
            with pytest.raises(Overloaded):
                await backfills.step(begin, goal=goal, filter=EVERY_EVENT)
            with pytest.raises(Overloaded):
                await backfills.job_page("0" * 26, after=0)
        assert (backfills.waiting, backfills.reading) == (0, 0)
        await backfills.step(begin, goal=goal, filter=EVERY_EVENT)


async def test_a_stream_that_waited_for_too_long_says_come_back_later(api: Api) -> None:
    id = await api.create()
    services = api.services
    async with api.stream("/events") as events:
        await events.until("hello")
        services.backfills._patience = 0.05
        async with AsyncExitStack() as stack:
            while not services.backfills._reads.locked():
                await stack.enter_async_context(services.backfills.turn())
            for path in ("/events", f"/jobs/{id}/events"):
                assert [each.type for each in await api.all_of(path)] == ["overloaded"]
                answer = await api.get(path, headers={"Accept": "application/json"})
                assert problem(answer) == (429, "rate-limited")
        assert len(await stored(api, "/events", count=1, **EARLIEST)) == 1


def test_the_more_catch_up_the_less_each_holds() -> None:
    backfills = Backfills(events=None, hub=Hub(dimensions=()), at_once=1)  # type: ignore[arg-type]
    alone = backfills._bytes
    backfills.open = 1_000
    assert backfills._bytes < alone
    assert backfills._bytes * 1_000 <= 64 * 1024 * 1024
    backfills.open = 100_000
    assert backfills._bytes >= 16 * 1024
