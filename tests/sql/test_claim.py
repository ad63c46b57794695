"""claim(): order, leases, queues, positions; what it never hands out."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support import Connect, Connection
from tests.support.clock import Clock
from tests.support.sql import call, claim, claimed, counts, enqueue, events, fill, history, job, refused

MINUTE = timedelta(minutes=1)


async def test_claim_leases_and_counts(conn: Connection, clock: Clock) -> None:
    job_id = await enqueue(conn)
    [row] = await claim(conn, worker="w7")
    assert (row["id"], row["status"], row["attempt"], row["worker"]) == (job_id, "running", 1, "w7")
    assert row["lease_until"] - row["started_at"] == timedelta(seconds=30)
    stored = await job(conn, job_id)
    assert (stored["lease_until"], stored["attempt"]) == (row["lease_until"], 1)


async def test_claim_is_an_event_of_the_new_attempt(conn: Connection) -> None:
    job_id = await enqueue(conn)
    await claim(conn)
    made = (await events(conn, job_id))[-1]
    assert (made["status"], made["attempt"], made["by"]) == ("running", 1, None)


async def test_smaller_priority_goes_first_then_the_older(conn: Connection) -> None:
    late = await enqueue(conn, priority=5)
    first = await enqueue(conn, priority=-5)
    middle = await enqueue(conn)
    middle_too = await enqueue(conn)
    assert await claimed(conn) == [first, middle, middle_too, late]


async def test_queues_come_in_array_order(conn: Connection) -> None:
    a, b = await enqueue(conn, queue="a"), await enqueue(conn, queue="b", priority=-9)
    assert await claimed(conn, 10, "a", "b") == [a, b]


async def test_two_queues_share_n(conn: Connection) -> None:
    await fill(conn, 3, queue="a")
    await fill(conn, 3, queue="b")
    rows = await claim(conn, 4, "a", "b")
    assert [row["queue"] for row in rows] == ["a", "a", "a", "b"]


async def test_same_queue_twice_is_the_queue_once(conn: Connection) -> None:
    ids = await fill(conn, 3)
    assert await claimed(conn, 10, "default", "default") == ids


async def test_only_pending_jobs_are_handed_out(conn: Connection) -> None:
    await enqueue(conn, delay=MINUTE)
    await call(conn, "cancel", await enqueue(conn))
    assert await claim(conn, 10) == []


async def test_default_lease_worker_and_number(conn: Connection) -> None:
    await fill(conn, 2)
    [row] = await conn.fetch("select * from jobstream.claim('{default}')")
    assert row["lease_until"] - row["started_at"] == timedelta(seconds=30)
    user = await conn.fetchval("select session_user")
    assert row["worker"].startswith(user)


async def test_lease_is_as_asked(conn: Connection) -> None:
    await enqueue(conn)
    [row] = await claim(conn, lease=timedelta(seconds=5))
    assert row["lease_until"] - row["started_at"] == timedelta(seconds=5)


@pytest.mark.parametrize(
    "arguments",
    [
        "null",
        "array[null]::text[]",
        "'{default}', -1",
        "'{default}', null",
        "'{default}', lease => '0'",
        "'{default}', lease => '-1 s'",
        "'{default}', lease => null",
        "'{default}', lease => '400 days'",
        "'{default}', after => '[]'",
        "'{default}', after => '7'",
        "'{default}', after => '{\"default\": 7}'",
        "'{default}', after => '{\"default\": []}'",
        '\'{default}\', after => \'{"default": ["a", "b"]}\'',
        "'{default}', after => '{\"default\": [1.5, \"b\"]}'",
        "'{default}', after => '{\"default\": [99999999999, \"b\"]}'",
        "'{default}', after => '{\"default\": [0, 7]}'",
    ],
)
async def test_bad_input_is_refused(conn: Connection, arguments: str) -> None:
    with refused("JS400"):
        await conn.fetch(f"select * from jobstream.claim({arguments})")


async def test_nothing_to_claim_is_no_error(conn: Connection) -> None:
    assert await claim(conn, 10) == []
    assert await conn.fetch("select * from jobstream.claim('{}', 5)") == []
    assert await claim(conn, 0) == []


async def test_two_at_once_share_the_jobs(conn: Connection, connect: Connect) -> None:
    ids = await fill(conn, 200)
    sessions = [await connect() for _ in range(4)]
    got = await asyncio.gather(*(claimed(session, 50) for session in sessions))
    assert sorted(one for some in got for one in some) == ids


async def test_rows_that_somebody_holds_are_passed_over(conn: Connection, connect: Connect) -> None:
    ids = await fill(conn, 3)
    holder = await connect()
    async with holder.transaction():
        await holder.fetch("select from jobstream.jobs where id = $1 for update", ids[0])
        assert await claimed(conn) == ids[1:]


async def test_after_looks_behind_the_position_first(conn: Connection) -> None:
    ids = await fill(conn, 5)
    assert await claimed(conn, 2, after={"default": [0, ids[1]]}) == ids[2:4]


async def test_after_starts_anew_from_the_head_where_too_few_are_behind(conn: Connection) -> None:
    ids = await fill(conn, 5)
    assert await claimed(conn, 4, after={"default": [0, ids[3]]}) == [ids[4], *ids[:3]]


async def test_after_of_another_queue_is_no_matter(conn: Connection) -> None:
    ids = await fill(conn, 2)
    assert await claimed(conn, 2, after={"images": [0, "Z"]}) == ids


@pytest.mark.parametrize("after", [{"default": [2147483647, "Z"]}, {"default": [-2147483648, ""]}])
async def test_after_may_stand_at_either_end(conn: Connection, after: dict[str, Any]) -> None:
    ids = await fill(conn, 2, priority=2147483647)
    assert await claimed(conn, 2, after=after) == ids


async def test_job_past_its_deadline_is_not_handed_out(conn: Connection, clock: Clock) -> None:
    job_id = await enqueue(conn, deadline=datetime.now(UTC) + MINUTE)
    await clock.advance(61)
    assert await claim(conn) == []
    assert await history(conn, job_id) == ["pending"]


async def test_progress_of_an_earlier_attempt_is_dropped(conn: Connection) -> None:
    job_id = await enqueue(conn)
    await claim(conn)
    await call(conn, "report_progress", job_id, 1, 5, 10)
    await call(conn, "release", job_id, 1)
    [row] = await claim(conn)
    assert (row["progress"], row["attempt"]) == (None, 2)


async def test_claim_rolled_back_leaves_the_job_pending(conn: Connection) -> None:
    job_id = await enqueue(conn)
    transaction = conn.transaction()
    await transaction.start()
    await claim(conn)
    await transaction.rollback()
    assert await history(conn, job_id) == ["pending"]
    assert await counts(conn) == {"pending": 1}


async def test_claim_answers_whole_jobs(conn: Connection) -> None:
    await enqueue(conn, args={"path": "a"}, labels={"x": "y"})
    [row] = await claim(conn)
    columns = await conn.fetch(
        "select attname from pg_attribute where attrelid = 'jobstream.jobs'::regclass and attnum > 0"
    )
    assert {column["attname"] for column in columns} == set(row.keys())


async def test_large_n_is_no_error(conn: Connection) -> None:
    ids = await fill(conn, 3)
    assert await claimed(conn, 2_147_483_647) == ids
