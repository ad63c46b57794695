"""cancel_where(), retry_where(), delete_where(): counted, worked off in batches by whoever maintains."""

import asyncio
import json
from typing import Any

import pytest

from tests.support import Connect, Connection
from tests.support.clock import Clock
from tests.support.sql import counts, ended, enqueue, events, fill, maintain, refused, running, status_of


async def bulk(
    conn: Connection, action: str, filter: dict[str, Any], *, dry_run: bool = False
) -> tuple[Any, ...]:
    """Start a bulk operation: (id, matched)."""
    row = await conn.fetchrow(f"select * from jobstream.{action}_where($1, $2)", json.dumps(filter), dry_run)
    assert row is not None
    return tuple(row)


async def state(conn: Connection, bulk_id: str) -> dict[str, Any]:
    """Return how a bulk operation stands."""
    row = await conn.fetchrow("select * from jobstream.bulk_operations where id = $1", bulk_id)
    assert row is not None
    return dict(row)


async def test_dry_run_is_the_default_and_changes_nothing(conn: Connection) -> None:
    await fill(conn, 3)
    row = await conn.fetchrow("select * from jobstream.cancel_where('{}')")
    assert row is not None
    assert tuple(row) == (None, 3)
    await maintain(conn)
    assert await counts(conn) == {"pending": 3}


async def test_all_that_match_are_cancelled_in_batches(conn: Connection) -> None:
    await fill(conn, 1300)
    await fill(conn, 5, queue="other")
    bulk_id, matched = await bulk(conn, "cancel", {"queue": "default"})
    assert matched == 1300
    await conn.execute("select jobstream.maintain()")
    assert (await counts(conn))["cancelled"] == 500
    await maintain(conn)
    assert await counts(conn) == {"cancelled": 1300, "pending": 5}
    row = await state(conn, bulk_id)
    assert (row["status"], row["done"], row["skipped"]) == ("done", 1300, 0)
    assert row["completed_at"] is not None


async def test_events_say_who_asked(conn: Connection) -> None:
    job_id = await enqueue(conn)
    async with conn.transaction():
        await conn.execute("select set_config('jobstream.principal', 'ann', true)")
        bulk_id, _ = await bulk(conn, "cancel", {})
    await maintain(conn)
    assert (await events(conn, job_id))[-1]["by"] == "ann"
    assert (await state(conn, bulk_id))["by"] == "ann"


async def test_running_jobs_are_not_touched(conn: Connection) -> None:
    job_id = await running(conn)
    assert (await bulk(conn, "cancel", {}))[1] == 0
    await maintain(conn)
    assert await status_of(conn, job_id) == "running"


async def test_jobs_enqueued_afterwards_are_not_touched(conn: Connection) -> None:
    await enqueue(conn)
    await bulk(conn, "cancel", {})
    later = await enqueue(conn)
    await maintain(conn)
    assert await status_of(conn, later) == "pending"


@pytest.mark.parametrize(
    ("filter", "matched"),
    [
        ({}, 6),
        ({"kind": "a"}, 2),
        ({"kind": ["a", "b"]}, 3),
        ({"queue": "q"}, 1),
        ({"status": "waiting"}, 1),
        ({"status": ["waiting", "pending"]}, 6),
        ({"owner": "ann"}, 1),
        ({"label": "x:1"}, 1),
        ({"label": "x:1:2"}, 1),
        ({"label": ["x:1", "x:1:2"]}, 2),
        ({"since": "2999-01-01"}, 0),
        ({"until": "2999-01-01"}, 6),
        ({"q": "A"}, 2),
        ({"q": "%"}, 0),
        ({"kind": "a", "label": "x:1"}, 1),
        ({"pipeline_id": "x"}, 0),
        ({"kind": None}, 0),
    ],
    ids=str,
)
async def test_filters_are_those_of_lists(conn: Connection, filter: dict[str, Any], matched: int) -> None:
    await enqueue(conn, "a", labels={"x": "1"})
    await enqueue(conn, "a", labels={"x": "1:2"})
    await enqueue(conn, "b")
    await enqueue(conn, "c", queue="q")
    await enqueue(conn, "d", concurrency_key="k")
    await enqueue(conn, "e", owner="ann")
    assert (await bulk(conn, "cancel", filter, dry_run=True))[1] == matched


@pytest.mark.parametrize(
    "filter",
    [
        "[]",
        "7",
        "null",
        '{"colour": "red"}',
        '{"since": "soon"}',
        '{"until": 7}',
        '{"kind": {}}',
        '{"since": ["2020-01-01"]}',
        '{"q": ["a"]}',
    ],
)
async def test_bad_filter_is_refused(conn: Connection, filter: str) -> None:
    with refused("JS400"):
        await conn.fetch("select * from jobstream.cancel_where($1)", filter)


async def test_failed_and_ended_jobs_are_retried_once(conn: Connection) -> None:
    for status in ("done", "dlq", "cancelled", "failed"):
        await ended(conn, status)
    _, matched = await bulk(conn, "retry", {"status": ["dlq", "failed"]})
    await maintain(conn)
    assert matched == 2
    assert await counts(conn) == {"pending": 2, "done": 1, "cancelled": 1}


async def test_ended_jobs_are_deleted(conn: Connection) -> None:
    await ended(conn), await ended(conn, "dlq"), await enqueue(conn)
    bulk_id, matched = await bulk(conn, "delete", {})
    await maintain(conn)
    assert (matched, await counts(conn)) == (2, {"pending": 1})
    assert (await state(conn, bulk_id))["done"] == 2


async def test_several_instances_share_the_work(conn: Connection, connect: Connect) -> None:
    await fill(conn, 2000)
    bulk_id, _ = await bulk(conn, "cancel", {})
    sessions = [await connect() for _ in range(3)]
    await asyncio.gather(*(maintain(session) for session in sessions))
    await maintain(conn)
    assert await counts(conn) == {"cancelled": 2000}
    assert (await state(conn, bulk_id))["done"] == 2000


async def test_rows_held_by_an_open_transaction_are_skipped_and_counted(
    conn: Connection, connect: Connect
) -> None:
    ids = await fill(conn, 10)
    holder = await connect()
    async with holder.transaction():
        await holder.fetch("select from jobstream.jobs where id = $1 for update", ids[4])
        bulk_id, _ = await bulk(conn, "cancel", {})
        await maintain(conn)
    row = await state(conn, bulk_id)
    assert (row["status"], row["done"], row["skipped"]) == ("done", 9, 1)
    assert await counts(conn) == {"cancelled": 9, "pending": 1}


async def test_operation_of_an_open_transaction_is_not_begun(conn: Connection, connect: Connect) -> None:
    await enqueue(conn)
    holder = await connect()
    async with holder.transaction():
        await bulk(holder, "cancel", {})
        await maintain(conn)
        assert await counts(conn) == {"pending": 1}


async def test_old_operations_are_forgotten(conn: Connection, clock: Clock) -> None:
    await bulk(conn, "cancel", {})
    await maintain(conn)
    await clock.advance(31 * 86_400)
    await maintain(conn)
    assert await conn.fetchval("select count(*) from jobstream.bulk_operations") == 0
