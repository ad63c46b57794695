"""cancel(): at once, or by asking a worker to stop."""

from datetime import timedelta

import pytest

from tests.support import Connection
from tests.support.clock import Clock
from tests.support.sql import (
    call,
    claimed,
    data_of,
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


@pytest.mark.parametrize("status", ["waiting", "pending", "failed"])
async def test_job_that_does_not_run_is_cancelled_at_once(conn: Connection, status: str) -> None:
    match status:
        case "waiting":
            job_id = await enqueue(conn, delay=timedelta(hours=1))
        case "pending":
            job_id = await enqueue(conn)
        case _:
            job_id = await ended(conn, "failed")
    assert await call(conn, "cancel", job_id) == "cancelled"
    row = await job(conn, job_id)
    assert (row["status"], row["reason"]) == ("cancelled", "requested")
    last = (await events(conn, job_id))[-1]
    assert data_of(last)["from"] == status
    assert last["by"].startswith(await conn.fetchval("select session_user"))


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("status", ["done", "dlq", "cancelled"])
async def test_ended_job_stays_as_it_is(conn: Connection, status: str, force: bool) -> None:
    job_id = await ended(conn, status)
    told = await history(conn, job_id)
    assert await call(conn, "cancel", job_id, force) == status
    assert await history(conn, job_id) == told


async def test_running_job_is_refused_without_force(conn: Connection) -> None:
    job_id = await running(conn)
    with refused("JS409"):
        await call(conn, "cancel", job_id)
    assert (await job(conn, job_id))["cancel_requested"] is False


async def test_running_job_is_asked_to_stop_with_force(conn: Connection) -> None:
    job_id = await running(conn)
    assert await call(conn, "cancel", job_id, force=True) == "running"
    assert (await job(conn, job_id))["cancel_requested"] is True
    last = (await events(conn, job_id))[-1]
    assert (last["type"], data_of(last)) == ("updated", {"changed": ["cancel_requested"]})
    assert await call(conn, "cancel", job_id, force=True) == "running"
    assert len(await events(conn, job_id)) == 3


async def test_lease_is_taken_away_after_the_grace(conn: Connection, clock: Clock) -> None:
    job_id = await running(conn)
    await call(conn, "cancel", job_id, force=True)
    await clock.advance(9)
    await maintain(conn)
    assert await status_of(conn, job_id) == "running"
    await clock.advance(2)
    await maintain(conn)
    row = await job(conn, job_id)
    assert (row["status"], row["reason"], row["worker"], row["cancel_requested"]) == (
        "cancelled",
        "requested",
        None,
        False,
    )
    with refused("JS410"):
        await call(conn, "complete", job_id, 1)


async def test_second_request_does_not_prolong_the_grace(conn: Connection, clock: Clock) -> None:
    job_id = await running(conn)
    await call(conn, "cancel", job_id, force=True)
    await clock.advance(9)
    await call(conn, "cancel", job_id, force=True)
    await clock.advance(2)
    await maintain(conn)
    assert await status_of(conn, job_id) == "cancelled"


async def test_lease_that_expires_with_a_cancel_pending_ends_cancelled(
    conn: Connection, clock: Clock
) -> None:
    job_id = await running(conn)
    await clock.advance(25)
    await call(conn, "cancel", job_id, force=True)
    await clock.advance(6)
    await maintain(conn)
    assert await status_of(conn, job_id) == "cancelled"


@pytest.mark.parametrize("job_id", ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "x", None])
async def test_unknown_job_is_not_found(conn: Connection, job_id: str | None) -> None:
    with refused("JS404"):
        await call(conn, "cancel", job_id)


async def test_cancelled_job_is_never_handed_out(conn: Connection) -> None:
    await call(conn, "cancel", await enqueue(conn))
    assert await claimed(conn) == []


async def test_request_is_forgotten_when_the_attempt_ends(conn: Connection) -> None:
    job_id = await running(conn)
    await call(conn, "cancel", job_id, force=True)
    await call(conn, "complete", job_id, 1)
    await call(conn, "retry", job_id)
    assert await claimed(conn) == [job_id]
    assert (await job(conn, job_id))["cancel_requested"] is False
