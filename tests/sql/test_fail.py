"""fail(): retries, backoff, dead letters, errors kept."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support import Connection
from tests.support.clock import Clock
from tests.support.sql import (
    call,
    claim,
    claimed,
    data_of,
    enqueue,
    events,
    history,
    job,
    maintain,
    refused,
    running,
    status_of,
)

BOOM = {"type": "ValueError", "message": "boom", "traceback": "Traceback…"}


async def wait_of(conn: Connection, job_id: str) -> float:
    """Return in how many seconds a job is due."""
    seconds: float = await conn.fetchval(
        "select extract(epoch from scheduled_at - jobstream.clock())::float8 from jobstream.jobs where id = $1",
        job_id,
    )
    return seconds


async def test_job_fails_and_is_due_again(conn: Connection, clock: Clock) -> None:
    job_id = await running(conn)
    assert await call(conn, "fail", job_id, 1, BOOM) == "failed"
    row = await job(conn, job_id)
    assert (row["failures"], row["crashes"], row["worker"], row["lease_until"]) == (1, 0, None, None)
    assert row["last_error"] == "ValueError: boom"
    assert 4.3 < await wait_of(conn, job_id) <= 5.5
    assert await claimed(conn) == []
    await clock.advance(6)
    await maintain(conn)
    [again] = await claim(conn)
    assert again["attempt"] == 2
    assert await history(conn, job_id) == ["pending", "running", "failed", "pending", "running"]


async def test_event_tells_the_error(conn: Connection) -> None:
    job_id = await running(conn)
    await call(conn, "fail", job_id, 1, BOOM)
    last = (await events(conn, job_id))[-1]
    assert data_of(last) == {"from": "running", "reason": None, "error": "ValueError: boom"}
    assert last["by"] is None


@pytest.mark.parametrize(
    ("backoff", "waits"),
    [
        (None, [5, 10, 20, 40, 80, 120, 120]),
        ({"jitter": 0}, [5, 10, 20, 40, 80, 120]),
        ({"type": "exponential", "base": 1, "max": 3, "jitter": 0}, [1, 2, 3, 3]),
        ({"type": "linear", "base": 2, "max": 5, "jitter": 0}, [2, 4, 5, 5]),
        ({"type": "fixed", "base": 7, "jitter": 0}, [7, 7, 7]),
        ({"type": "fixed", "base": 0}, [0, 0]),
        ({"type": "fixed", "base": 1.5, "jitter": 0}, [1.5, 1.5]),
    ],
    ids=str,
)
async def test_waits_grow_as_the_backoff_says(
    conn: Connection, backoff: dict[str, Any] | None, waits: list[float]
) -> None:
    text = None if backoff is None else json.dumps(backoff)
    rows = await conn.fetch(
        "select extract(epoch from jobstream.backoff_delay($1::jsonb, n))::float8 as wait"
        " from generate_series(1, $2) as n",
        text,
        len(waits),
    )
    jitter = 0.1 if "jitter" not in (backoff or {}) else 0
    for row, wait in zip(rows, waits, strict=True):
        assert wait * (1 - jitter) - 0.001 <= row["wait"] <= wait * (1 + jitter) + 0.001


async def test_jitter_spreads(conn: Connection) -> None:
    waits = await conn.fetch("select jobstream.backoff_delay(null, 3) as wait from generate_series(1, 50)")
    assert len({row["wait"] for row in waits}) > 40


async def test_thousandth_failure_overflows_nothing(conn: Connection) -> None:
    assert await conn.fetchval("select jobstream.backoff_delay('{\"jitter\": 0}', 1000)") == timedelta(
        seconds=120
    )


async def test_last_failure_goes_to_dlq(conn: Connection) -> None:
    job_id = await running(conn, max_attempts=1)
    assert await call(conn, "fail", job_id, 1, BOOM) == "dlq"
    row = await job(conn, job_id)
    assert (row["reason"], row["failures"]) == ("attempts", 1)
    assert row["completed_at"] is not None
    assert data_of((await events(conn, job_id))[-1]) == {
        "from": "running",
        "reason": "attempts",
        "error": "ValueError: boom",
    }


async def test_job_is_tried_max_attempts_times(conn: Connection, clock: Clock) -> None:
    job_id = await enqueue(conn, max_attempts=3, backoff={"type": "fixed", "base": 1})
    for attempt in (1, 2, 3):
        assert await claimed(conn) == [job_id]
        await call(conn, "fail", job_id, attempt, BOOM)
        await clock.advance(2)
        await maintain(conn)
    assert (await status_of(conn, job_id), await claimed(conn)) == ("dlq", [])


async def test_not_retryable_goes_to_dlq_at_once(conn: Connection) -> None:
    job_id = await running(conn)
    assert await call(conn, "fail", job_id, 1, BOOM, retryable=False) == "dlq"
    assert (await job(conn, job_id))["reason"] == "not_retryable"


async def test_worker_may_say_when(conn: Connection, clock: Clock) -> None:
    job_id = await running(conn)
    at = await clock.now() + timedelta(hours=1)
    await call(conn, "fail", job_id, 1, BOOM, retry_at=at)
    assert (await job(conn, job_id))["scheduled_at"] == at


async def test_retry_at_that_is_past_is_due_at_once(conn: Connection, clock: Clock) -> None:
    job_id = await running(conn)
    await call(conn, "fail", job_id, 1, BOOM, retry_at=await clock.now() - timedelta(hours=1))
    assert await status_of(conn, job_id) == "failed"
    await maintain(conn)
    assert await claimed(conn) == [job_id]


@pytest.mark.parametrize("at", ["infinity", "-infinity", "20000-01-01"])
async def test_retry_at_that_is_no_time_is_refused(conn: Connection, at: str) -> None:
    job_id = await running(conn)
    with refused("JS400"):
        await conn.execute(
            "select jobstream.fail($1, 1, '\"x\"', retry_at => $2::text::timestamptz)", job_id, at
        )


async def test_retry_that_would_fall_after_the_deadline_goes_to_dlq_at_once(
    conn: Connection, clock: Clock
) -> None:
    job_id = await running(conn, deadline=await clock.now() + timedelta(seconds=3))
    assert await call(conn, "fail", job_id, 1, BOOM) == "dlq"
    assert (await job(conn, job_id))["reason"] == "deadline"


async def test_running_job_past_its_deadline_goes_on_and_may_complete(conn: Connection, clock: Clock) -> None:
    job_id = await running(conn, deadline=await clock.now() + timedelta(seconds=3))
    await clock.advance(10)
    await maintain(conn)
    assert await status_of(conn, job_id) == "running"
    assert await call(conn, "complete", job_id, 1) == "done"


async def test_with_a_cancel_pending_a_failure_ends_cancelled(conn: Connection) -> None:
    job_id = await running(conn)
    await call(conn, "cancel", job_id, force=True)
    assert await call(conn, "fail", job_id, 1, BOOM) == "cancelled"
    assert (await job(conn, job_id))["reason"] == "requested"


async def test_repeated_failure_of_the_attempt_changes_nothing(conn: Connection) -> None:
    job_id = await running(conn)
    await call(conn, "fail", job_id, 1, BOOM)
    before = await job(conn, job_id)
    assert await call(conn, "fail", job_id, 1, BOOM) == "failed"
    assert await job(conn, job_id) == before


async def test_failure_of_another_attempt_is_lost(conn: Connection) -> None:
    job_id = await running(conn)
    with refused("JS410"):
        await call(conn, "fail", job_id, 2, BOOM)
    await call(conn, "complete", job_id, 1)
    with refused("JS410"):
        await call(conn, "fail", job_id, 1, BOOM)


async def test_each_attempts_error_is_kept(conn: Connection, clock: Clock) -> None:
    job_id = await enqueue(conn, max_attempts=9, backoff={"type": "fixed", "base": 0})
    for attempt in (1, 2):
        await claim(conn, worker=f"w{attempt}")
        await call(conn, "fail", job_id, attempt, {**BOOM, "message": f"boom {attempt}"})
        await maintain(conn)
    kept = json.loads((await job(conn, job_id))["errors"])
    assert [(one["attempt"], one["worker"], one["message"]) for one in kept] == [
        (1, "w1", "boom 1"),
        (2, "w2", "boom 2"),
    ]
    assert {"type", "traceback", "at"} <= kept[0].keys()
    assert datetime.fromisoformat(kept[0]["at"]) <= await clock.now()


async def test_errors_are_bounded_and_counted(conn: Connection) -> None:
    job_id = await enqueue(conn, max_attempts=100, backoff={"type": "fixed", "base": 0})
    for attempt in range(1, 24):
        await claim(conn)
        await call(conn, "fail", job_id, attempt, BOOM)
        await maintain(conn)
    row = await job(conn, job_id)
    kept = json.loads(row["errors"])
    assert (len(kept), kept[0]["attempt"], kept[-1]["attempt"], row["error_count"]) == (20, 4, 23, 23)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ('"just words"', "just words"),
        ("null", "null"),
        ("[1]", "[1]"),
        ("{}", "error"),
        ('{"type": "T"}', "T: T"),
        ('{"message": 7}', "7"),
    ],
)
async def test_error_of_any_form_is_kept(conn: Connection, error: str, text: str) -> None:
    job_id = await running(conn)
    await call(conn, "fail", job_id, 1, error)
    assert (await job(conn, job_id))["last_error"] == text


async def test_error_that_is_no_error_at_all_is_kept_too(conn: Connection) -> None:
    job_id = await running(conn)
    await conn.execute("select jobstream.fail($1, 1, null)", job_id)
    assert (await job(conn, job_id))["last_error"] == "error"


async def test_long_errors_are_cut(conn: Connection) -> None:
    job_id = await running(conn)
    await call(
        conn, "fail", job_id, 1, {"type": "T" * 500, "message": "m" * 100_000, "traceback": "t" * 100_000}
    )
    [kept] = json.loads((await job(conn, job_id))["errors"])
    assert (len(kept["type"]), len(kept["message"]), len(kept["traceback"])) == (256, 4000, 16000)
    assert len(data_of((await events(conn, job_id))[-1])["error"]) == 2000
