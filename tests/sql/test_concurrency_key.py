"""Concurrency keys: at most key_limit at once, in order of priority, then id; backoff holds nothing."""

import asyncio
from datetime import timedelta

import pytest

from tests.support import Connect, Connection
from tests.support.clock import Clock
from tests.support.sql import (
    call,
    claim,
    claimed,
    counts,
    enqueue,
    enqueue_many,
    fill,
    history,
    job,
    maintain,
    status_of,
)


async def drain(conn: Connection) -> list[str]:
    """Claim one at a time and complete, until nothing comes: the ids in order."""
    order = []
    while rows := await claim(conn, 5):
        assert len(rows) == 1
        order.append(rows[0]["id"])
        await call(conn, "complete", rows[0]["id"], rows[0]["attempt"])
    return order


async def test_one_at_a_time_in_the_order_of_ids(conn: Connection) -> None:
    ids = await fill(conn, 6, concurrency_key="c")
    assert await drain(conn) == ids


async def test_smaller_priority_goes_first(conn: Connection) -> None:
    rows = await enqueue_many(
        conn, [{"kind": "a", "concurrency_key": "c", "priority": priority} for priority in (3, 1, 2, 1)]
    )
    ids = [row["id"] for row in rows]
    assert await drain(conn) == [ids[1], ids[3], ids[2], ids[0]]


async def test_one_that_comes_first_takes_the_place_of_one_that_nobody_has_claimed(conn: Connection) -> None:
    late = await enqueue(conn, concurrency_key="c")
    await maintain(conn)
    assert await status_of(conn, late) == "pending"
    first = await enqueue(conn, concurrency_key="c", priority=-1)
    assert await claimed(conn) == [first]
    assert (await job(conn, late))["hold"] == "key"
    assert await history(conn, late) == ["waiting", "pending", "waiting"]
    await call(conn, "complete", first, 1)
    assert await claimed(conn) == [late]


async def test_one_that_runs_is_never_displaced(conn: Connection) -> None:
    running = await enqueue(conn, concurrency_key="c")
    assert await claimed(conn) == [running]
    await enqueue(conn, concurrency_key="c", priority=-1)
    await maintain(conn)
    assert await claimed(conn) == []
    assert await status_of(conn, running) == "running"


async def test_order_holds_over_more_jobs_than_one_claim_looks_at(conn: Connection) -> None:
    await fill(conn, 500, concurrency_key="c")
    first = await enqueue(conn, concurrency_key="c", priority=-1)
    assert await claimed(conn) == [first]


async def test_other_keys_and_other_queues_do_not_matter(conn: Connection) -> None:
    a, b = await enqueue(conn, concurrency_key="a"), await enqueue(conn, concurrency_key="b")
    c = await enqueue(conn, concurrency_key="a", queue="other")
    assert await claimed(conn, 10, "default", "other") == [a, b, c]


async def test_limit_of_the_queue_counts(conn: Connection) -> None:
    await call(conn, "set_queue", "default", key_limit=3)
    ids = await fill(conn, 5, concurrency_key="c")
    assert await claimed(conn) == ids[:3]
    await call(conn, "complete", ids[1], 1)
    assert await claimed(conn) == [ids[3]]


async def test_raised_limit_lets_more_through(conn: Connection) -> None:
    ids = await fill(conn, 5, concurrency_key="c")
    assert await claimed(conn) == ids[:1]
    await call(conn, "set_queue", "default", key_limit=3)
    assert await claimed(conn) == ids[1:3]


async def test_lowered_limit_takes_pending_ones_back(conn: Connection) -> None:
    await call(conn, "set_queue", "default", key_limit=4)
    ids = await fill(conn, 5, concurrency_key="c")
    await maintain(conn)
    assert await claimed(conn, 1) == ids[:1]
    await call(conn, "set_queue", "default", key_limit=2)
    assert await claimed(conn) == [ids[1]]
    assert await counts(conn) == {"running": 2, "waiting": 3}


async def test_backoff_holds_nothing(conn: Connection, clock: Clock) -> None:
    one, two, three = await fill(conn, 3, concurrency_key="c")
    await claim(conn)
    assert await call(conn, "fail", one, 1, '"boom"') == "failed"
    assert await claimed(conn) == [two]
    await clock.advance(6)
    await maintain(conn)
    assert (await status_of(conn, one), (await job(conn, one))["hold"]) == ("failed", "key")
    await call(conn, "complete", two, 1)
    assert await claimed(conn) == [one]
    await call(conn, "complete", one, 2)
    assert await claimed(conn) == [three]


@pytest.mark.parametrize(
    "end",
    [
        "select jobstream.complete($1, 1)",
        "select jobstream.fail($1, 1, '\"boom\"', retryable => false)",
        "select jobstream.release($1, 1, '1 hour')",
        "update jobstream.jobs set status = 'cancelled' where id = $1",
        "update jobstream.jobs set status = 'done' where id = $1",
        "select jobstream.reject_result($1, 1, 'too long')",
        "select jobstream.complete_many(array[$1], array[1])",
    ],
)
async def test_whatever_ends_an_attempt_passes_the_key_on(conn: Connection, end: str) -> None:
    one, two = await fill(conn, 2, concurrency_key="c")
    await claim(conn)
    await maintain(conn)
    await conn.execute(end, one)
    assert await status_of(conn, two) == "pending"


@pytest.mark.parametrize(
    "leave",
    [
        "select jobstream.cancel($1)",
        "select jobstream.reschedule($1, jobstream.clock() + interval '1 hour')",
        "update jobstream.jobs set status = 'cancelled' where id = $1",
        "update jobstream.jobs set scheduled_at = now() + interval '1 hour' where id = $1",
        "update jobstream.jobs set concurrency_key = null where id = $1",
        "update jobstream.jobs set concurrency_key = 'd' where id = $1",
        "update jobstream.jobs set queue = 'other' where id = $1",
    ],
)
async def test_whatever_takes_a_pending_job_away_passes_the_key_on(conn: Connection, leave: str) -> None:
    one, two = await fill(conn, 2, concurrency_key="c")
    await maintain(conn)
    assert await counts(conn) == {"pending": 1, "waiting": 1}
    await conn.execute(leave, one)
    await maintain(conn)
    assert await status_of(conn, two) == "pending"


async def test_key_that_a_running_job_leaves_is_free(conn: Connection) -> None:
    one, two = await fill(conn, 2, concurrency_key="c")
    await claim(conn)
    await conn.execute("update jobstream.jobs set concurrency_key = null where id = $1", one)
    assert await claimed(conn) == [two]


async def test_release_without_delay_keeps_the_turn(conn: Connection) -> None:
    one, _ = await fill(conn, 2, concurrency_key="c")
    await claim(conn)
    await call(conn, "release", one, 1)
    assert await claimed(conn) == [one]


async def test_retry_of_an_ended_job_waits_for_its_key(conn: Connection) -> None:
    one, two = await fill(conn, 2, concurrency_key="c")
    await claim(conn)
    await call(conn, "complete", one, 1)
    assert await claimed(conn) == [two]
    assert await call(conn, "retry", one) == "waiting"
    assert await claimed(conn) == []
    await call(conn, "complete", two, 1)
    assert await claimed(conn) == [one]


async def test_delayed_job_takes_no_place_before_its_time(conn: Connection, clock: Clock) -> None:
    late = await enqueue(conn, concurrency_key="c", delay=timedelta(minutes=1), priority=-1)
    now = await enqueue(conn, concurrency_key="c")
    assert await claimed(conn) == [now]
    await call(conn, "complete", now, 1)
    assert await claimed(conn) == []
    await clock.advance(61)
    await maintain(conn)
    assert await claimed(conn) == [late]


async def test_deadline_of_the_holder_passes_the_key_on(conn: Connection, clock: Clock) -> None:
    deadline = await clock.now() + timedelta(minutes=1)
    one = await enqueue(conn, concurrency_key="c", deadline=deadline)
    two = await enqueue(conn, concurrency_key="c")
    await maintain(conn)
    await clock.advance(61)
    await maintain(conn)
    assert (await status_of(conn, one), await status_of(conn, two)) == ("dlq", "pending")


async def test_key_at_work_elsewhere_is_looked_at_again(
    conn: Connection, connect: Connect, clock: Clock
) -> None:
    one, two = await fill(conn, 2, concurrency_key="c")
    await claim(conn)
    await maintain(conn)
    worker = await connect()
    async with worker.transaction():
        await call(worker, "release", one, 1, timedelta(hours=1))
        three = await enqueue(conn, concurrency_key="c", priority=-1)
        await maintain(conn)
        assert (await job(conn, three))["hold"] == "settling"
    await clock.advance(1)
    await maintain(conn)
    assert await claimed(conn) == [three]
    assert await status_of(conn, two) == "waiting"


async def test_two_completions_of_one_key_at_once_wait_for_nobody(
    conn: Connection, connect: Connect, clock: Clock
) -> None:
    await call(conn, "set_queue", "default", key_limit=2)
    ids = await fill(conn, 4, concurrency_key="c")
    assert await claimed(conn) == ids[:2]
    one, two = await connect(), await connect()
    async with one.transaction(), two.transaction():
        await call(one, "complete", ids[0], 1)
        await call(two, "complete", ids[1], 1)
    assert await claimed(conn) == ids[2:]


@pytest.mark.parametrize("limit", [1, 2])
async def test_never_more_than_the_limit_with_many_rivals(
    connect: Connect, conn: Connection, limit: int
) -> None:
    await call(conn, "set_queue", "default", key_limit=limit)
    await fill(conn, 60, concurrency_key="c")
    at_once, done = 0, 0

    async def work(session: Connection) -> None:
        nonlocal at_once, done
        while done < 60:
            rows = await claim(session, 3)
            at_once += len(rows)
            assert at_once <= limit
            for row in rows:
                at_once -= 1
                assert await call(session, "complete", row["id"], 1) == "done"
                done += 1

    sessions = [await connect() for _ in range(4)]
    await asyncio.gather(*(work(session) for session in sessions))
    assert await counts(conn) == {"done": 60}


async def test_ten_thousand_keys_in_one_update_need_no_more_locks_than_there_are(conn: Connection) -> None:
    jobs = [{"kind": "a", "concurrency_key": f"c{n}"} for n in range(10_000)]
    await enqueue_many(conn, jobs)
    await conn.execute("update jobstream.jobs set status = 'cancelled'")
    assert await counts(conn) == {"cancelled": 10_000}


async def test_key_with_room_for_thousands_is_filled_and_emptied_in_batches(conn: Connection) -> None:
    await fill(conn, 1_200, concurrency_key="c")
    await maintain(conn)
    await call(conn, "set_queue", "default", key_limit=2_000)
    await claim(conn)
    assert (await counts(conn))["waiting"] == 699
    await maintain(conn)
    assert await counts(conn) == {"running": 1, "pending": 1_199}
    await call(conn, "set_queue", "default", key_limit=3)
    await claim(conn, 0)
    assert (await counts(conn))["waiting"] == 500
    await maintain(conn)
    assert await counts(conn) == {"running": 1, "pending": 2, "waiting": 1_197}
    first = await conn.fetch("select id from jobstream.jobs where status <> 'waiting' order by id")
    assert first == await conn.fetch("select id from jobstream.jobs order by id limit 3")
