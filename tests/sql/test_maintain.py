"""maintain(): due times, deadlines, rescue, crashes; when it has work next; from many at once."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

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
    events,
    fill,
    history,
    job,
    maintain,
    running,
    status_of,
)

MINUTE = timedelta(minutes=1)


async def next_due(conn: Connection) -> datetime | None:
    """Return what one call of maintain() answers."""
    due: datetime | None = await conn.fetchval("select jobstream.maintain()")
    return due


async def test_due_jobs_are_promoted_and_others_are_not(conn: Connection, clock: Clock) -> None:
    soon, later = await enqueue(conn, delay=MINUTE), await enqueue(conn, delay=2 * MINUTE)
    await clock.advance(61)
    await maintain(conn)
    assert (await status_of(conn, soon), await status_of(conn, later)) == ("pending", "waiting")
    assert (await events(conn, soon))[-1]["by"] == "maintenance"


async def test_more_than_a_batch_is_promoted_by_calling_again_at_once(conn: Connection, clock: Clock) -> None:
    await fill(conn, 2500, delay=60)
    await clock.advance(61)
    now = await clock.now()
    due = await next_due(conn)
    assert due is not None
    assert due <= now + timedelta(seconds=5)
    await maintain(conn)
    assert await counts(conn) == {"pending": 2500}


@pytest.mark.parametrize("status", ["waiting", "pending", "failed"])
async def test_deadline_ends_in_dlq(conn: Connection, clock: Clock, status: str) -> None:
    deadline = await clock.now() + MINUTE
    match status:
        case "waiting":
            job_id = await enqueue(conn, deadline=deadline, delay=10 * MINUTE)
        case "pending":
            job_id = await enqueue(conn, deadline=deadline)
        case _:
            job_id = await running(
                conn, deadline=deadline, backoff={"type": "fixed", "base": 50, "jitter": 0}
            )
            await call(conn, "fail", job_id, 1, '"boom"')
            await conn.execute("update jobstream.jobs set scheduled_at = scheduled_at + interval '1 hour'")
    await clock.advance(59)
    await maintain(conn)
    assert await status_of(conn, job_id) == status
    await clock.advance(2)
    await maintain(conn)
    row = await job(conn, job_id)
    assert (row["status"], row["reason"]) == ("dlq", "deadline")
    assert row["last_error"] == ("boom" if status == "failed" else "the deadline passed")


async def test_deadline_of_a_job_that_waits_for_upstreams_cancels_who_waits_for_it(
    conn: Connection, clock: Clock
) -> None:
    upstream = await running(conn)
    middle = await enqueue(conn, await_jobs=[upstream], deadline=await clock.now() + timedelta(seconds=20))
    last = await enqueue(conn, await_jobs=[middle])
    await clock.advance(21)
    await maintain(conn)
    assert (await status_of(conn, middle), await status_of(conn, last)) == ("dlq", "cancelled")
    await call(conn, "complete", upstream, 1)
    assert await conn.fetchval("select count(*) from jobstream.job_awaits") == 0


async def test_first_crash_gives_the_job_back_without_a_failure(conn: Connection, clock: Clock) -> None:
    job_id = await running(conn)
    await clock.advance(31)
    await maintain(conn)
    row = await job(conn, job_id)
    assert (row["status"], row["failures"], row["crashes"], row["worker"]) == ("pending", 0, 1, None)
    [error] = json.loads(row["errors"])
    assert (error["type"], error["attempt"], error["worker"]) == ("WorkerLost", 1, "w1")
    last = (await events(conn, job_id))[-1]
    assert (last["status"], last["by"], data_of(last)["from"]) == ("pending", "maintenance", "running")


async def test_second_crash_parts_suspects_and_the_third_sets_the_job_aside(
    conn: Connection, clock: Clock
) -> None:
    job_id = await enqueue(conn, max_attempts=1)
    for _ in range(2):
        assert await claimed(conn) == [job_id]
        await clock.advance(31)
        await maintain(conn)
    row = await job(conn, job_id)
    assert (row["status"], row["failures"], row["crashes"]) == ("failed", 0, 2)
    assert timedelta(seconds=4) < row["scheduled_at"] - await clock.now() <= timedelta(seconds=30)
    await clock.advance(31)
    await maintain(conn)
    assert await claimed(conn) == [job_id]
    await clock.advance(31)
    await maintain(conn)
    row = await job(conn, job_id)
    assert (row["status"], row["reason"], row["crashes"], row["attempt"]) == ("dlq", "poison", 3, 3)


async def test_suspects_come_back_at_different_times(conn: Connection, clock: Clock) -> None:
    ids = await fill(conn, 20)
    for _ in range(2):
        await claim(conn, 20)
        await clock.advance(31)
        await maintain(conn)
    assert len({(await job(conn, one))["scheduled_at"] for one in ids}) == 20


async def test_lease_that_holds_is_left_alone(conn: Connection, clock: Clock) -> None:
    job_id = await running(conn)
    await clock.advance(29)
    await maintain(conn)
    assert await status_of(conn, job_id) == "running"


async def test_rescued_job_past_its_deadline_goes_to_dlq(conn: Connection, clock: Clock) -> None:
    job_id = await running(conn, deadline=await clock.now() + timedelta(seconds=5))
    await clock.advance(31)
    await maintain(conn)
    await maintain(conn)
    assert (await job(conn, job_id))["reason"] == "deadline"


async def test_it_says_when_it_has_work_next(conn: Connection, clock: Clock) -> None:
    assert await maintain(conn) is None
    base = await clock.now()
    await enqueue(conn, delay=10 * MINUTE)
    assert timedelta(minutes=9, seconds=59) < await maintain(conn) - base < timedelta(minutes=10, seconds=5)
    await enqueue(conn, queue="other", deadline=base + 5 * MINUTE)
    assert await maintain(conn) == base + 5 * MINUTE
    job_id = await running(conn)
    assert await maintain(conn) == (await job(conn, job_id))["lease_until"]
    await call(conn, "cancel", job_id, force=True)
    assert await maintain(conn) == (await job(conn, job_id))["cancel_requested_at"] + timedelta(seconds=10)


async def test_nothing_to_do_is_null(conn: Connection) -> None:
    await enqueue(conn)
    await ended(conn, queue="other")
    assert await maintain(conn) is None


async def test_five_at_once_promote_each_job_once(conn: Connection, connect: Connect, clock: Clock) -> None:
    await fill(conn, 500, delay=60)
    await clock.advance(61)
    sessions = [await connect() for _ in range(5)]
    await asyncio.gather(*(maintain(session) for session in sessions))
    assert await counts(conn) == {"pending": 500}
    told = "select count(*) from jobstream.job_events where status = 'pending'"
    assert await conn.fetchval(told) == 500


async def test_five_at_once_rescue_each_job_once(conn: Connection, connect: Connect, clock: Clock) -> None:
    await fill(conn, 200)
    await claim(conn, 200)
    await clock.advance(31)
    sessions = [await connect() for _ in range(5)]
    await asyncio.gather(*(maintain(session) for session in sessions))
    assert (
        await conn.fetchval("select count(*) from jobstream.jobs where crashes = 1 and status = 'pending'")
        == 200
    )


async def test_rows_that_somebody_holds_are_left_for_the_next_time(
    conn: Connection, connect: Connect, clock: Clock
) -> None:
    ids = await fill(conn, 3, delay=60)
    await clock.advance(61)
    holder = await connect()
    async with holder.transaction():
        await holder.fetch("select from jobstream.jobs where id = $1 for update", ids[0])
        await next_due(conn)
        assert [await status_of(conn, one) for one in ids] == ["waiting", "pending", "pending"]
    await maintain(conn)
    assert await status_of(conn, ids[0]) == "pending"


async def test_transaction_that_maintains_and_stays_open_holds_nobody_up(
    conn: Connection, connect: Connect, clock: Clock
) -> None:
    await fill(conn, 3, delay=60)
    await clock.advance(61)
    holder = await connect()
    async with holder.transaction():
        await maintain(holder)
        other = await enqueue(conn, concurrency_key="c")
        async with asyncio.timeout(30):
            await maintain(conn)
            assert await claimed(conn) == [other]


BAD_ROW = """
create function jobstream_test_bad() returns trigger language plpgsql as $$
begin
    raise exception 'bad row';
end
$$;
create trigger bad before update on jobstream.jobs for each row
when (old.kind = 'bad') execute function jobstream_test_bad();
"""


@pytest.fixture
async def with_bad_rows(conn: Connection) -> Any:
    """Make every update of a job of kind `bad` fail."""
    await conn.execute(BAD_ROW)
    yield
    await conn.execute("drop function jobstream_test_bad cascade")


async def test_one_bad_row_never_blocks_the_rest(conn: Connection, clock: Clock, with_bad_rows: None) -> None:
    warnings: list[str] = []
    conn.add_log_listener(lambda _, message: warnings.append(str(message)))
    bad = await enqueue(conn, "bad", delay=MINUTE)
    good = await enqueue(conn, delay=MINUTE)
    past = await enqueue(conn, deadline=await clock.now() + MINUTE, delay=2 * MINUTE)
    await clock.advance(61)
    await next_due(conn)
    assert [await status_of(conn, one) for one in (bad, good, past)] == ["waiting", "pending", "dlq"]
    assert any(bad in warning and "bad row" in warning for warning in warnings)


async def test_it_can_be_called_in_any_isolation_without_damage(conn: Connection, clock: Clock) -> None:
    job_id = await enqueue(conn, delay=MINUTE)
    await clock.advance(61)
    async with conn.transaction(isolation="repeatable_read"):
        await next_due(conn)
    assert await history(conn, job_id) == ["waiting", "pending"]


async def test_job_that_settling_must_wait_for_is_in_the_answer(
    conn: Connection, connect: Connect, clock: Clock
) -> None:
    upstream = await running(conn, queue="other")
    await conn.execute("select jobstream.heartbeat(array[$1], array[1], '1 hour')", upstream)
    holder = await connect()
    async with holder.transaction():
        await holder.fetch("select from jobstream.jobs where id = $1 for update", upstream)
        await enqueue(conn, await_jobs=[upstream])
        due = await maintain(conn)
        assert due - await clock.now() <= timedelta(seconds=1)


async def test_session_is_itself_again_afterwards(conn: Connection) -> None:
    gone = await ended(conn)
    async with conn.transaction():
        await maintain(conn)
        await conn.execute("delete from jobstream.jobs where id = $1", gone)
    user = await conn.fetchval("select session_user")
    assert (await events(conn, gone))[-1]["by"].startswith(user)


async def test_lease_that_was_committed_long_after_its_end_is_rescued_all_the_same(
    conn: Connection, connect: Connect, clock: Clock
) -> None:
    worker = await connect()
    async with worker.transaction():
        late = await running(worker)
        await clock.advance(40)
        await maintain(conn)
        await clock.advance(5)
        await maintain(conn)
    await clock.advance(6)
    await maintain(conn)
    assert await status_of(conn, late) == "pending"


async def test_lease_ended_by_hand_is_rescued_by_the_next_call(conn: Connection) -> None:
    await maintain(conn)
    job_id = await running(conn)
    await maintain(conn)
    await conn.execute("update jobstream.jobs set lease_until = '2001-01-01' where id = $1", job_id)
    await maintain(conn)
    assert await status_of(conn, job_id) == "pending"


async def test_lease_that_somebody_held_when_it_ended_is_rescued_afterwards(
    conn: Connection, connect: Connect, clock: Clock
) -> None:
    held = await running(conn)
    holder = await connect()
    await maintain(conn)
    async with holder.transaction():
        await holder.fetch("select from jobstream.jobs where id = $1 for update", held)
        await clock.advance(31)
        await maintain(conn)
        await clock.advance(1)
        await maintain(conn)
    await maintain(conn)
    assert await status_of(conn, held) == "pending"


async def test_clock_that_was_put_back_hides_no_lease(conn: Connection, clock: Clock) -> None:
    await maintain(conn)
    await clock.advance(-3600)
    job_id = await running(conn)
    await maintain(conn)
    await clock.advance(31)
    await maintain(conn)
    assert await status_of(conn, job_id) == "pending"
