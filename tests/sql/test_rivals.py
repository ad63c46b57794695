"""Two verbs that meet on one job: who waits for whom, what becomes of both, and that nothing deadlocks.

One is held in its open transaction, the other is started beside it. Verbs that name a job wait for it, and what they
then answer is what they would have answered one after the other. Those that take what they find (claim, heartbeat,
maintain) pass over a job that is held and wait for nobody.
"""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from tests.support import Connect, Connection
from tests.support.clock import Clock
from tests.support.sql import (
    call,
    claim,
    claimed,
    counts,
    ended,
    enqueue,
    fill,
    history,
    job,
    maintain,
    running,
    started,
    status_of,
    until_blocked,
)

NAMING = {
    "complete": "select jobstream.complete($1, 1)",
    "complete_many": "select status, lost from jobstream.complete_many(array[$1], array[1])",
    "fail": "select jobstream.fail($1, 1, '\"boom\"', retry_at => jobstream.clock() + interval '1 h')",
    "give up": "select jobstream.fail($1, 1, '\"boom\"', retryable => false)",
    "release": "select jobstream.release($1, 1)",
    "progress": "select jobstream.report_progress($1, 1, 5)",
    "log": "select jobstream.log($1, 1, 'x')",
    "cancel": "select jobstream.cancel($1)",
    "force cancel": "select jobstream.cancel($1, force => true)",
    "retry": "select jobstream.retry($1)",
    "run now": "select jobstream.run_now($1)",
    "reschedule": "select jobstream.reschedule($1, '2040-01-01')",
    "update to cancelled": "update jobstream.jobs set status = 'cancelled' where id = $1 returning status",
    "update to done": "update jobstream.jobs set status = 'done' where id = $1 returning status",
    "update of priority": "update jobstream.jobs set priority = 7 where id = $1 returning status",
    "delete": "delete from jobstream.jobs where id = $1 returning status",
}
TAKING = {
    "claim": "select id from jobstream.claim('{default}', 1, 'rival') where id = $1",
    "heartbeat": "select lost from jobstream.heartbeat(array[$1], array[1])",
    "maintain": "select jobstream.maintain() is null and $1::text is null",
}

Make = Callable[[Connection], Awaitable[str]]


async def a_running_one(conn: Connection) -> str:
    """Make a job whose lease has expired."""
    job_id = await running(conn)
    await conn.execute(
        "update jobstream.jobs set lease_until = jobstream.clock() - interval '1 s' where id = $1", job_id
    )
    return job_id


async def a_due_one(conn: Connection) -> str:
    """Make a waiting job whose time has come."""
    job_id = await enqueue(conn, delay=timedelta(hours=1))
    await conn.execute(
        "update jobstream.jobs set revision = revision + 1, scheduled_at = jobstream.clock() - interval '1 s'"
        " where id = $1",
        job_id,
    )
    return job_id


MADE: dict[str, Make] = {
    "waiting": a_due_one,
    "pending": enqueue,
    "running": a_running_one,
    "failed": lambda conn: ended(conn, "failed"),
    "done": ended,
}


async def answer_of(statement: Awaitable[Any]) -> Any:
    """Return the rows of a statement, or the code of its refusal."""
    try:
        return [tuple(row) for row in await statement]
    except asyncpg.PostgresError as error:
        assert str(error.sqlstate).startswith("JS"), error
        return error.sqlstate


async def picture(conn: Connection, job_id: str) -> Any:
    """Return all that matters of a job afterwards."""
    row = await conn.fetchrow(
        "select status, reason, attempt, failures, crashes, priority, cancel_requested, worker"
        " from jobstream.jobs where id = $1",
        job_id,
    )
    return (None if row is None else tuple(row), await history(conn, job_id))


async def put_aside(conn: Connection) -> None:
    """Let nothing of an earlier round be taken by the next."""
    await conn.execute("update jobstream.jobs set queue = 'aside' where queue = 'default'")
    await conn.execute(
        "update jobstream.jobs set lease_until = jobstream.clock() + interval '1 h' where status = 'running'"
    )


COMMON = {("running", first) for first in ("complete", "fail", "force cancel", "update to cancelled")}
MEETINGS = [
    pytest.param(state, first, marks=() if (state, first) in COMMON else pytest.mark.slow)
    for state in MADE
    for first in (*NAMING, "claim")
]


# It locks only rows of the attempts that it names, and answers lost for the others.
HOLDS_NOTHING = {("complete_many", "waiting"), ("complete_many", "pending")}


@pytest.mark.parametrize(("state", "first"), MEETINGS)
async def test_second_answers_as_if_the_first_had_been_before_or_never(
    conn: Connection, connect: Connect, state: str, first: str
) -> None:
    holder, rival = await connect(), await connect()
    opening = {**NAMING, **TAKING}[first]
    for second, statement in NAMING.items():
        if (second, state) in HOLDS_NOTHING:
            continue
        for ends in ("commit", "rollback"):
            await put_aside(conn)
            serial = await MADE[state](conn)
            if ends == "commit":
                await answer_of(conn.fetch(opening, serial))
            expected = (await answer_of(conn.fetch(statement, serial)), await picture(conn, serial))

            await put_aside(conn)
            job_id = await MADE[state](conn)
            transaction = holder.transaction()
            await transaction.start()
            refusal = isinstance(await answer_of_savepoint(holder, opening, job_id), str)
            async with started(rival, statement, job_id) as task:
                blocked = await until_blocked(conn, rival, task)
                await (transaction.commit() if ends == "commit" else transaction.rollback())
                got = await answer_of(task)
            assert (got, await picture(conn, job_id)) == expected, f"{second} after {first}, {ends}"
            holds = not refusal and first != "claim" and (first, state) not in HOLDS_NOTHING
            if holds:
                assert blocked, f"{second} did not wait for {first}"


async def answer_of_savepoint(conn: Connection, statement: str, job_id: str) -> Any:
    """Run a statement that may be refused without losing the transaction."""
    try:
        async with conn.transaction():
            return [tuple(row) for row in await conn.fetch(statement, job_id)]
    except asyncpg.PostgresError as error:
        assert str(error.sqlstate).startswith("JS"), error
        return error.sqlstate


@pytest.mark.parametrize("taker", TAKING)
@pytest.mark.parametrize("state", ["waiting", "pending", "running"])
async def test_takers_pass_over_a_job_that_is_held_and_wait_for_nobody(
    conn: Connection, connect: Connect, state: str, taker: str
) -> None:
    holder, rival = await connect(), await connect()
    for first, opening in NAMING.items():
        await put_aside(conn)
        alone = await MADE[state](conn)
        await answer_of(conn.fetch(opening, alone))
        expected = (await picture(conn, alone))[1]
        await put_aside(conn)
        job_id = await MADE[state](conn)
        async with holder.transaction():
            await holder.fetch("select from jobstream.jobs where id = $1 for update", job_id)
            await answer_of_savepoint(holder, opening, job_id)
            async with started(rival, TAKING[taker], job_id) as task:
                assert not await until_blocked(conn, rival, task), f"{taker} waits for {first}"
                await task
        assert (await picture(conn, job_id))[1] == expected, f"{taker} beside {first}"


@pytest.mark.parametrize("state", ["waiting", "running"])
async def test_two_that_maintain_do_each_job_once_and_wait_for_nobody(
    conn: Connection, connect: Connect, state: str
) -> None:
    holder, rival = await connect(), await connect()
    job_id = await MADE[state](conn)
    async with holder.transaction():
        await call(holder, "maintain")
        async with started(rival, "select jobstream.maintain()") as task:
            assert not await until_blocked(conn, rival, task)
            await task
    told = {"waiting": ["waiting", "pending"], "running": ["pending", "running", "pending"]}
    assert await history(conn, job_id) == told[state]
    assert (await job(conn, job_id))["crashes"] == (1 if state == "running" else 0)


@pytest.mark.parametrize("verb", ["complete", "fail", "release"])
async def test_verb_of_the_worker_that_waits_for_its_rescue_is_lost(
    conn: Connection, connect: Connect, verb: str
) -> None:
    holder, rival = await connect(), await connect()
    job_id = await a_running_one(conn)
    transaction = holder.transaction()
    await transaction.start()
    await call(holder, "maintain")
    async with started(rival, NAMING[verb], job_id) as task:
        assert await until_blocked(conn, rival, task)
        await transaction.commit()
        assert await answer_of(task) == "JS410"
    assert await history(conn, job_id) == ["pending", "running", "pending"]


async def test_completion_of_an_upstream_and_the_settling_of_its_follower_meet(
    conn: Connection, connect: Connect, clock: Clock
) -> None:
    settler, worker = await connect(), await connect()
    upstream = await running(conn)
    follower = await enqueue(conn, await_jobs=[upstream])
    transaction = settler.transaction()
    await transaction.start()
    await call(settler, "maintain")
    async with started(worker, NAMING["complete"], upstream) as task:
        assert await until_blocked(conn, worker, task), "the settler has locked the upstream, shared"
        await transaction.commit()
        await task
    assert await status_of(conn, follower) == "pending"

    upstream = await running(conn, queue="other")
    follower = await enqueue(conn, await_jobs=[upstream])
    async with worker.transaction():
        await call(worker, "complete", upstream, 1)
        async with started(settler, "select jobstream.maintain()") as task:
            assert not await until_blocked(conn, settler, task)
            await task
    await clock.advance(1)
    await maintain(conn)
    assert await status_of(conn, follower) == "pending"


async def test_cancel_of_a_follower_and_the_end_of_its_upstream_meet(
    conn: Connection, connect: Connect
) -> None:
    one, two = await connect(), await connect()
    for first, second in ((("cancel", 1), ("complete", 0)), (("complete", 0), ("cancel", 1))):
        upstream = await running(conn)
        pair = [upstream, await enqueue(conn, await_jobs=[upstream])]
        await maintain(conn)
        transaction = one.transaction()
        await transaction.start()
        await one.fetch(NAMING[first[0]], pair[first[1]])
        async with started(two, NAMING[second[0]], pair[second[1]]) as task:
            waits = await until_blocked(conn, two, task)
            assert waits is (second[0] == "cancel"), "completion waits for nobody on behalf of followers"
            await transaction.commit()
            await task
        await maintain(conn)
        assert [await status_of(conn, one_of) for one_of in pair] == ["done", "cancelled"]


async def test_ends_of_two_upstreams_of_one_follower_meet(
    conn: Connection, connect: Connect, clock: Clock
) -> None:
    one, two = await connect(), await connect()
    ids = await fill(conn, 2)
    await claim(conn, 2)
    follower = await enqueue(conn, await_jobs=ids)
    await maintain(conn)
    async with one.transaction():
        await call(one, "complete", ids[0], 1)
        async with started(two, NAMING["complete"], ids[1]) as task:
            assert not await until_blocked(conn, two, task)
            await task
    await clock.advance(1)
    await maintain(conn)
    assert await history(conn, follower) == ["waiting", "pending"]


async def test_plain_update_in_another_order_than_a_completion_deadlocks_nothing(
    conn: Connection, connect: Connect
) -> None:
    operator, worker = await connect(), await connect()
    upstream = await running(conn)
    follower = await enqueue(conn, await_jobs=[upstream])
    await maintain(conn)
    transaction = operator.transaction()
    await transaction.start()
    await operator.execute("update jobstream.jobs set priority = 1 where id = $1", follower)
    async with started(worker, NAMING["complete"], upstream) as task:
        assert not await until_blocked(conn, worker, task)
        await task
    await operator.execute("update jobstream.jobs set priority = 1 where id = $1", upstream)
    await transaction.commit()
    assert await claimed(conn) == [follower]


async def test_two_completions_of_the_same_jobs_in_opposite_order_deadlock_nothing(
    conn: Connection, connect: Connect
) -> None:
    one, two = await connect(), await connect()
    ids = await fill(conn, 50)
    await claim(conn, 50)
    statement = "select lost from jobstream.complete_many($1, array_fill(1, array[50]))"
    transaction = one.transaction()
    await transaction.start()
    await one.fetch(statement, ids)
    async with started(two, statement, ids[::-1]) as task:
        assert await until_blocked(conn, two, task)
        await transaction.commit()
        assert {row["lost"] for row in await task} == {False}
    assert await counts(conn) == {"done": 50}


async def test_admissions_of_one_key_meet_and_the_limit_holds(conn: Connection, connect: Connect) -> None:
    one, two = await connect(), await connect()
    await fill(conn, 4, concurrency_key="c")
    async with one.transaction():
        first = await claimed(one)
        async with started(two, "select id from jobstream.claim('{default}', 10)") as task:
            assert not await until_blocked(conn, two, task)
            assert await task == []
    assert len(first) == 1
    assert await claimed(conn) == []


async def test_retry_and_retention_meet(conn: Connection, connect: Connect, clock: Clock) -> None:
    one, two = await connect(), await connect()
    kept, gone = await ended(conn, queue="other"), await ended(conn)
    await clock.advance(8 * 86_400)
    async with one.transaction():
        await call(one, "retry", kept)
        async with started(two, "select jobstream.maintain()") as task:
            assert not await until_blocked(conn, two, task)
            await task
    assert (await status_of(conn, kept), await status_of(conn, gone)) == ("pending", None)

    late = await ended(conn)
    await clock.advance(8 * 86_400)
    transaction = one.transaction()
    await transaction.start()
    await maintain(one)
    async with started(two, NAMING["retry"], late) as task:
        assert await until_blocked(conn, two, task)
        await transaction.commit()
        assert await answer_of(task) == "JS404"


async def test_bulk_and_claim_meet(conn: Connection, connect: Connect) -> None:
    one, two = await connect(), await connect()
    await fill(conn, 10)
    await conn.execute("select jobstream.cancel_where('{}', false)")
    async with one.transaction():
        taken = await claimed(one, 3)
        async with started(two, "select jobstream.maintain()") as task:
            await task
    await maintain(conn)
    assert await counts(conn) == {"running": 3, "cancelled": 7}
    assert {await status_of(conn, job_id) for job_id in taken} == {"running"}


async def test_pipelines_cancel_and_completion_of_its_step_meet(conn: Connection, connect: Connect) -> None:
    one, two = await connect(), await connect()
    made = json.loads(
        await conn.fetchval(
            """select jobstream.create_pipeline('p', '[{"key": "a", "kind": "work"},
            {"key": "b", "kind": "work", "after": ["a"]}]')"""
        )
    )
    await claim(conn)
    transaction = one.transaction()
    await transaction.start()
    await call(one, "cancel_pipeline", made["id"])
    async with started(two, NAMING["complete"], made["jobs"]["a"]) as task:
        assert await until_blocked(conn, two, task)
        await transaction.commit()
        assert await answer_of(task) == [("done",)]
    await maintain(conn)
    row = await conn.fetchrow("select status, step from jobstream.pipelines")
    assert row is not None
    assert tuple(row) == ("cancelled", 1)
