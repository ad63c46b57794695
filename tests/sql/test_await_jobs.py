"""await_jobs: held until upstreams end, cancelled with them, let through at once."""

from datetime import timedelta
from itertools import pairwise

import pytest

from tests.support import Connect, Connection
from tests.support.clock import Clock
from tests.support.sql import (
    call,
    claim,
    claimed,
    counts,
    data_of,
    ended,
    enqueue,
    enqueue_many,
    enqueue_row,
    events,
    fill,
    history,
    job,
    maintain,
    running,
    status_of,
)


async def awaits_left(conn: Connection) -> int:
    """Return how many rows of job_awaits are left."""
    return int(await conn.fetchval("select count(*) from jobstream.job_awaits"))


async def leftovers(conn: Connection) -> int:
    """Return how many rows of leftovers there are."""
    return int(await conn.fetchval("select count(*) from jobstream.leftovers"))


async def test_follower_is_pending_the_moment_its_upstream_is_done(conn: Connection) -> None:
    upstream = await running(conn)
    follower = await enqueue(conn, await_jobs=[upstream])
    await maintain(conn)
    assert await status_of(conn, follower) == "waiting"
    await call(conn, "complete", upstream, 1)
    assert await history(conn, follower) == ["waiting", "pending"]
    assert await awaits_left(conn) == 0


async def test_follower_that_nobody_has_looked_at_is_let_through_too(conn: Connection) -> None:
    upstream = await running(conn)
    follower = await enqueue(conn, await_jobs=[upstream])
    await call(conn, "complete", upstream, 1)
    assert await status_of(conn, follower) == "pending"


async def test_all_upstreams_must_be_done(conn: Connection) -> None:
    one, two = await running(conn), await running(conn)
    follower = await enqueue(conn, await_jobs=[one, two])
    await call(conn, "complete", one, 1)
    assert await status_of(conn, follower) == "waiting"
    await call(conn, "complete", two, 1)
    assert await status_of(conn, follower) == "pending"


async def test_batch_that_completes_all_upstreams_lets_the_follower_through_once(conn: Connection) -> None:
    ids = await fill(conn, 5)
    follower = await enqueue(conn, await_jobs=ids)
    await claim(conn, 5)
    await conn.execute("select jobstream.complete_many($1, array[1, 1, 1, 1, 1])", ids)
    assert await history(conn, follower) == ["waiting", "pending"]


async def test_upstream_that_is_done_already_is_no_matter(conn: Connection) -> None:
    row = await enqueue_row(conn, await_jobs=[await ended(conn)])
    assert row["status"] == "pending"


@pytest.mark.parametrize("status", ["dlq", "cancelled"])
async def test_upstream_that_ended_otherwise_cancels_at_once_and_is_named(
    conn: Connection, status: str
) -> None:
    upstream = await ended(conn, status)
    row = await enqueue_row(conn, await_jobs=[upstream])
    assert row["status"] == "cancelled"
    made = await job(conn, row["id"])
    assert (made["reason"], made["last_error"]) == ("upstream", f"awaited job {upstream} ended {status}")
    assert made["completed_at"] is not None
    [first] = await events(conn, row["id"])
    assert (first["status"], data_of(first)["reason"]) == ("cancelled", "upstream")


@pytest.mark.parametrize("status", ["dlq", "cancelled"])
async def test_any_end_will_do_for_ended(conn: Connection, status: str) -> None:
    row = await enqueue_row(conn, await_jobs=[await ended(conn, status)], await_for="ended")
    assert row["status"] == "pending"


async def test_upstream_set_aside_cancels_its_followers_down_the_chain(conn: Connection) -> None:
    first = await running(conn)
    chain = [first]
    for _ in range(20):
        chain.append(await enqueue(conn, await_jobs=[chain[-1]]))
    await call(conn, "fail", first, 1, '"boom"', retryable=False)
    await maintain(conn)
    for upstream, follower in pairwise(chain[1:]):
        made = await job(conn, follower)
        assert (made["status"], made["reason"]) == ("cancelled", "upstream")
        assert made["last_error"] == f"awaited job {upstream} ended cancelled"
    assert await awaits_left(conn) == 0


async def test_cancelled_upstream_cancels_its_followers(conn: Connection) -> None:
    upstream = await enqueue(conn)
    follower = await enqueue(conn, await_jobs=[upstream])
    await call(conn, "cancel", upstream)
    assert (await job(conn, follower))["last_error"] == f"awaited job {upstream} ended cancelled"


async def test_plain_update_of_an_upstream_lets_followers_through_too(conn: Connection) -> None:
    upstream = await running(conn)
    follower = await enqueue(conn, await_jobs=[upstream])
    await conn.execute("update jobstream.jobs set status = 'done' where id = $1", upstream)
    assert await status_of(conn, follower) == "pending"


async def test_failed_upstream_is_still_on_its_way(conn: Connection) -> None:
    upstream = await running(conn)
    follower = await enqueue(conn, await_jobs=[upstream])
    await call(conn, "fail", upstream, 1, '"boom"')
    assert await status_of(conn, follower) == "waiting"


async def test_follower_with_a_delay_waits_for_its_time_after_its_upstream(
    conn: Connection, clock: Clock
) -> None:
    upstream = await running(conn)
    follower = await enqueue(conn, await_jobs=[upstream], delay=timedelta(minutes=1))
    await call(conn, "complete", upstream, 1)
    assert (await job(conn, follower))["hold"] == "time"
    await clock.advance(61)
    await maintain(conn)
    assert await status_of(conn, follower) == "pending"


async def test_follower_with_a_key_waits_for_its_key_after_its_upstream(conn: Connection) -> None:
    upstream = await running(conn)
    holder = await enqueue(conn, concurrency_key="c", queue="keyed")
    assert await claimed(conn, 1, "keyed") == [holder]
    follower = await enqueue(conn, await_jobs=[upstream], concurrency_key="c", queue="keyed")
    await call(conn, "complete", upstream, 1)
    assert (await job(conn, follower))["hold"] == "key"
    await call(conn, "complete", holder, 1)
    assert await status_of(conn, follower) == "pending"


async def test_same_upstream_twice_is_the_upstream_once(conn: Connection) -> None:
    upstream = await running(conn)
    follower = await enqueue(conn, await_jobs=[upstream, upstream])
    await call(conn, "complete", upstream, 1)
    assert await status_of(conn, follower) == "pending"


async def test_follower_can_be_cancelled_before(conn: Connection) -> None:
    upstream = await running(conn)
    follower = await enqueue(conn, await_jobs=[upstream])
    await call(conn, "cancel", follower)
    await call(conn, "complete", upstream, 1)
    assert await history(conn, follower) == ["waiting", "cancelled"]
    assert await awaits_left(conn) == 0


async def test_jobs_of_one_batch_can_follow_jobs_that_are_there(conn: Connection) -> None:
    one, two = await running(conn), await ended(conn, "dlq")
    rows = await enqueue_many(
        conn,
        [
            {"kind": "a", "await_jobs": [one]},
            {"kind": "a", "await_jobs": [two]},
            {"kind": "a", "await_jobs": [one, two], "await_for": "ended"},
            {"kind": "a", "await_jobs": []},
        ],
    )
    assert [row["status"] for row in rows] == ["waiting", "cancelled", "waiting", "pending"]


async def test_upstream_deleted_meanwhile_cancels_who_wanted_it_done(
    conn: Connection, connect: Connect
) -> None:
    upstream = await running(conn)
    producer = await connect()
    async with producer.transaction():
        follower = await enqueue(producer, await_jobs=[upstream])
        content = await enqueue(producer, await_jobs=[upstream], await_for="ended")
        await call(conn, "complete", upstream, 1)
        await conn.execute("delete from jobstream.jobs where id = $1", upstream)
    await maintain(conn)
    assert (await job(conn, follower))["last_error"] == f"awaited job {upstream} was deleted"
    assert await status_of(conn, content) == "pending"


async def test_upstream_that_ends_while_its_follower_is_uncommitted_is_seen_after_the_commit(
    conn: Connection, connect: Connect
) -> None:
    upstream = await running(conn)
    producer = await connect()
    async with producer.transaction():
        follower = await enqueue(producer, await_jobs=[upstream])
        await call(conn, "complete", upstream, 1)
    assert await claimed(conn) == [follower]


async def test_upstream_that_is_just_ending_is_looked_at_again(
    conn: Connection, connect: Connect, clock: Clock
) -> None:
    upstream = await running(conn)
    worker = await connect()
    transaction = worker.transaction()
    await transaction.start()
    await call(worker, "complete", upstream, 1)
    follower = await enqueue(conn, await_jobs=[upstream])
    await maintain(conn)
    assert (await job(conn, follower))["hold"] == "settling"
    await transaction.commit()
    await clock.advance(1)
    assert await claimed(conn) == [follower]


async def test_follower_that_somebody_holds_is_let_through_after_the_commit(
    conn: Connection, connect: Connect, clock: Clock
) -> None:
    upstream = await running(conn)
    follower = await enqueue(conn, await_jobs=[upstream])
    await maintain(conn)
    operator = await connect()
    async with operator.transaction():
        await operator.execute('update jobstream.jobs set labels = \'{"a": "b"}\' where id = $1', follower)
        await call(conn, "complete", upstream, 1)
        assert await status_of(conn, follower) == "waiting"
        await maintain(conn)
    await clock.advance(1)
    assert await claimed(conn) == [follower]
    assert await leftovers(conn) == 0


async def test_followers_that_cannot_be_settled_yet_never_starve_the_others(
    conn: Connection, connect: Connect
) -> None:
    upstream = await running(conn)
    operator = await connect()
    async with operator.transaction():
        await operator.fetch("select from jobstream.jobs where id = $1 for update", upstream)
        await fill(conn, 300, await_jobs=[upstream])
        free = await enqueue(conn, concurrency_key="c")
        assert await claimed(conn) + await claimed(conn) == [free]


async def test_retry_of_a_follower_waits_again_for_an_upstream_that_is_open(conn: Connection) -> None:
    upstream = await enqueue(conn)
    follower = await enqueue(conn, await_jobs=[upstream])
    await call(conn, "cancel", upstream)
    await call(conn, "retry", upstream)
    assert await call(conn, "retry", follower) == "waiting"
    await maintain(conn)
    assert await claimed(conn) == [upstream]
    await call(conn, "complete", upstream, 1)
    assert await status_of(conn, follower) == "pending"


async def test_worker_that_completes_an_upstream_frees_a_batch_of_its_followers_and_others_the_rest(
    conn: Connection,
) -> None:
    upstream = await running(conn)
    followers = await fill(conn, 1_200, await_jobs=[upstream])
    await maintain(conn)
    await call(conn, "complete", upstream, 1)
    assert (await counts(conn))["waiting"] == 700
    assert "has ended" in await call(conn, "explain_job", followers[-1])
    await claimed(conn, 1)
    assert (await counts(conn))["waiting"] == 500
    await maintain(conn)
    assert await counts(conn) == {"done": 1, "running": 1, "pending": 1_199}
    assert await awaits_left(conn) == await leftovers(conn) == 0


async def test_upstream_started_anew_keeps_the_followers_that_nobody_has_looked_at(conn: Connection) -> None:
    upstream = await running(conn)
    await fill(conn, 600, await_jobs=[upstream])
    await maintain(conn)
    await call(conn, "fail", upstream, 1, '"boom"', retryable=False)
    await call(conn, "retry", upstream)
    await maintain(conn)
    assert await counts(conn) == {"pending": 1, "cancelled": 500, "waiting": 100}
    assert await leftovers(conn) == 0
    await claimed(conn, 1)
    await call(conn, "complete", upstream, 2)
    assert await counts(conn) == {"done": 1, "cancelled": 500, "pending": 100}


async def test_followers_that_somebody_holds_keep_nobody_else_waiting(
    conn: Connection, connect: Connect, clock: Clock
) -> None:
    upstream = await running(conn)
    followers = await fill(conn, 600, await_jobs=[upstream])
    await maintain(conn)
    operator = await connect()
    async with operator.transaction():
        await operator.fetch("select from jobstream.jobs where id = any($1) for update", followers[:550])
        await call(conn, "complete", upstream, 1)
        await maintain(conn)
        assert await counts(conn) == {"done": 1, "waiting": 550, "pending": 50}
    await clock.advance(1)
    await maintain(conn)
    assert await counts(conn) == {"done": 1, "pending": 600}


async def test_follower_cancelled_and_started_anew_by_plain_updates_waits_again(conn: Connection) -> None:
    upstream = await running(conn)
    follower = await enqueue(conn, await_jobs=[upstream])
    await conn.execute("update jobstream.jobs set status = 'cancelled' where id = $1", follower)
    assert await awaits_left(conn) == 0
    await conn.execute("update jobstream.jobs set status = 'pending' where id = $1", follower)
    await maintain(conn)
    assert await status_of(conn, follower) == "waiting"
    await call(conn, "complete", upstream, 1)
    assert await status_of(conn, follower) == "pending"
