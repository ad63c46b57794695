"""release(): an attempt given back, unspent."""

from datetime import timedelta

import pytest

from tests.support import Connection
from tests.support.clock import Clock
from tests.support.sql import call, claim, claimed, history, job, maintain, refused, running, status_of


async def test_released_job_is_pending_and_nothing_is_held_against_it(conn: Connection) -> None:
    job_id = await running(conn)
    assert await call(conn, "release", job_id, 1) == "pending"
    row = await job(conn, job_id)
    assert (row["failures"], row["crashes"], row["attempt"], row["worker"]) == (0, 0, 1, None)
    [again] = await claim(conn)
    assert (again["id"], again["attempt"]) == (job_id, 2)


async def test_released_with_a_delay_it_waits(conn: Connection, clock: Clock) -> None:
    job_id = await running(conn)
    assert await call(conn, "release", job_id, 1, timedelta(seconds=10)) == "waiting"
    assert await claimed(conn) == []
    await clock.advance(11)
    await maintain(conn)
    assert await claimed(conn) == [job_id]
    assert await history(conn, job_id) == ["pending", "running", "waiting", "pending", "running"]


async def test_repetition_changes_nothing(conn: Connection) -> None:
    job_id = await running(conn)
    await call(conn, "release", job_id, 1)
    before = await job(conn, job_id)
    assert await call(conn, "release", job_id, 1) == "pending"
    assert await job(conn, job_id) == before


async def test_another_attempt_is_lost(conn: Connection) -> None:
    job_id = await running(conn)
    with refused("JS410"):
        await call(conn, "release", job_id, 2)


async def test_with_a_cancel_pending_a_release_ends_cancelled(conn: Connection) -> None:
    job_id = await running(conn)
    await call(conn, "cancel", job_id, force=True)
    assert await call(conn, "release", job_id, 1, timedelta(seconds=5)) == "cancelled"
    assert await status_of(conn, job_id) == "cancelled"


@pytest.mark.parametrize("delay", ["null", "interval '1000 years'"])
async def test_bad_delay_is_refused(conn: Connection, delay: str) -> None:
    job_id = await running(conn)
    with refused("JS400"):
        await conn.execute(f"select jobstream.release($1, 1, {delay})", job_id)


async def test_negative_delay_is_none(conn: Connection) -> None:
    job_id = await running(conn)
    assert await call(conn, "release", job_id, 1, timedelta(seconds=-5)) == "pending"
