"""Events whose day was dropped: who was behind them is told, who was not notices nothing."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.streams.reading import FORGETFUL, heard, heard_after, position, said, serving, stored, told, types
from tests.streams.wire import Block
from tests.support import Connection, eventually
from tests.support.clock import Clock
from tests.support.sql import call, claim, enqueue

pytestmark = pytest.mark.timeout(90)


async def a_day_ago(conn: Connection, clock: Clock) -> str:
    """Go back to yesterday, shortly before midnight; the name of its partition."""
    yesterday = datetime.now(UTC).replace(hour=23, minute=55) - timedelta(days=1)
    assert await call(conn, "create_event_day", yesterday.date())
    await clock.set(yesterday)
    return f"job_events_{yesterday:%Y%m%d}"


async def nothing_older_runs(conn: Connection) -> bool:
    """Whether a cursor made from now on has passed all events: what runs, in any database, might have written more."""
    return bool(
        await conn.fetchval(
            "select pg_snapshot_xmin(pg_current_snapshot()) > max(e.xid::text::numeric)::text::xid8"
            " from jobstream.job_events as e"
        )
    )


async def test_a_dropped_day_resets_who_was_behind_it_and_nobody_else(
    database_url: str, conn: Connection, clock: Clock
) -> None:
    day = await a_day_ago(conn, clock)
    # What was pruned a moment ago would be in another's memory yet.
    async with serving(database_url, command=FORGETFUL) as address:
        job = await enqueue(conn, queue="a")
        behind = position(await told(address, "/events?from=earliest", until=heard("status")))
        of_job = position(await told(address, f"/jobs/{job}/events", until=heard("status")))
        [leased] = await claim(conn, 1, "a", lease=timedelta(hours=1))
        await eventually(lambda: nothing_older_runs(conn))
        level = position(
            await told(address, "/events", last_id=behind, until=heard_after("status", heartbeats=3))
        )
        await clock.advance(600)
        await call(conn, "report_progress", job, leased["attempt"], 1, 2)
        today = await conn.fetchval("select max(id) from jobstream.job_events")

        assert await call(conn, "drop_event_day", day)
        for cursor, reason in ((behind, "pruned"), (of_job, "pruned")):
            path = "/events" if cursor is behind else f"/jobs/{job}/events"
            found = await told(address, path, last_id=cursor, until=heard("reset"))
            assert found[-1].data == {"reason": reason}
        found = await told(address, "/events", last_id=level, until=heard("progress"))
        assert (said(found), stored(found)) == (["hello", "progress"], [today])
        found = await told(address, "/events?from=earliest", until=heard("progress"))
        assert (said(found), stored(found)) == (["hello", "progress"], [today])

        # A job's stream from its beginning: told that it is gone, then where the job stands, then what follows.
        found = await told(address, f"/jobs/{job}/events", until=heard("status"))
        assert said(found) == ["hello", "reset", "status"]
        assert found[-1].data["status"] == "running"
        await call(conn, "complete", job, leased["attempt"])
        found = await told(address, f"/jobs/{job}/events", last_id=position(found), until=heard("end"))
        assert [block.data["status"] for block in found if block.type == "status"] == ["done"]


async def test_an_open_stream_notices_nothing_of_a_dropped_day(
    database_url: str, conn: Connection, clock: Clock
) -> None:
    day = await a_day_ago(conn, clock)
    seen: list[Block] = []
    async with serving(database_url) as address, asyncio.TaskGroup() as group:
        await enqueue(conn)
        group.create_task(told(address, "/events?from=earliest", until=heard("log"), found=seen))
        await eventually(lambda: "status" in types(seen))
        await clock.advance(600)
        assert await call(conn, "drop_event_day", day)
        [leased] = await claim(conn, lease=timedelta(hours=1))
        await call(conn, "log", leased["id"], leased["attempt"], "after it")
    assert said(seen) == ["hello", "status", "status", "log"]
