"""Streams while more transactions are open than a token has room for: snapshots are kept, and tokens name them."""

from contextlib import AsyncExitStack

import pytest

from tests.api.conftest import Serve
from tests.api.support import Api
from tests.support import Connect, Connection

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def writers(connect: Connect, conn: Connection) -> list[Connection]:
    """120 transactions that have written and stay open; they end with their connections."""
    opened = [await connect() for _ in range(120)]
    for connection in opened:
        await connection.execute("begin; select pg_current_xact_id()")
    # A snapshot names the running transactions only below the last that ended.
    await conn.execute("select pg_current_xact_id()")
    return opened


async def test_a_lists_cursor_is_continued_where_nothing_happened_since(
    api: Api, conn: Connection, writers: list[Connection]
) -> None:
    await api.create("before")
    async with api.stream("/events") as first:
        await first.until("hello")
        await api.create("during")
        await first.until("status", kind="during")
        await conn.execute("select pg_current_xact_id()")
        token = (await api.get("/jobs")).headers["event-cursor"]
        assert ".n." in token
        async with api.stream("/events", last_event_id=token) as second:
            await second.until("hello")
            await api.create("after")
            await second.until("status", kind="after")
            assert [event.type for event in second.seen] == ["hello", "status"]


async def test_a_quiet_table_is_not_written_to(api: Api, conn: Connection, writers: list[Connection]) -> None:
    kept = "select count(*) from jobstream.stream_snapshots"
    async with AsyncExitStack() as stack:
        for _ in range(3):
            stream = await stack.enter_async_context(api.stream("/events"))
            await stream.until("hello")
        before = await conn.fetchval(kept)
        for _ in range(20):
            await conn.execute("select pg_current_xact_id()")
            await api.services.feed.refresh()
        assert await conn.fetchval(kept) == before


async def test_json_pages_go_on_from_page_to_page(
    api: Api, conn: Connection, writers: list[Connection]
) -> None:
    cursor = (await api.get("/jobs")).headers["event-cursor"]
    for _ in range(3):
        await conn.execute("select pg_current_xact_id()")
        page = (
            await api.get("/events", params={"after": cursor}, headers={"Accept": "application/json"})
        ).json()
        assert (page["items"], page["reset"]) == ([], None)
        cursor = page["next_cursor"]
    await api.create("late")
    page = (await api.get("/events", params={"after": cursor}, headers={"Accept": "application/json"})).json()
    assert [item["kind"] for item in page["items"]] == ["late"]


async def test_tokens_made_while_catching_up_from_memory_are_kept_too(
    api: Api, serve: Serve, conn: Connection, writers: list[Connection]
) -> None:
    """They are of the client's own batch, which no look of the hub's ever had, and any instance must know them."""
    async with api.stream("/events") as watching:
        await watching.until("hello")
        await api.create("before")
        await watching.until("status", kind="before")
        cursor = (await api.get("/jobs")).headers["event-cursor"]
        for kind in ("a", "b", "c"):
            await api.create(kind)
            await watching.until("status", kind=kind)
        before = api.services.backfills.from_ring
        async with api.stream("/events", last_event_id=cursor) as events:
            told = [await events.until("status", kind=kind) for kind in ("a", "b", "c")]
        assert api.services.backfills.from_ring > before
    assert all(".n." in event.id for event in told)
    other = await serve()
    for event, rest in zip(told, (["b", "c"], ["c"]), strict=False):
        async with other.stream("/events", last_event_id=event.id) as events:
            for kind in rest:
                await events.until("status", kind=kind)
            assert [each.type for each in events.seen] == ["hello"] + ["status"] * len(rest)
