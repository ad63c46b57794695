import asyncio
from typing import Any

import pytest

from tests.api.conftest import Serve
from tests.api.support import Api, Events, Told
from tests.support import Connect, Connection, eventually


def ids(told: list[Told]) -> list[int]:
    return [each.data["id"] for each in told if each.type not in ("hello", "heartbeat", "reset")]


async def take(events: Events, count: int) -> list[Told]:
    """The next so many stored events."""
    found: list[Told] = []
    async with asyncio.timeout(30):
        async for event in events:
            if event.type not in ("hello", "heartbeat", "reset"):
                found.append(event)
            if len(found) == count:
                break
    return found


async def test_it_starts_now(api: Api) -> None:
    await api.create("before")
    async with api.stream("/events") as events:
        hello = await events.until("hello")
        assert hello.data == {}
        id = await api.create("after")
        [told] = await take(events, 1)
    assert told.data["job_id"] == id
    assert len(hello.id) <= 128
    assert len(told.id) <= 128


async def test_it_continues_from_any_of_its_ids(api: Api) -> None:
    async with api.stream("/events") as events:
        await events.until("hello")
        for n in range(5):
            await api.create(f"k{n}")
        told = await take(events, 5)
    for cut in range(4):
        async with api.stream("/events", last_event_id=told[cut].id) as events:
            assert ids(await take(events, 4 - cut)) == ids(told)[cut + 1 :]


async def test_it_continues_from_a_page_of_jobs(api: Api) -> None:
    await api.create("before")
    token = (await api.get("/jobs")).headers["event-cursor"]
    id = await api.create("after")
    async with api.stream("/events", last_event_id=token) as events:
        [told] = await take(events, 1)
    assert told.data["job_id"] == id


async def test_what_commits_late_comes_late_but_comes(api: Api, connect: Connect) -> None:
    """The event with the lower id commits after the one with the higher."""
    slow, quick = await connect(), await connect()
    async with api.stream("/events") as events:
        await events.until("hello")
        held = slow.transaction()
        await held.start()
        await slow.execute("select jobstream.enqueue('slow', owner => 'local')")
        await quick.execute("select jobstream.enqueue('quick', owner => 'local')")
        [first] = await take(events, 1)
        await held.commit()
        [second] = await take(events, 1)
    assert [first.data["kind"], second.data["kind"]] == ["quick", "slow"]
    assert first.data["id"] > second.data["id"]
    async with api.stream("/events", last_event_id=first.id) as events:
        assert (await take(events, 1))[0].data["kind"] == "slow"


async def test_what_was_running_when_a_client_left_is_there_when_it_comes_back(
    api: Api, connect: Connect
) -> None:
    slow, quick = await connect(), await connect()
    async with api.stream("/events") as events:
        await events.until("hello")
        held = slow.transaction()
        await held.start()
        await slow.execute("select jobstream.enqueue('slow', owner => 'local')")
        await quick.execute("select jobstream.enqueue('quick', owner => 'local')")
        [first] = await take(events, 1)
    await held.commit()
    await quick.execute("select jobstream.enqueue('last', owner => 'local')")
    async with api.stream("/events", last_event_id=first.id) as events:
        assert [each.data["kind"] for each in await take(events, 2)] == ["slow", "last"]


async def test_rolled_back_is_never_told(api: Api, conn: Connection) -> None:
    async with api.stream("/events") as events:
        await events.until("hello")
        held = conn.transaction()
        await held.start()
        await conn.execute("select jobstream.enqueue('never', owner => 'local')")
        await held.rollback()
        await api.create("real")
        assert [each.data["kind"] for each in await take(events, 1)] == ["real"]


@pytest.mark.parametrize(
    ("filter", "kinds"),
    [
        ({"kind": "a"}, ["a"]),
        ({"kind": ["a", "b"]}, ["a", "b"]),
        ({"queue": "x"}, ["b", "c"]),
        ({"queue": "x", "kind": ["a", "b"]}, ["b"]),
        ({"label": "t:1"}, ["a"]),
        ({"label": ["t:1", "t:2"]}, ["a", "c"]),
        ({"status": "waiting"}, ["c"]),
        ({"type": "status", "owner": "local"}, ["a", "b", "c"]),
    ],
)
async def test_a_filter_is_the_same_live_and_from_the_table(
    api: Api, filter: dict[str, Any], kinds: list[str]
) -> None:
    async with api.stream("/events", **filter) as events:
        start = await events.until("hello")
        await api.create("a", labels={"t": "1"})
        await api.create("b", queue="x")
        await api.make(
            {
                "spec": {"kind": "c", "queue": "x", "labels": {"t": "2"}},
                "scheduling": {"delay_seconds": 3600},
            }
        )
        live = await take(events, len(kinds))
    assert [each.data["kind"] for each in live] == kinds
    async with api.stream("/events", last_event_id=start.id, **filter) as events:
        assert ids(await take(events, len(kinds))) == ids(live)


async def test_a_filter_by_job(api: Api) -> None:
    id = await api.create()
    async with api.stream("/events", job_id=id, **{"from": "earliest"}) as events:
        await take(events, 1)
        await api.create()
        await api.post(f"/jobs/{id}/cancel")
        [told] = await take(events, 1)
    assert (told.data["job_id"], told.data["status"]) == (id, "cancelled")


async def test_from_earliest_and_since_begin_with_what_is_kept(api: Api) -> None:
    made = [await api.create() for _ in range(3)]
    for start in ({"from": "earliest"}, {"since": "0"}, {"since": "2001-01-01T00:00:00Z"}):
        async with api.stream("/events", **start) as events:
            assert [each.data["job_id"] for each in await take(events, 3)] == made


async def test_a_plain_id_continues_with_what_is_above(api: Api) -> None:
    async with api.stream("/events") as events:
        await events.until("hello")
        for _ in range(3):
            await api.create()
        told = await take(events, 3)
    async with api.stream("/events", last_event_id=str(told[0].data["id"])) as events:
        assert ids(await take(events, 2)) == ids(told)[1:]


@pytest.mark.parametrize("cursor", ["x", "g1.x", "-1", "g1.AAAAAAAA.AQ", "é", "x" * 500, "g2.a.b", "a b"])
async def test_a_cursor_that_is_none_of_ours_resets_and_goes_on(api: Api, cursor: str) -> None:
    async with api.stream("/events", last_event_id=cursor) as events:
        hello, reset = await anext(events), await anext(events)
        assert (hello.type, reset.type) == ("hello", "reset")
        await api.create("next")
        assert (await take(events, 1))[0].data["kind"] == "next"
    async with api.stream("/events", last_event_id=reset.id) as events:
        assert (await take(events, 1))[0].data["kind"] == "next"


async def test_a_cursor_of_the_future_resets(api: Api) -> None:
    """One that names transactions that have not begun here: forged, or of another database."""
    async with api.stream("/events") as events:
        hello = await events.until("hello")
    epoch = hello.id.split(".")[1]
    async with api.stream("/events", last_event_id=f"g1.{epoch}._____w8") as events:
        await anext(events)
        assert (await anext(events)).type == "reset"


async def test_heartbeats_move_a_quiet_clients_position_on(serve: Serve) -> None:
    api = await serve(heartbeat_seconds=0.1)
    async with api.stream("/events", kind="never") as events:
        hello = await events.until("hello")
        await api.create("other")

        async def moved() -> bool:
            return (await events.until("heartbeat")).id != hello.id

        await eventually(moved)
        position = events.seen[-1].id
    await api.create("never")
    async with api.stream("/events", last_event_id=position) as events:
        assert [each.data["kind"] for each in await take(events, 1)] == ["never"]


async def test_many_events_come_whole_and_in_order(api: Api, conn: Connection) -> None:
    async with api.stream("/events") as events:
        start = await events.until("hello")
        await conn.execute(
            """
            select jobstream.enqueue_many(jsonb_agg(jsonb_build_object('kind', 'k' || n, 'owner', 'local')))
            from generate_series(1, 3000) as n
            """
        )
        live = await take(events, 3000)
    assert ids(live) == sorted(ids(live))
    middle = live[1234]
    async with api.stream("/events", last_event_id=middle.id) as events:
        assert ids(await take(events, 3000 - 1235)) == ids(live)[1235:]
    async with api.stream("/events", last_event_id=start.id) as events:
        assert ids(await take(events, 3000)) == ids(live)


async def test_a_lost_listener_costs_no_event(api: Api, conn: Connection) -> None:
    async with api.stream("/events") as events:
        await events.until("hello")
        pid = api.services.listener.backend_pid
        await conn.execute("select pg_terminate_backend($1)", pid)
        made = [await api.create() for _ in range(5)]
        assert [each.data["job_id"] for each in await take(events, 5)] == made
    await eventually(lambda: api.services.listener.backend_pid not in (None, pid))


async def as_json(api: Api, **params: Any) -> dict[str, Any]:
    answer = await api.get("/events", headers={"Accept": "application/json"}, params=params)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_as_json_it_comes_in_pages_with_the_same_tokens(api: Api) -> None:
    cursor = (await as_json(api))["next_cursor"]
    made = [await api.create() for _ in range(5)]
    found: list[str] = []
    for _ in range(3):
        page = await as_json(api, after=cursor, limit=2)
        found += [each["job_id"] for each in page["items"]]
        cursor = page["next_cursor"]
    assert found == made
    await api.create("next")
    async with api.stream("/events", last_event_id=cursor) as events:
        assert (await take(events, 1))[0].data["kind"] == "next"


async def test_as_json_it_is_waited_for(api: Api) -> None:
    cursor = (await as_json(api))["next_cursor"]
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(as_json(api, after=cursor, wait=10, kind="a"))
        await api.create("b")
        await api.create("a")
    assert [each["kind"] for each in waiting.result()["items"]] == ["a"]


async def test_as_json_a_bad_cursor_resets(api: Api) -> None:
    page = await as_json(api, after="nonsense")
    assert (page["items"], page["reset"]) == ([], "unknown")
    assert (await as_json(api, after=page["next_cursor"]))["reset"] is None
