"""retry(), run_now(), reschedule(), retry_dlq(): what operators set going again."""

import json
from datetime import datetime, timedelta

import pytest

from tests.support import Connection
from tests.support.clock import Clock
from tests.support.sql import (
    call,
    claim,
    claimed,
    counts,
    ended,
    enqueue,
    events,
    history,
    job,
    maintain,
    refused,
    running,
    status_of,
)

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("status", ["done", "dlq", "cancelled", "failed"])
async def test_ended_or_failed_job_starts_anew(conn: Connection, status: str) -> None:
    job_id = await ended(conn, status)
    attempt = (await job(conn, job_id))["attempt"]
    assert await call(conn, "retry", job_id) == "pending"
    row = await job(conn, job_id)
    assert (row["failures"], row["crashes"], row["attempt"], row["trigger"]) == (0, 0, attempt, "retry")
    assert (row["result"], row["reason"], row["completed_at"], row["progress"]) == (None, None, None, None)
    assert (await events(conn, job_id))[-1]["by"].startswith(await conn.fetchval("select session_user"))
    [again] = await claim(conn)
    assert again["attempt"] == attempt + 1


async def test_errors_are_kept(conn: Connection) -> None:
    job_id = await ended(conn, "dlq")
    await call(conn, "retry", job_id)
    row = await job(conn, job_id)
    assert (len(json.loads(row["errors"])), row["last_error"]) == (1, "boom")


async def test_retried_job_has_all_its_attempts_again(conn: Connection) -> None:
    job_id = await running(conn, max_attempts=2, backoff={"type": "fixed", "base": 0})
    await call(conn, "fail", job_id, 1, '"a"')
    await maintain(conn)
    await claim(conn)
    assert await call(conn, "fail", job_id, 2, '"b"') == "dlq"
    await call(conn, "retry", job_id)
    await claim(conn)
    assert await call(conn, "fail", job_id, 3, '"c"') == "failed"


@pytest.mark.parametrize(("seconds", "keeps"), [(30, False), (3600, True)])
async def test_deadline_that_has_passed_is_dropped(
    conn: Connection, clock: Clock, seconds: int, keeps: bool
) -> None:
    job_id = await ended(conn, deadline=await clock.now() + timedelta(seconds=seconds))
    await clock.advance(60)
    await call(conn, "retry", job_id)
    assert ((await job(conn, job_id))["deadline"] is not None) is keeps
    assert await claimed(conn) == [job_id]


async def test_job_on_its_way_cannot_be_retried(conn: Connection) -> None:
    for job_id in (await running(conn), await enqueue(conn), await enqueue(conn, delay=HOUR)):
        with refused("JS409"):
            await call(conn, "retry", job_id)


@pytest.mark.parametrize("verb", ["retry", "run_now"])
async def test_unknown_job_is_not_found(conn: Connection, verb: str) -> None:
    with refused("JS404"):
        await call(conn, verb, "01ARZ3NDEKTSV4RRFFQ69G5FAV")


async def test_waiting_job_is_run_now(conn: Connection) -> None:
    job_id = await enqueue(conn, delay=HOUR)
    assert await call(conn, "run_now", job_id) == "pending"
    assert await claimed(conn) == [job_id]


async def test_failed_job_is_run_now_before_its_backoff_is_over(conn: Connection) -> None:
    job_id = await ended(conn, "failed")
    assert await call(conn, "run_now", job_id) == "pending"
    assert await claimed(conn) == [job_id]


async def test_run_now_does_not_push_past_upstreams(conn: Connection) -> None:
    upstream = await running(conn)
    follower = await enqueue(conn, await_jobs=[upstream], delay=HOUR)
    assert await call(conn, "run_now", follower) == "waiting"
    await maintain(conn)
    assert await status_of(conn, follower) == "waiting"
    await call(conn, "complete", upstream, 1)
    assert await status_of(conn, follower) == "pending"


async def test_run_now_of_a_pending_job_changes_nothing(conn: Connection) -> None:
    job_id = await enqueue(conn)
    assert await call(conn, "run_now", job_id) == "pending"
    assert await history(conn, job_id) == ["pending"]


async def test_run_now_of_a_running_or_ended_job_is_refused(conn: Connection) -> None:
    for job_id in (await running(conn), await ended(conn)):
        with refused("JS409"):
            await call(conn, "run_now", job_id)


async def test_rescheduled_pending_job_waits(conn: Connection, clock: Clock) -> None:
    job_id = await enqueue(conn)
    assert await call(conn, "reschedule", job_id, await clock.now() + HOUR) == "waiting"
    assert await claimed(conn) == []
    await clock.advance(3601)
    await maintain(conn)
    assert await claimed(conn) == [job_id]


async def test_rescheduled_failed_job_stays_failed(conn: Connection, clock: Clock) -> None:
    job_id = await ended(conn, "failed")
    at = await clock.now() + HOUR
    assert await call(conn, "reschedule", job_id, at) == "failed"
    assert (await job(conn, job_id))["scheduled_at"] == at


async def test_waiting_job_rescheduled_to_the_past_is_pending(conn: Connection, clock: Clock) -> None:
    job_id = await enqueue(conn, delay=HOUR)
    assert await call(conn, "reschedule", job_id, await clock.now() - HOUR) == "pending"


async def test_rescheduling_is_refused_for_jobs_that_run_or_ended(conn: Connection) -> None:
    for job_id in (await running(conn), await ended(conn)):
        with refused("JS409"):
            await call(conn, "reschedule", job_id, datetime.fromisoformat("2040-01-01T00:00:00Z"))


@pytest.mark.parametrize("at", [None, "infinity", "20000-01-01"])
async def test_rescheduling_to_no_time_is_refused(conn: Connection, at: str | None) -> None:
    job_id = await enqueue(conn)
    with refused("JS400"):
        await conn.execute("select jobstream.reschedule($1, $2::text::timestamptz)", job_id, at)


async def test_dead_letters_are_retried_by_queue_and_kind_oldest_first(conn: Connection) -> None:
    one = await ended(conn, "dlq", queue="a")
    two = await ended(conn, "dlq", queue="a")
    await ended(conn, "dlq", queue="b")
    assert await conn.fetchval("select jobstream.retry_dlq('a', 'work', 1)") == 1
    assert (await status_of(conn, one), await status_of(conn, two)) == ("pending", "dlq")
    assert await conn.fetchval("select jobstream.retry_dlq('a', 'other', 9)") == 0
    with refused("JS400"):
        await conn.execute("select jobstream.retry_dlq(max => -1)")
    assert await conn.fetchval("select jobstream.retry_dlq()") == 2
    assert await counts(conn) == {"pending": 3}
