"""A transaction that enqueued and stays open holds up nothing and nobody else.

A producer enqueues with an idempotency key, a unique key, upstreams, a concurrency key, labels, a pipeline; and waits.
Everything that anybody else may want to do meanwhile must go through without waiting for a lock.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

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
    events,
    fill,
    maintain,
    running,
    status_of,
)

STEPS = json.dumps([{"key": "a", "kind": "work"}, {"key": "b", "kind": "work", "after": ["a"]}])
PATIENCE = 1.0
"""Seconds that a verb may take beside the open transaction; it is far less than any bound on waiting."""


@pytest.fixture
async def upstream(conn: Connection) -> str:
    """A running job that the open transaction's jobs await."""
    return await running(conn, concurrency_key="c")


@pytest.fixture
async def producer(connect: Connect, upstream: str) -> AsyncIterator[Connection]:
    """A session with an open transaction that has enqueued everything there is to enqueue."""
    session = await connect(server_settings={"application_name": "producer"})
    transaction = session.transaction()
    await transaction.start()
    await enqueue(session)
    await enqueue(session, idempotency_key="held", labels={"a": "b"})
    await enqueue(session, unique_for="active", unique_key="held")
    await enqueue(session, await_jobs=[upstream], parent_job=upstream)
    await enqueue(session, await_jobs=[upstream], await_for="ended", delay=timedelta(seconds=5))
    await fill(session, 50, concurrency_key="c")
    await call(session, "create_pipeline", "p", STEPS, idempotency_key="held")
    yield session
    await transaction.commit()


async def quickly(conn: Connection, verb: Any) -> Any:
    """Run what must not wait."""
    async with asyncio.timeout(PATIENCE):
        return await verb


async def test_every_verb_goes_through_beside_it(
    conn: Connection, upstream: str, producer: Connection
) -> None:
    await conn.execute("set lock_timeout = '50ms'")  # whoever waits at all, fails
    others = await fill(conn, 3)
    await enqueue(conn, idempotency_key="mine", concurrency_key="c", await_jobs=[upstream])
    await enqueue(conn, unique_for="active", unique_key="mine")
    assert await claimed(conn, 2) == others[:2]
    await conn.execute("select jobstream.heartbeat($1, array[1, 1])", others[:2])
    await call(conn, "report_progress", others[0], 1, 1)
    await call(conn, "log", others[0], 1, "x")
    await call(conn, "emit", others[0], 1, "x")
    await call(conn, "fail", others[0], 1, '"boom"')
    await call(conn, "release", others[1], 1)
    await call(conn, "run_now", others[0])
    await call(conn, "reschedule", others[0], await conn.fetchval("select now() + interval '1 hour'"))
    await call(conn, "cancel", others[0])
    await call(conn, "retry", others[0])
    await conn.execute("update jobstream.jobs set priority = 1 where status <> 'done'")
    await conn.execute("select jobstream.complete($1, 1)", upstream)
    await conn.execute("select jobstream.cancel_where('{}', false)")
    await maintain(conn)
    await call(conn, "set_queue", "default", key_limit=2, max_running=100, rate_count=1000, rate_seconds=1)
    await call(conn, "pause_queue", "default")
    await call(conn, "resume_queue", "default")
    await call(conn, "create_pipeline", "p", STEPS, idempotency_key="mine")
    await call(conn, "put_schedule", "s", "* * * * *", "UTC", '{"kind": "a"}', "skip")
    await call(conn, "run_schedule", "s")
    await claim(conn, 10)
    for view in ("status", "queue_stats", "stuck_jobs", "job_timeline"):
        await conn.fetch(f"select * from jobstream.{view}")
    await call(conn, "explain_job", others[2])
    await conn.execute("delete from jobstream.jobs where status = 'cancelled'")


async def test_its_concurrency_key_is_free_for_others(
    conn: Connection, upstream: str, producer: Connection
) -> None:
    other = await enqueue(conn, concurrency_key="c")
    await quickly(conn, call(conn, "complete", upstream, 1))
    assert await quickly(conn, claimed(conn)) == [other]
    await quickly(conn, call(conn, "complete", other, 1))


async def test_retention_and_new_days_go_on(conn: Connection, clock: Clock, producer: Connection) -> None:
    old = await ended(conn, queue="other")
    await clock.advance(8 * 86_400)
    await quickly(conn, maintain(conn))
    assert await status_of(conn, old) is None


async def test_events_of_others_are_seen_at_once(
    conn: Connection, connect: Connect, producer: Connection
) -> None:
    reader = await connect()
    job_id = await enqueue(conn)
    assert len(await quickly(reader, events(reader, job_id))) == 1


async def test_its_jobs_run_after_its_commit(conn: Connection, connect: Connect, clock: Clock) -> None:
    upstream = await running(conn, queue="other")
    producer = await connect()
    transaction = producer.transaction()
    await transaction.start()
    follower = await enqueue(producer, await_jobs=[upstream], concurrency_key="c")
    await call(conn, "complete", upstream, 1)
    await maintain(conn)
    assert await claimed(conn) == []
    await transaction.commit()
    assert await claimed(conn) == [follower]


@pytest.mark.slow
async def test_drain_of_others_goes_on_however_long_it_stays_open(
    conn: Connection, connect: Connect, upstream: str, producer: Connection, pytestconfig: pytest.Config
) -> None:
    seconds = 60 * (pytestconfig.getoption("minutes") or 0.05)  # --minutes 1 for the whole minute
    worker = await connect()
    for session in (conn, worker):
        await session.execute("set lock_timeout = '1s'")
    await call(worker, "complete", upstream, 1)
    done = 1
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        first, *_ = await fill(conn, 20)
        await fill(conn, 5, concurrency_key="c")
        await enqueue(conn, await_jobs=[first], unique_for="active", unique_key=first, idempotency_key=first)
        for _ in range(26):  # as long as it may take where a key lets through one at a time
            for row in await claim(worker, 50):
                done += await call(worker, "complete", row["id"], 1) == "done"
        await maintain(worker)
        assert await counts(conn) == {"done": done}
    assert done > 26
