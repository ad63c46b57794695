"""unique_for and unique_key: no second job while one is pending, or active."""

import asyncio
import time
from datetime import timedelta

import pytest

from tests.support import Connect, Connection
from tests.support.sql import call, ended, enqueue, enqueue_many, enqueue_row, refused, running

UNIQUE = "select id, idempotent from jobstream.enqueue('work', unique_for => 'active', unique_key => 'u')"


async def test_second_answers_the_first(conn: Connection) -> None:
    first = await enqueue(conn, unique_for="active", unique_key="u")
    again = await enqueue_row(conn, unique_for="active", unique_key="u", args={"other": 1})
    assert tuple(again) == (first, "pending", True)


@pytest.mark.parametrize(("unique_for", "makes_another"), [("pending", True), ("active", False)])
async def test_running_job_stands_in_the_way_of_active_only(
    conn: Connection, unique_for: str, makes_another: bool
) -> None:
    first = await running(conn, unique_for=unique_for, unique_key="u")
    again = await enqueue(conn, unique_for=unique_for, unique_key="u")
    assert (again != first) is makes_another


async def test_waiting_job_counts_as_pending(conn: Connection) -> None:
    first = await enqueue(conn, unique_for="pending", unique_key="u", delay=timedelta(hours=1))
    assert await enqueue(conn, unique_for="pending", unique_key="u") == first


@pytest.mark.parametrize("status", ["done", "dlq", "cancelled"])
async def test_ended_job_stands_in_nobodys_way(conn: Connection, status: str) -> None:
    first = await ended(conn, status, unique_for="active", unique_key="u")
    assert await enqueue(conn, unique_for="active", unique_key="u") != first


async def test_other_kind_or_owner_is_another_key(conn: Connection) -> None:
    made = {
        await enqueue(conn, "a", unique_for="active", unique_key="u"),
        await enqueue(conn, "b", unique_for="active", unique_key="u"),
        await enqueue(conn, "a", unique_for="active", unique_key="u", owner="ann"),
    }
    assert len(made) == 3


async def test_same_key_twice_in_a_batch_makes_one_job(conn: Connection) -> None:
    rows = await enqueue_many(conn, [{"kind": "a", "unique_for": "active", "unique_key": "u"}] * 3)
    assert len({row["id"] for row in rows}) == 1
    assert [row["idempotent"] for row in rows] == [False, True, True]


async def test_ten_at_once_make_one_job(connect: Connect) -> None:
    sessions = [await connect() for _ in range(10)]
    rows = await asyncio.gather(*(session.fetchrow(UNIQUE) for session in sessions))
    assert len({row["id"] for row in rows if row}) == 1


async def test_key_held_by_an_open_transaction_is_busy_after_two_seconds(
    conn: Connection, connect: Connect
) -> None:
    holder = await connect()
    transaction = holder.transaction()
    await transaction.start()
    await holder.fetch(UNIQUE)
    before = time.monotonic()
    with refused("JS423"):
        await conn.fetch(UNIQUE)
    assert time.monotonic() - before > 1.9
    await transaction.rollback()


async def test_idempotency_key_is_stronger_than_the_unique_key(conn: Connection) -> None:
    first = await enqueue(conn, idempotency_key="k1", unique_for="active", unique_key="u")
    await call(conn, "cancel", first)
    second = await enqueue(conn, idempotency_key="k2", unique_for="active", unique_key="u")
    assert second != first
    again = await enqueue_row(conn, idempotency_key="k1", unique_for="active", unique_key="u")
    assert tuple(again) == (first, "cancelled", True)


async def test_repeated_key_in_a_batch_is_no_reason_to_answer_a_job_that_was_not_made(
    conn: Connection,
) -> None:
    first = await enqueue(conn, idempotency_key="k1", unique_for="active", unique_key="u")
    await call(conn, "cancel", first)
    unique = {"kind": "work", "unique_for": "active", "unique_key": "u"}
    rows = await enqueue_many(conn, [{**unique, "idempotency_key": "k1"}, unique, unique])
    assert [row["idempotent"] for row in rows] == [True, False, True]
    assert rows[0]["id"] == first
    assert rows[1]["id"] == rows[2]["id"] != first
