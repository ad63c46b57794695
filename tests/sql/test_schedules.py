"""Schedules, the SQL part: one job for each due time, whoever asks and how often."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support import Connect, Connection
from tests.support.sql import call, events, job, refused

DUE = datetime(2030, 1, 1, 3, 0, tzinfo=UTC)
NEXT = DUE + timedelta(days=1)
SPEC = {"kind": "nightly", "args": {"n": 1}, "queue": "q"}


async def put(conn: Connection, name: str = "nightly", **given: Any) -> None:
    """Make or replace a schedule."""
    defaults: dict[str, Any] = {
        "cron": "0 3 * * *",
        "timezone": "Europe/Rome",
        "spec": SPEC,
        "catch_up": "last",
    }
    await call(conn, "put_schedule", name, **{**defaults, **given})


async def schedule(conn: Connection, name: str = "nightly") -> dict[str, Any]:
    """Return a schedule's row."""
    row = await conn.fetchrow("select * from jobstream.schedules where name = $1", name)
    assert row is not None
    return dict(row)


async def fire(conn: Connection, due: datetime = DUE) -> str | None:
    """Make the job of a due time: its id."""
    made: str | None = await call(conn, "fire_schedule", "nightly", due, NEXT)
    return made


async def test_schedule_is_stored_and_replaced(conn: Connection) -> None:
    await put(conn)
    await conn.execute("update jobstream.schedules set next_at = $1", NEXT)
    await put(conn, catch_up="all", spec={**SPEC, "priority": 5})
    row = await schedule(conn)
    assert (row["catch_up"], json.loads(row["spec"])["priority"], row["next_at"]) == ("all", 5, NEXT)
    await put(conn, cron="0 4 * * *")
    assert (await schedule(conn))["next_at"] is None


async def test_due_time_makes_one_job(conn: Connection) -> None:
    await put(conn)
    job_id = await fire(conn)
    assert job_id is not None
    row = await job(conn, job_id)
    assert (row["kind"], row["queue"], row["trigger"], row["triggered_by"], row["cron_expr"]) == (
        "nightly", "q", "schedule", "nightly", "0 3 * * *",
    )  # fmt: skip
    assert (await events(conn, job_id))[0]["by"] == "maintenance"
    stored = await schedule(conn)
    assert (stored["next_at"], stored["last_at"], stored["last_job"]) == (NEXT, DUE, job_id)
    assert await fire(conn) is None
    assert await fire(conn, NEXT) is not None
    assert await conn.fetchval("select count(*) from jobstream.jobs") == 2


async def test_ten_instances_at_once_make_one_job(connect: Connect, conn: Connection) -> None:
    await put(conn)
    sessions = [await connect() for _ in range(10)]
    made = await asyncio.gather(*(fire(session) for session in sessions))
    assert sum(one is not None for one in made) == 1
    assert await conn.fetchval("select count(*) from jobstream.jobs") == 1


async def test_job_that_could_not_be_made_leaves_its_due_time_open(conn: Connection) -> None:
    await put(conn)
    transaction = conn.transaction()
    await transaction.start()
    await fire(conn)
    await transaction.rollback()
    assert await fire(conn) is not None


async def test_paused_schedule_makes_none(conn: Connection) -> None:
    await put(conn, paused=True)
    assert await fire(conn) is None
    assert await conn.fetchval("select count(*) from jobstream.schedule_runs") == 0


async def test_run_now_makes_a_job_beside_the_due_times(conn: Connection) -> None:
    await put(conn, paused=True)
    job_id = await call(conn, "run_schedule", "nightly")
    assert (await job(conn, job_id))["trigger"] == "schedule"
    assert (await schedule(conn))["last_at"] is None


async def test_deferred_schedule_notes_why(conn: Connection) -> None:
    await put(conn)
    await call(conn, "defer_schedule", "nightly", NEXT, "no such day")
    row = await schedule(conn)
    assert (row["next_at"], row["last_error"]) == (NEXT, "no such day")
    await fire(conn)
    assert (await schedule(conn))["last_error"] is None


async def test_deleted_schedule_is_gone_and_its_jobs_stay(conn: Connection) -> None:
    await put(conn)
    await fire(conn)
    await call(conn, "delete_schedule", "nightly")
    assert await fire(conn, NEXT) is None
    assert await conn.fetchval("select count(*) from jobstream.jobs") == 1


@pytest.mark.parametrize("verb", ["delete_schedule", "run_schedule"])
async def test_unknown_schedule_is_not_found(conn: Connection, verb: str) -> None:
    with refused("JS404"):
        await call(conn, verb, "nobody")


@pytest.mark.parametrize(
    "given",
    [
        {"cron": "0 3 *"},
        {"cron": ""},
        {"cron": None},
        {"timezone": "Mars/Olympus"},
        {"timezone": None},
        {"catch_up": "never"},
        {"catch_up": None},
        {"spec": {}},
        {"spec": {"kind": "a b"}},
        {"spec": {"kind": "a", "colour": "red"}},
        {"spec": {"kind": "a", "priority": "high"}},
        {"spec": {"kind": "a", "idempotency_key": "k"}},
        {"spec": "[]"},
        {"spec": None},
    ],
    ids=str,
)
async def test_bad_schedule_is_refused(conn: Connection, given: dict[str, Any]) -> None:
    with refused("JS400"):
        await put(conn, **given)


@pytest.mark.parametrize("name", ["a b", "", None])
async def test_bad_name_is_refused(conn: Connection, name: Any) -> None:
    with refused("JS400"):
        await put(conn, name)


async def test_jobs_belong_to_the_schedules_owner(conn: Connection) -> None:
    await put(conn, owner="ann", spec={**SPEC, "unique": "active", "unique_key": "u"})
    job_id = await fire(conn)
    assert job_id is not None
    row = await job(conn, job_id)
    assert (row["owner"], row["unique_for"]) == ("ann", "active")


async def declared(conn: Connection, *names: str) -> list[str]:
    """Say what a worker has in its code; what nobody has."""
    rows = await conn.fetch(
        "select * from jobstream.declare_schedules($1, interval '2 minutes') as d (name)", list(names)
    )
    return [row["name"] for row in rows]


async def test_what_no_worker_has_in_its_code_is_told_after_a_while(conn: Connection) -> None:
    for name in ("by-hand", "kept", "removed"):
        await put(conn, name)
    assert await declared(conn, "kept", "removed") == []
    await conn.execute("update jobstream.schedules set declared_at = declared_at - interval '1 hour'")
    assert await declared(conn, "kept") == ["removed"]
    assert (await schedule(conn, "kept"))["declared_at"] > datetime.now(UTC) - timedelta(minutes=1)
    await put(conn, "removed")
    assert await declared(conn, "kept") == []


async def test_a_worker_waits_for_no_other_that_declares_the_same(conn: Connection, connect: Connect) -> None:
    await put(conn)
    rival = await connect()
    async with rival.transaction():
        await declared(rival, "nightly")
        await conn.execute("set lock_timeout = '1ms'")
        assert await declared(conn, "nightly") == []
