"""The registry of workers; workers whose lock is gone."""

from datetime import timedelta
from typing import Any

from tests.support import Connect, Connection, eventually
from tests.support.clock import Clock
from tests.support.sql import call, claim, claimed, job, maintain, running, status_of

LOCK_CLASS = 1785688947


async def register(conn: Connection, name: str = "w1", **other: Any) -> int:
    """Register a worker: the number of its lock."""
    number: int = await conn.fetchval(
        "select jobstream.register_worker($1, 'host', 7, '1', '{default}', '{work}', 4)", name
    )
    return number


async def attach(conn: Connection, name: str, number: int) -> None:
    """Hold the worker's lock on this session, and say so."""
    await conn.execute("select pg_advisory_lock($1, $2)", LOCK_CLASS, number)
    await call(conn, "attach_worker", name)


async def live(conn: Connection) -> list[str]:
    """Return the names of live workers."""
    return [row["id"] for row in await conn.fetch("select id from jobstream.live_workers")]


async def test_worker_lives_for_30_seconds_after_its_last_sign(conn: Connection, clock: Clock) -> None:
    await register(conn)
    assert await live(conn) == ["w1"]
    await clock.advance(29)
    assert await call(conn, "touch_worker", "w1", 3, 1.5, 1000) is True
    await clock.advance(29)
    assert await live(conn) == ["w1"]
    await clock.advance(2)
    assert await live(conn) == []


async def test_unknown_worker_is_told_to_register(conn: Connection) -> None:
    assert await call(conn, "touch_worker", "nobody", 0, 0.0, 0) is False


async def test_worker_keeps_its_number(conn: Connection) -> None:
    assert await register(conn) == await register(conn)
    assert await register(conn, "w2") != await register(conn)


async def test_removed_worker_is_gone(conn: Connection) -> None:
    await register(conn)
    await call(conn, "remove_worker", "w1")
    assert await live(conn) == []


async def test_jobs_of_a_worker_whose_session_died_are_rescued_after_three_seconds(
    conn: Connection, connect: Connect, clock: Clock
) -> None:
    session = await connect()
    await attach(session, "w1", await register(conn))
    mine, other = await running(conn), await running(conn, queue="other")
    await conn.execute("update jobstream.jobs set worker = 'w2' where id = $1", other)
    await maintain(conn)
    assert await status_of(conn, mine) == "running"
    await session.close()
    await eventually(lambda: lock_is_gone(conn))
    due = await maintain(conn)
    assert await status_of(conn, mine) == "running"
    assert due - await clock.now() <= timedelta(seconds=3)
    await clock.advance(3.1)
    await maintain(conn)
    row = await job(conn, mine)
    assert (row["status"], row["crashes"]) == ("pending", 1)
    assert "the worker is gone" in row["last_error"]
    assert await status_of(conn, other) == "running"
    assert await live(conn) == []


async def lock_is_gone(conn: Connection) -> bool:
    """Say whether nobody holds a worker's lock."""
    held = """
        select count(*) from pg_locks
        where locktype = 'advisory' and classid = $1 and objid >= 1000
            and database = (select oid from pg_database where datname = current_database())
    """
    return bool(await conn.fetchval(held, LOCK_CLASS) == 0)


async def test_lock_that_comes_back_in_time_forgives(
    conn: Connection, connect: Connect, clock: Clock
) -> None:
    session = await connect()
    number = await register(conn)
    await attach(session, "w1", number)
    job_id = await running(conn)
    await session.execute("select pg_advisory_unlock($1, $2)", LOCK_CLASS, number)
    await maintain(conn)
    await clock.advance(2)
    await attach(session, "w1", number)
    await maintain(conn)
    await clock.advance(4)
    await maintain(conn)
    assert await status_of(conn, job_id) == "running"


async def test_worker_that_withdrew_has_only_its_leases(
    conn: Connection, connect: Connect, clock: Clock
) -> None:
    session = await connect()
    await attach(session, "w1", await register(conn))
    job_id = await running(conn)
    await call(conn, "detach_worker", "w1")
    await session.close()
    await maintain(conn)
    await clock.advance(5)
    await maintain(conn)
    assert await status_of(conn, job_id) == "running"
    await clock.advance(26)
    await maintain(conn)
    assert await status_of(conn, job_id) == "pending"


async def test_worker_without_a_row_has_only_its_leases(conn: Connection, clock: Clock) -> None:
    job_id = await running(conn)
    await clock.advance(29)
    await maintain(conn)
    assert await status_of(conn, job_id) == "running"


async def test_lock_from_before_the_servers_start_says_nothing(conn: Connection, clock: Clock) -> None:
    number = await register(conn)
    await call(conn, "attach_worker", "w1")
    assert number >= 1000
    await conn.execute("update jobstream.workers set locked_at = pg_postmaster_start_time() - interval '1 s'")
    job_id = await running(conn)
    await maintain(conn)
    await clock.advance(5)
    await maintain(conn)
    assert await status_of(conn, job_id) == "running"


async def test_workers_not_seen_for_a_day_are_forgotten(conn: Connection, clock: Clock) -> None:
    await register(conn)
    await clock.advance(25 * 3600)
    await maintain(conn)
    assert await conn.fetchval("select count(*) from jobstream.workers") == 0
    assert await claimed(conn) == []
    assert await claim(conn) == []
