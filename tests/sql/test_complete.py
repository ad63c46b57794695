"""complete(), complete_many(), reject_result(): the good end of an attempt, and its fence."""

import json
from typing import Any

import pytest

from tests.support import Connect, Connection
from tests.support.clock import Clock
from tests.support.sql import (
    call,
    claim,
    data_of,
    ended,
    enqueue,
    events,
    fill,
    history,
    job,
    maintain,
    refused,
    running,
    started,
    status_of,
    until_blocked,
)

UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


async def complete_many(
    conn: Connection,
    ids: list[str | None],
    attempts: list[int | None],
    results: list[str | None] | None = None,
) -> list[tuple[Any, ...]]:
    """Complete many: rows of (status, lost)."""
    rows = await conn.fetch(
        "select * from jobstream.complete_many($1, $2, $3::text[]::jsonb[])", ids, attempts, results
    )
    assert [row["id"] for row in rows] == ids
    return [(row["status"], row["lost"]) for row in rows]


async def test_job_is_done_with_its_result(conn: Connection) -> None:
    job_id = await running(conn)
    assert await call(conn, "complete", job_id, 1, '{"a": [1, null]}') == "done"
    row = await job(conn, job_id)
    assert (row["status"], json.loads(row["result"]), row["reason"]) == ("done", {"a": [1, None]}, None)
    assert (row["worker"], row["lease_until"], row["attempt"]) == (None, None, 1)
    assert row["completed_at"] is not None
    last = (await events(conn, job_id))[-1]
    assert (last["status"], last["by"], last["attempt"]) == ("done", None, 1)
    assert data_of(last) == {"from": "running", "reason": None, "result": {"a": [1, None]}}


async def test_result_is_null_where_none_is_given(conn: Connection) -> None:
    job_id = await running(conn)
    await call(conn, "complete", job_id, 1)
    assert (await job(conn, job_id))["result"] is None


async def test_cost_is_kept(conn: Connection) -> None:
    job_id = await running(conn)
    await call(conn, "complete", job_id, 1, cost_usd=1)
    assert (await job(conn, job_id))["cost_usd"] == 1


@pytest.mark.parametrize("cost", ["-1", "'NaN'"])
async def test_impossible_cost_is_refused(conn: Connection, cost: str) -> None:
    job_id = await running(conn)
    with refused("JS400"):
        await conn.execute(f"select jobstream.complete($1, 1, cost_usd => {cost})", job_id)


async def test_repeated_acknowledgement_succeeds_and_changes_nothing(conn: Connection) -> None:
    job_id = await running(conn)
    await call(conn, "complete", job_id, 1, '{"a": 1}')
    before = await job(conn, job_id)
    assert await call(conn, "complete", job_id, 1, '{"a": 2}') == "done"
    assert await complete_many(conn, [job_id], [1]) == [("done", False)]
    assert await job(conn, job_id) == before
    assert await history(conn, job_id) == ["pending", "running", "done"]


async def test_repetition_after_a_retry_answers_what_the_job_is_now(conn: Connection) -> None:
    job_id = await ended(conn)
    await call(conn, "retry", job_id)
    assert await call(conn, "complete", job_id, 1) == "pending"
    await claim(conn)
    assert await call(conn, "complete", job_id, 1) == "running"
    assert await status_of(conn, job_id) == "running"


@pytest.mark.parametrize("attempt", [0, 2, -1, None, 2_147_483_647])
async def test_another_attempt_is_lost(conn: Connection, attempt: int | None) -> None:
    job_id = await running(conn)
    with refused("JS410"):
        await call(conn, "complete", job_id, attempt)
    assert await complete_many(conn, [job_id], [attempt]) == [("running", True)]
    assert await history(conn, job_id) == ["pending", "running"]


@pytest.mark.parametrize("job_id", [UNKNOWN, "", "x", None])
async def test_unknown_job_is_not_found(conn: Connection, job_id: str | None) -> None:
    with refused("JS404"):
        await call(conn, "complete", job_id, 1)
    assert await complete_many(conn, [job_id], [1], ['{"a": 1}']) == [(None, True)]


@pytest.mark.parametrize(
    "end",
    [
        "select jobstream.fail($1, 1, '\"boom\"')",
        "select jobstream.release($1, 1)",
        "update jobstream.jobs set status = 'done' where id = $1",
        "update jobstream.jobs set status = 'pending' where id = $1",
        "select jobstream.reject_result($1, 1, 'too long')",
    ],
)
async def test_attempt_that_ended_otherwise_is_lost(conn: Connection, end: str) -> None:
    job_id = await running(conn)
    await conn.execute(end, job_id)
    before = await job(conn, job_id)
    with refused("JS410"):
        await call(conn, "complete", job_id, 1)
    assert await job(conn, job_id) == before


async def test_expired_lease_that_nobody_has_rescued_may_be_completed(conn: Connection, clock: Clock) -> None:
    job_id = await running(conn)
    await clock.advance(3600)
    assert await call(conn, "complete", job_id, 1) == "done"


async def test_late_complete_of_a_rescued_job_is_lost_claimed_again_or_not(
    conn: Connection, clock: Clock
) -> None:
    job_id = await running(conn)
    await clock.advance(31)
    await maintain(conn)
    assert await status_of(conn, job_id) == "pending"
    with refused("JS410"):
        await call(conn, "complete", job_id, 1)
    assert await complete_many(conn, [job_id], [1]) == [("pending", True)]
    [again] = await claim(conn)
    with refused("JS410"):
        await call(conn, "complete", job_id, 1)
    assert await call(conn, "complete", job_id, again["attempt"]) == "done"


async def test_complete_beats_a_cancel_that_is_pending(conn: Connection) -> None:
    job_id = await running(conn)
    await call(conn, "cancel", job_id, force=True)
    assert await call(conn, "complete", job_id, 1) == "done"
    assert (await job(conn, job_id))["cancel_requested"] is False


async def test_result_of_one_mebibyte_is_kept_and_one_byte_more_is_refused(conn: Connection) -> None:
    job_id = await running(conn)
    with refused("JS400"):
        await conn.execute("select jobstream.complete($1, 1, to_jsonb(repeat('x', 1048575)))", job_id)
    await conn.execute("select jobstream.complete($1, 1, to_jsonb(repeat('x', 1048574)))", job_id)
    assert await status_of(conn, job_id) == "done"


async def test_limit_counts_bytes_without_white_space(conn: Connection) -> None:
    job_id = await running(conn)
    blanks = json.dumps([1] * 500_000, separators=(",", ":"))
    assert len(blanks) < 1_048_576 < len(json.dumps([1] * 500_000))
    assert await call(conn, "complete", job_id, 1, blanks) == "done"


async def test_result_over_8_kib_gives_way_in_the_event(conn: Connection) -> None:
    job_id = await running(conn)
    await call(conn, "complete", job_id, 1, json.dumps("x" * 8300))
    assert data_of((await events(conn, job_id))[-1]) == {
        "from": "running",
        "reason": None,
        "result_omitted": True,
    }
    small = await running(conn)
    await call(conn, "complete", small, 1, json.dumps("x" * 8000))
    assert data_of((await events(conn, small))[-1])["result"] == "x" * 8000


async def test_many_are_completed_each_with_its_own_result(conn: Connection) -> None:
    ids = await fill(conn, 300)
    await claim(conn, 300)
    shuffled = ids[150:] + ids[:150]
    results = [json.dumps({"of": one}) for one in shuffled]
    assert await complete_many(conn, [*shuffled], [1] * 300, [*results]) == [("done", False)] * 300
    for one in (ids[0], ids[299]):
        assert json.loads((await job(conn, one))["result"]) == {"of": one}
        assert await history(conn, one) == ["pending", "running", "done"]


async def test_lost_one_among_many_is_said_and_the_rest_is_done(conn: Connection) -> None:
    ids = await fill(conn, 4)
    await claim(conn, 3)
    rows = await complete_many(conn, [*ids, UNKNOWN, None], [1, 2, 1, 1, 1, 1], ["1"] * 6)
    assert rows == [
        ("done", False),
        ("running", True),
        ("done", False),
        ("pending", True),
        (None, True),
        (None, True),
    ]


async def test_same_job_twice_in_one_call_is_completed_once(conn: Connection) -> None:
    job_id = await running(conn)
    assert await complete_many(conn, [job_id, job_id], [1, 1]) == [("done", False)] * 2
    assert await history(conn, job_id) == ["pending", "running", "done"]


async def test_too_long_result_sets_its_own_job_aside(conn: Connection) -> None:
    ids = await fill(conn, 3)
    await claim(conn, 3)
    rows = await complete_many(conn, [*ids], [1, 1, 1], ["1", json.dumps("x" * 1_048_577), "3"])
    assert rows == [("done", False), ("dlq", False), ("done", False)]
    assert (await job(conn, ids[1]))["reason"] == "unstorable_result"


async def test_lengths_that_differ_are_refused(conn: Connection) -> None:
    for arguments in ("array['a'], array[1, 2]", "array['a'], array[1], array['1', '2']::jsonb[]"):
        with refused("JS400"):
            await conn.execute(f"select jobstream.complete_many({arguments})")


async def test_nothing_to_complete_is_no_error(conn: Connection) -> None:
    assert await complete_many(conn, [], []) == []


async def test_row_changed_between_asking_and_locking_is_completed_all_the_same(
    conn: Connection, connect: Connect
) -> None:
    ids = await fill(conn, 3)
    await claim(conn, 3)
    operator, worker = await connect(), await connect()
    transaction = operator.transaction()
    await transaction.start()
    await operator.execute('update jobstream.jobs set labels = \'{"a": "b"}\' where id = $1', ids[1])
    statement = "select * from jobstream.complete_many($1, array[1, 1, 1])"
    async with started(worker, statement, ids) as task:
        assert await until_blocked(conn, worker, task)
        await transaction.commit()
        assert [row["lost"] for row in await task] == [False] * 3
    assert {await status_of(conn, one) for one in ids} == {"done"}


async def test_unstorable_result_ends_in_dlq(conn: Connection) -> None:
    job_id = await running(conn)
    assert await call(conn, "reject_result", job_id, 1, "has a NUL") == "dlq"
    row = await job(conn, job_id)
    assert (row["reason"], row["last_error"]) == ("unstorable_result", "UnstorableResult: has a NUL")
    assert await call(conn, "reject_result", job_id, 1, "again") == "dlq"
    assert await complete_many(conn, [job_id], [1]) == [("dlq", False)]


async def test_unstorable_result_with_a_cancel_pending_ends_cancelled(conn: Connection) -> None:
    job_id = await running(conn)
    await call(conn, "cancel", job_id, force=True)
    assert await call(conn, "reject_result", job_id, 1, "has a NUL") == "cancelled"


async def test_job_that_was_never_claimed_has_no_attempt_to_complete(conn: Connection) -> None:
    job_id = await enqueue(conn)
    with refused("JS410"):
        await call(conn, "complete", job_id, 0)
