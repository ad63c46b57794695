"""set_queue(), pause and resume, max_running, rate."""

import asyncio
from typing import Any

import pytest

from tests.support import Connect, Connection
from tests.support.clock import Clock
from tests.support.sql import call, claim, claimed, counts, enqueue, fill, refused, running, status_of


async def queue(conn: Connection, name: str = "default") -> dict[str, Any]:
    """Return a queue's row."""
    row = await conn.fetchrow("select * from jobstream.queues where name = $1", name)
    assert row is not None
    return dict(row)


async def test_paused_queue_accepts_jobs_and_hands_none_out(conn: Connection) -> None:
    await call(conn, "pause_queue", "default")
    job_id = await enqueue(conn)
    assert await status_of(conn, job_id) == "pending"
    assert await claimed(conn) == []
    await call(conn, "resume_queue", "default")
    assert await claimed(conn) == [job_id]


async def test_paused_queue_lets_running_jobs_finish_and_others_run(conn: Connection) -> None:
    job_id = await running(conn)
    await call(conn, "pause_queue", "default")
    other = await enqueue(conn, queue="other")
    assert await claimed(conn, 5, "default", "other") == [other]
    assert await call(conn, "complete", job_id, 1) == "done"


async def test_pause_is_signed_and_dated_once(conn: Connection) -> None:
    async with conn.transaction():
        await conn.execute("select set_config('jobstream.principal', 'ann', true)")
        await call(conn, "pause_queue", "q")
    first = await queue(conn, "q")
    assert (first["paused"], first["paused_by"]) == (True, "ann")
    await call(conn, "pause_queue", "q")
    assert await queue(conn, "q") == first
    await call(conn, "resume_queue", "q")
    row = await queue(conn, "q")
    assert (row["paused"], row["paused_by"], row["paused_at"]) == (False, None, None)


async def test_what_is_not_given_stays(conn: Connection) -> None:
    await call(
        conn, "set_queue", "q", max_running=3, key_limit=2, rate_count=5, rate_seconds=60, retention_days=1
    )
    await call(conn, "set_queue", "q", max_running=4)
    row = await queue(conn, "q")
    assert [row[name] for name in ("max_running", "key_limit", "rate_count", "rate_seconds", "retention_days")] == [
        4, 2, 5, 60, 1,
    ]  # fmt: skip
    await call(conn, "set_queue", "q", max_running=-1, rate_count=-1)
    row = await queue(conn, "q")
    assert (row["max_running"], row["rate_count"], row["rate_seconds"], row["key_limit"]) == (
        None,
        None,
        None,
        2,
    )


@pytest.mark.parametrize(
    "given",
    [
        {"key_limit": 0},
        {"retention_days": -1},
        {"retention_days": 36_501},
        {"rate_count": 5},
        {"rate_seconds": 5},
        {"rate_count": 0, "rate_seconds": 1},
        {"rate_count": 1, "rate_seconds": 0},
        {"rate_count": 1, "rate_seconds": -5},
    ],
)
async def test_bad_settings_are_refused(conn: Connection, given: dict[str, int]) -> None:
    with refused("JS400"):
        await call(conn, "set_queue", "q", **given)


@pytest.mark.parametrize("name", ["a b", "", None])
async def test_bad_name_is_refused(conn: Connection, name: str | None) -> None:
    with refused("JS400"):
        await call(conn, "set_queue", name, paused=True)


async def test_max_running_is_counted_over_all_workers(conn: Connection) -> None:
    await call(conn, "set_queue", "default", max_running=2)
    ids = await fill(conn, 4)
    assert await claimed(conn, 1, worker="a") == ids[:1]
    assert await claimed(conn, 5, worker="b") == ids[1:2]
    assert await claimed(conn, 5, worker="a") == []
    await call(conn, "complete", ids[0], 1)
    assert await claimed(conn, 5, worker="a") == ids[2:3]


async def test_max_running_of_nothing_hands_nothing_out(conn: Connection) -> None:
    await call(conn, "set_queue", "default", max_running=0)
    await fill(conn, 2)
    assert await claimed(conn) == []


async def test_full_queue_leaves_room_for_the_next_in_the_array(conn: Connection) -> None:
    await call(conn, "set_queue", "a", max_running=1)
    first, *_ = await fill(conn, 3, queue="a")
    other = await fill(conn, 3, queue="b")
    assert await claimed(conn, 3, "a", "b") == [first, *other[:2]]


async def test_max_running_is_exact_with_many_rivals(connect: Connect, conn: Connection) -> None:
    await call(conn, "set_queue", "default", max_running=3)
    await fill(conn, 60)
    at_once, done = 0, 0

    async def work(session: Connection) -> None:
        nonlocal at_once, done
        while done < 60:
            rows = await claim(session, 2)
            at_once += len(rows)
            assert at_once <= 3
            for row in rows:
                at_once -= 1
                await call(session, "complete", row["id"], 1)
                done += 1

    sessions = [await connect() for _ in range(5)]
    await asyncio.gather(*(work(session) for session in sessions))
    assert await counts(conn) == {"done": 60}


async def test_bucket_starts_full_and_fills_steadily(conn: Connection, clock: Clock) -> None:
    await call(conn, "set_queue", "default", rate_count=6, rate_seconds=60)
    ids = await fill(conn, 20)
    assert await claimed(conn, 20) == ids[:6]
    assert await claimed(conn, 20) == []
    await clock.advance(10)
    assert await claimed(conn, 20) == ids[6:7]
    await clock.advance(25)
    assert await claimed(conn, 20) == ids[7:9]
    await clock.advance(3600)
    assert await claimed(conn, 20) == ids[9:15]


async def test_claims_that_get_nothing_cost_no_token(conn: Connection, clock: Clock) -> None:
    await call(conn, "set_queue", "default", rate_count=2, rate_seconds=60)
    assert await claimed(conn) == []
    ids = await fill(conn, 3)
    assert await claimed(conn, 1) == ids[:1]
    assert await claimed(conn, 5) == ids[1:2]
    assert await claimed(conn, 5) == []


async def test_rate_is_exact_with_many_rivals(connect: Connect, conn: Connection) -> None:
    await call(conn, "set_queue", "default", rate_count=10, rate_seconds=3600)
    await fill(conn, 50)
    sessions = [await connect() for _ in range(5)]
    got = await asyncio.gather(*(claimed(session, 7) for session in sessions))
    assert sum(len(some) for some in got) == 10


async def test_slow_rate_of_less_than_one_a_second_comes_through(conn: Connection, clock: Clock) -> None:
    await call(conn, "set_queue", "default", rate_count=1, rate_seconds=60)
    ids = await fill(conn, 2)
    assert await claimed(conn, 5) == ids[:1]
    await clock.advance(59)
    assert await claimed(conn, 5) == []
    await clock.advance(1)
    assert await claimed(conn, 5) == ids[1:]


async def test_claim_from_a_limited_queue_wants_read_committed(conn: Connection) -> None:
    await call(conn, "set_queue", "default", max_running=1)
    with refused("JS400"):
        async with conn.transaction(isolation="repeatable_read"):
            await claim(conn)
