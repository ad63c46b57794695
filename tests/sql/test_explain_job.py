"""explain_job(): one line why a job is not running now."""

from datetime import timedelta

import pytest

from tests.support import Connection
from tests.support.clock import Clock
from tests.support.sql import call, claim, claimed, ended, enqueue, fill, maintain, refused, running

HOUR = timedelta(hours=1)


async def explain(conn: Connection, job_id: str) -> str:
    """Return the line."""
    line: str = await call(conn, "explain_job", job_id)
    assert line
    assert "\n" not in line
    return line


async def worker(conn: Connection, kinds: str = "{work}") -> None:
    """Register a live worker of the default queue."""
    await conn.execute(
        "select jobstream.register_worker('w9', 'host', 7, '1', '{default}', $1::text::text[], 4)", kinds
    )


async def test_paused_queue(conn: Connection) -> None:
    async with conn.transaction():
        await conn.execute("select set_config('jobstream.principal', 'ann', true)")
        await call(conn, "pause_queue", "default")
    assert (await explain(conn, await enqueue(conn))).startswith("queue default is paused by ann since ")


async def test_full_queue(conn: Connection) -> None:
    await call(conn, "set_queue", "default", max_running=1)
    await running(conn)
    assert await explain(conn, await enqueue(conn)) == "queue default runs 1 of at most 1 jobs"


async def test_empty_bucket(conn: Connection) -> None:
    await call(conn, "set_queue", "default", rate_count=1, rate_seconds=60)
    await running(conn)
    assert await explain(conn, await enqueue(conn)) == "queue default is out of tokens: 1 claims in 60 s"


async def test_key_held_by_another_job(conn: Connection) -> None:
    holder, other = await fill(conn, 2, concurrency_key="c")
    assert await claimed(conn) == [holder]
    assert await explain(conn, other) == f"concurrency key c is held by {holder} (running)"


async def test_upstreams_that_have_not_ended(conn: Connection) -> None:
    ids = await fill(conn, 5)
    follower = await enqueue(conn, await_jobs=ids)
    await maintain(conn)
    shown = ", ".join(f"{one} (pending)" for one in ids[:3])
    assert await explain(conn, follower) == f"waits for 5 job(s): {shown}"


async def test_time_to_come(conn: Connection) -> None:
    assert (await explain(conn, await enqueue(conn, delay=HOUR))).startswith("due at 20")
    assert (await explain(conn, await ended(conn, "failed"))).startswith(
        "failed 1 time(s), next attempt due at 20"
    )


async def test_nobody_listens_or_nobody_can(conn: Connection) -> None:
    job_id = await enqueue(conn)
    assert (await explain(conn, job_id)).startswith("no registered worker listens to queue default")
    await worker(conn, "{other}")
    nobody_can = "no live worker of queue default has a handler for kind work"
    assert await explain(conn, job_id) == nobody_can
    await claim(conn)
    await call(conn, "release", job_id, 1, HOUR)
    told = await explain(conn, job_id)
    assert told.startswith("due at 20")
    assert told.endswith(nobody_can)


async def test_place_in_the_queue(conn: Connection) -> None:
    await worker(conn)
    ids = await fill(conn, 4)
    assert await explain(conn, ids[3]) == "3 job(s) of queue default are ahead of it"
    assert (await explain(conn, ids[0])).startswith("next in its queue")


async def test_running_job_says_by_whom_and_until_when(conn: Connection, clock: Clock) -> None:
    job_id = await running(conn)
    assert (await explain(conn, job_id)).startswith("running: attempt 1 on w1, lease until 20")
    await call(conn, "cancel", job_id, force=True)
    assert (await explain(conn, job_id)).endswith("asked to stop")
    other = await running(conn)
    await clock.advance(31)
    assert "expired" in await explain(conn, other)


@pytest.mark.parametrize(
    ("status", "words"),
    [("done", "done since"), ("dlq", "reason not_retryable, boom"), ("cancelled", "reason requested")],
)
async def test_ended_job_says_how(conn: Connection, status: str, words: str) -> None:
    assert words in await explain(conn, await ended(conn, status))


async def test_passed_deadline_and_jobs_not_looked_at(conn: Connection, clock: Clock) -> None:
    late = await enqueue(conn, deadline=await clock.now() + timedelta(seconds=1))
    fresh = await enqueue(conn, concurrency_key="c")
    assert "looked at by the next" in await explain(conn, fresh)
    await clock.advance(2)
    assert "deadline has passed" in await explain(conn, late)
    assert await claim(conn, 1, "nothing") == []


async def test_unknown_job_is_not_found(conn: Connection) -> None:
    with refused("JS404"):
        await call(conn, "explain_job", "x")
