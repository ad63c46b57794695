"""The server's clock is set back: nothing that was noted for a moment ahead waits until the clock is there again."""

import pytest

from tests.support import Connect, Connection
from tests.support.clock import Clock
from tests.support.sql import call, claimed, counts, ended, enqueue, fill, maintain, running

HOUR = 3600.0


async def test_empty_bucket_fills_again(conn: Connection, clock: Clock) -> None:
    await call(conn, "set_queue", "default", rate_count=2, rate_seconds=10)
    await fill(conn, 4)
    assert len(await claimed(conn)) == 2
    await clock.advance(-HOUR)
    assert await claimed(conn) == []
    await clock.advance(10)
    assert len(await claimed(conn)) == 2


async def test_what_was_locked_is_looked_at_again(conn: Connection, connect: Connect, clock: Clock) -> None:
    upstream, holder = await running(conn, queue="other"), await connect()
    async with holder.transaction():
        await holder.execute("select from jobstream.jobs where id = $1 for update", upstream)
        follower = await enqueue(conn, await_jobs=[upstream])
        assert await maintain(conn) is not None  # in a second, as somebody holds the upstream
        await call(holder, "complete", upstream, 1)
    await clock.advance(-HOUR)
    assert await claimed(conn) == [follower]


async def test_left_concurrency_key_is_passed_on(conn: Connection, connect: Connect, clock: Clock) -> None:
    holder = await connect()
    first, second = await fill(conn, 2, concurrency_key="c")
    assert await claimed(conn) == [first]
    async with holder.transaction():
        await holder.execute("select jobstream.admit_jobs('default', 'c')")
        await call(conn, "complete", first, 1)
        await maintain(conn)
    await clock.advance(-HOUR)
    assert await claimed(conn) == [second]


@pytest.mark.parametrize("seconds", [-HOUR, HOUR, -86_400.0, 86_400.0])
async def test_jump_between_any_two_verbs_leaves_nothing_behind(
    conn: Connection, clock: Clock, seconds: float
) -> None:
    await ended(conn)
    await fill(conn, 3, concurrency_key="c")
    [held] = await claimed(conn)
    await clock.advance(seconds)
    await conn.execute("select jobstream.heartbeat(array[$1], array[1])", held)
    await maintain(conn)
    assert await call(conn, "complete", held, 1) == "done"
    for _ in range(2):
        [held] = await claimed(conn)
        await call(conn, "complete", held, 1)
    await maintain(conn)
    assert await counts(conn) == {"done": 4}
