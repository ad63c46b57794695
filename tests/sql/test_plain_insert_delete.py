"""Plain INSERTs and DELETEs of jobs."""

import pytest

from tests.support import Connection
from tests.support.sql import claimed, ended, enqueue, events, history, refused, running, status_of


async def insert(conn: Connection, columns: str, values: str) -> str:
    """Insert a job by plain SQL: its id."""
    return str(await conn.fetchval(f"insert into jobstream.jobs ({columns}) values ({values}) returning id"))


async def test_job_inserted_by_hand_is_a_job(conn: Connection) -> None:
    job_id = await insert(conn, "kind, status, labels", "'work', 'pending', '{\"a\": \"b\"}'")
    assert await history(conn, job_id) == ["pending"]
    assert await claimed(conn) == [job_id]


@pytest.mark.parametrize(
    "rest", ["'waiting', null, null", "'pending', now() + interval '1 hour', null", "'pending', null, 'c'"]
)
async def test_job_inserted_by_hand_is_held_like_any_other(conn: Connection, rest: str) -> None:
    job_id = await insert(conn, "kind, status, scheduled_at, concurrency_key", f"'work', {rest}")
    assert await history(conn, job_id) == ["waiting"]


@pytest.mark.parametrize("status", ["running", "failed", "done", "dlq", "paused"])
async def test_no_job_begins_otherwise(conn: Connection, status: str) -> None:
    with refused("JS409"):
        await insert(conn, "kind, status", f"'work', '{status}'")


async def test_running_is_no_first_status_even_with_all_that_belongs_to_it(conn: Connection) -> None:
    with refused("JS409"):
        await insert(conn, "kind, status, worker, lease_until, attempt", "'work', 'running', 'w', now(), 1")


@pytest.mark.parametrize(
    ("column", "value"), [("kind", "'a b'"), ("id", "'x'"), ("labels", "'7'"), ("await_jobs", "'{x}'")]
)
async def test_bad_values_are_refused(conn: Connection, column: str, value: str) -> None:
    columns, values = ("kind", "'work'") if column != "kind" else ("priority", "0")
    with refused("JS400"):
        await insert(conn, f"status, {columns}, {column}", f"'pending', {values}, {value}")


@pytest.mark.parametrize("status", ["done", "dlq", "cancelled"])
async def test_ended_job_can_be_deleted_and_that_is_an_event(conn: Connection, status: str) -> None:
    job_id = await ended(conn, status, labels={"a": "b"})
    await conn.execute("delete from jobstream.jobs where id = $1", job_id)
    last = (await events(conn, job_id))[-1]
    assert (last["type"], last["status"]) == ("deleted", status)
    assert last["by"] is not None
    assert await conn.fetchval("select count(*) from jobstream.job_labels where job_id = $1", job_id) == 0


@pytest.mark.parametrize("status", ["waiting", "pending", "running", "failed"])
async def test_job_that_has_not_ended_cannot_be_deleted(conn: Connection, status: str) -> None:
    match status:
        case "waiting":
            job_id = await enqueue(conn, concurrency_key="c")
        case "pending":
            job_id = await enqueue(conn)
        case "running":
            job_id = await running(conn)
        case _:
            job_id = await ended(conn, "failed")
    with refused("JS409"):
        await conn.execute("delete from jobstream.jobs where id = $1", job_id)
    assert await status_of(conn, job_id) == status
