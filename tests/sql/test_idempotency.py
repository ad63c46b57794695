"""Idempotency keys: one job a key and owner, fingerprints, keys held by open transactions."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest

from tests.support import Connect, Connection
from tests.support.sql import (
    call,
    ended,
    enqueue,
    enqueue_many,
    enqueue_row,
    refused,
    running,
    started,
    status_of,
    until_blocked,
)

KEYED = "select id, status, idempotent from jobstream.enqueue('work', idempotency_key => 'k')"


async def test_repetition_answers_the_first_job_and_its_status_now(conn: Connection) -> None:
    first = await running(conn, idempotency_key="k")
    again = await enqueue_row(conn, idempotency_key="k")
    assert tuple(again) == (first, "running", True)
    assert await conn.fetchval("select count(*) from jobstream.jobs") == 1


async def test_key_lives_as_long_as_its_job_however_it_ended(conn: Connection) -> None:
    first = await ended(conn, "dlq", idempotency_key="k")
    assert tuple(await enqueue_row(conn, idempotency_key="k")) == (first, "dlq", True)


async def test_key_belongs_to_its_owner(conn: Connection) -> None:
    assert await enqueue(conn, idempotency_key="k", owner="a") != await enqueue(
        conn, idempotency_key="k", owner="b"
    )


@pytest.mark.parametrize(
    "other",
    [
        {"args": {"a": 2}},
        {"queue": "images"},
        {"priority": 1},
        {"delay": timedelta(seconds=1)},
        {"max_attempts": 4},
        {"backoff": {"type": "fixed"}},
        {"timeout_seconds": 5},
        {"labels": {"a": "b"}},
        {"concurrency_key": "c"},
        {"class": "x"},
        {"mode": "x"},
        {"scope": "x"},
    ],
    ids=lambda other: next(iter(other)),
)
async def test_same_key_with_another_body_is_refused(conn: Connection, other: dict[str, Any]) -> None:
    first = await enqueue(conn, args={"a": 1}, idempotency_key="k")
    with refused("JS422"):
        await enqueue(conn, **{"args": {"a": 1}, "idempotency_key": "k", **other})
    assert await status_of(conn, first) == "pending"


@pytest.mark.parametrize("other", [{"triggered_by": "x"}, {"await_for": "ended"}])
async def test_what_is_no_part_of_the_request_may_differ(conn: Connection, other: dict[str, Any]) -> None:
    first = await enqueue(conn, idempotency_key="k")
    assert await enqueue(conn, idempotency_key="k", **other) == first


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ({"args": {"a": 1, "b": [2]}}, {"args": {"b": [2], "a": 1}}),
        ({}, {"max_attempts": 3, "priority": 0, "queue": "default", "args": {}, "labels": {}}),
        ({}, {"backoff": {"type": "exponential", "base": 5, "max": 120, "jitter": 0.1}}),
        ({}, {"backoff": {}}),
        ({}, {"await_jobs": []}),
        ({"delay": timedelta(seconds=60)}, {"delay": timedelta(minutes=1)}),
    ],
)
async def test_same_request_in_other_words_is_the_same(
    conn: Connection, one: dict[str, Any], same: dict[str, Any]
) -> None:
    first = await enqueue(conn, idempotency_key="k", **one)
    assert await enqueue(conn, idempotency_key="k", **same) == first


async def test_delay_is_compared_as_given_not_as_the_moment_it_falls_on(conn: Connection) -> None:
    first = await enqueue(conn, idempotency_key="k", delay=timedelta(seconds=60))
    assert await enqueue(conn, idempotency_key="k", delay=timedelta(seconds=60)) == first


@pytest.mark.parametrize(
    "setting", ["timezone = 'Asia/Tokyo'", "datestyle = 'SQL, DMY'", "intervalstyle = 'iso_8601'"]
)
async def test_sessions_formats_do_not_matter(conn: Connection, connect: Connect, setting: str) -> None:
    statement = """
        select id from jobstream.enqueue('work', idempotency_key => 'k', deadline => '2040-01-02 03:04:05+00')
    """
    other = await connect()
    await other.execute(f"set {setting}")
    assert await conn.fetchval(statement) == await other.fetchval(statement)


async def test_twenty_at_once_make_one_job(connect: Connect) -> None:
    sessions = [await connect() for _ in range(20)]
    rows = await asyncio.gather(*(session.fetchrow(KEYED) for session in sessions))
    assert len({row["id"] for row in rows if row}) == 1
    assert sorted(row["idempotent"] for row in rows if row) == [False] + [True] * 19


async def test_second_waits_for_an_open_first_and_answers_its_job(conn: Connection, connect: Connect) -> None:
    holder, rival = await connect(), await connect()
    transaction = holder.transaction()
    await transaction.start()
    first = await enqueue(holder, idempotency_key="k")
    async with started(rival, KEYED) as second:
        assert await until_blocked(conn, rival, second)
        await transaction.commit()
        [row] = await second
    assert tuple(row) == (first, "pending", True)


async def test_second_makes_the_job_if_the_first_rolls_back(conn: Connection, connect: Connect) -> None:
    holder, rival = await connect(), await connect()
    transaction = holder.transaction()
    await transaction.start()
    first = await enqueue(holder, idempotency_key="k")
    async with started(rival, KEYED) as second:
        assert await until_blocked(conn, rival, second)
        await transaction.rollback()
        [row] = await second
    assert (row["id"] != first, row["idempotent"]) == (True, False)


async def test_key_held_by_an_open_transaction_is_busy_after_two_seconds(
    conn: Connection, connect: Connect
) -> None:
    holder = await connect()
    transaction = holder.transaction()
    await transaction.start()
    await enqueue(holder, idempotency_key="k")
    before = time.monotonic()
    with refused("JS423"):
        await conn.fetch(KEYED)
    assert time.monotonic() - before > 1.9
    await transaction.rollback()
    assert not (await enqueue_row(conn, idempotency_key="k"))["idempotent"]


async def test_busy_key_leaves_nothing_of_its_batch(conn: Connection, connect: Connect) -> None:
    holder = await connect()
    transaction = holder.transaction()
    await transaction.start()
    await enqueue(holder, idempotency_key="k")
    with refused("JS423"):
        await conn.fetch(
            """select jobstream.enqueue_many('[{"kind": "a"}, {"kind": "work", "idempotency_key": "k"}]')"""
        )
    await transaction.rollback()
    assert await conn.fetchval("select count(*) from jobstream.jobs") == 0


async def test_own_lock_timeout_of_a_session_comes_back(conn: Connection) -> None:
    await conn.execute("set lock_timeout = '7s'")
    await enqueue(conn, idempotency_key="k")
    assert await conn.fetchval("show lock_timeout") == "7s"


async def test_two_gathers_of_the_same_keys_in_the_same_order_never_deadlock(connect: Connect) -> None:
    one, two = await connect(), await connect()
    for round in range(10):
        items = [{"kind": "a", "idempotency_key": f"{round}-{n:02}"} for n in range(50)]
        first, second = await asyncio.gather(enqueue_many(one, items), enqueue_many(two, items))
        assert [row["id"] for row in first] == [row["id"] for row in second]


async def test_key_of_a_deleted_job_is_free(conn: Connection) -> None:
    first = await ended(conn, idempotency_key="k")
    await conn.execute("delete from jobstream.jobs where id = $1", first)
    assert await enqueue(conn, idempotency_key="k") != first


async def test_request_after_a_retry_answers_the_same_job(conn: Connection) -> None:
    first = await ended(conn, "dlq", idempotency_key="k")
    await call(conn, "retry", first)
    assert tuple(await enqueue_row(conn, idempotency_key="k")) == (first, "pending", True)
