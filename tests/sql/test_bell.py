"""The bell: which channels, how often, when it is off; what commits may wait for."""

import asyncio
import json
from typing import Any

import pytest

from tests.support import Connect, Connection, eventually
from tests.support.sql import call, claim, enqueue, fill, running, status_of

EVENTS, READY, CANCEL = "jobstream_events", "jobstream_ready", "jobstream_cancel"


class Ear:
    """Listens on all channels."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self.heard: list[tuple[str, str]] = []

    async def listen(self) -> None:
        """Begin."""
        for channel in (EVENTS, READY, CANCEL):
            await self._conn.add_listener(
                channel, lambda _c, _p, name, payload: self.heard.append((name, payload))
            )

    async def all(self, conn: Connection) -> list[tuple[str, str]]:
        """Return what was heard until now, in no order: a mark sent afterwards has come."""
        await conn.execute(f"select pg_notify('{EVENTS}', 'mark')")
        await eventually(lambda: (EVENTS, "mark") in self.heard)
        heard = sorted(one for one in self.heard if one[1] != "mark")
        self.heard.clear()
        return heard


@pytest.fixture
async def ear(connect: Connect) -> Any:
    """Something that listens."""
    conn = await connect()
    made = Ear(conn)
    await made.listen()
    yield made
    await conn.reset()


async def test_enqueue_rings_both_bells_once_with_the_queues_name(conn: Connection, ear: Ear) -> None:
    await fill(conn, 50, queue="images")
    assert await ear.all(conn) == [(EVENTS, ""), (READY, "images")]


async def test_each_queue_is_named_once_in_a_transaction(conn: Connection, ear: Ear) -> None:
    jobs = [{"kind": "a", "queue": name} for name in "abab"]
    await conn.fetch("select jobstream.enqueue_many($1)", json.dumps(jobs))
    heard = await ear.all(conn)
    assert sorted(set(heard)) == [(EVENTS, ""), (READY, "a"), (READY, "b")]
    assert len(heard) == 3


async def test_several_statements_of_a_transaction_ring_once_at_its_commit(
    conn: Connection, ear: Ear
) -> None:
    async with conn.transaction():
        for _ in range(5):
            await enqueue(conn)
        assert ear.heard == []
    assert await ear.all(conn) == [(EVENTS, ""), (READY, "default")]


async def test_what_is_rolled_back_rings_nothing(conn: Connection, ear: Ear) -> None:
    transaction = conn.transaction()
    await transaction.start()
    await enqueue(conn)
    await transaction.rollback()
    assert await ear.all(conn) == []


async def test_savepoint_rolled_back_mutes_nothing_that_follows(conn: Connection, ear: Ear) -> None:
    async with conn.transaction():
        savepoint = conn.transaction()
        await savepoint.start()
        await enqueue(conn)
        await savepoint.rollback()
        await enqueue(conn)
    assert await ear.all(conn) == [(EVENTS, ""), (READY, "default")]


async def test_progress_and_completion_ring_for_events_alone(conn: Connection, ear: Ear) -> None:
    job_id = await running(conn)
    await ear.all(conn)
    await call(conn, "report_progress", job_id, 1, 1)
    assert await ear.all(conn) == [(EVENTS, "")]
    await call(conn, "complete", job_id, 1)
    assert await ear.all(conn) == [(EVENTS, "")]


async def test_heartbeat_rings_nothing(conn: Connection, ear: Ear) -> None:
    job_id = await running(conn)
    await ear.all(conn)
    await conn.execute("select jobstream.heartbeat(array[$1], array[1])", job_id)
    assert await ear.all(conn) == []


@pytest.mark.parametrize(
    "change",
    [
        "select jobstream.release($1, 1)",
        "update jobstream.jobs set status = 'pending' where id = $1",
    ],
)
async def test_job_that_becomes_pending_rings_for_workers(conn: Connection, ear: Ear, change: str) -> None:
    job_id = await running(conn, queue="q")
    await ear.all(conn)
    await conn.execute(change, job_id)
    assert await ear.all(conn) == [(EVENTS, ""), (READY, "q")]


async def test_pending_job_moved_by_hand_rings_for_its_new_queue(conn: Connection, ear: Ear) -> None:
    job_id = await enqueue(conn)
    await ear.all(conn)
    await conn.execute("update jobstream.jobs set queue = 'other' where id = $1", job_id)
    assert (READY, "other") in await ear.all(conn)


async def test_resumed_queue_rings(conn: Connection, ear: Ear) -> None:
    await call(conn, "pause_queue", "q")
    await ear.all(conn)
    await call(conn, "resume_queue", "q")
    assert (READY, "q") in await ear.all(conn)


@pytest.mark.parametrize("by_hand", [False, True])
async def test_worker_is_told_by_name_to_stop(conn: Connection, ear: Ear, by_hand: bool) -> None:
    job_id = await running(conn)
    await ear.all(conn)
    if by_hand:
        await conn.execute("update jobstream.jobs set cancel_requested = true where id = $1", job_id)
    else:
        await call(conn, "cancel", job_id, force=True)
    assert (CANCEL, "w1") in await ear.all(conn)


async def test_bell_can_be_switched_off(conn: Connection, ear: Ear) -> None:
    async with conn.transaction():
        await conn.execute("set local jobstream.bell = 'off'")
        await enqueue(conn)
        [row] = await claim(conn)
        await call(conn, "cancel", row["id"], force=True)
        await call(conn, "pause_queue", "default")
        await conn.execute("select jobstream.cancel_where('{}', false)")
        await conn.execute(
            """select jobstream.put_schedule('s', '* * * * *', 'UTC', '{"kind": "a"}', 'skip')"""
        )
    assert await ear.all(conn) == []


async def test_two_phase_commit_works_with_the_bell_off(conn: Connection, connect: Connect) -> None:
    session = await connect()
    await session.execute("begin")
    await session.execute("set local jobstream.bell = 'off'")
    job_id = await enqueue(
        session, idempotency_key="k", concurrency_key="c", unique_for="active", unique_key="u"
    )
    await session.execute("prepare transaction 'jobstream_test'")
    assert await status_of(conn, job_id) is None
    await conn.execute("commit prepared 'jobstream_test'")
    assert await status_of(conn, job_id) == "waiting"


async def test_two_phase_commit_with_the_bell_on_is_refused_by_postgresql(connect: Connect) -> None:
    session = await connect()
    await session.execute("begin")
    await enqueue(session)
    with pytest.raises(Exception, match="NOTIFY"):
        await session.execute("prepare transaction 'jobstream_test'")


async def test_open_transaction_that_enqueued_mutes_nobody(
    conn: Connection, connect: Connect, ear: Ear
) -> None:
    holder = await connect()
    async with holder.transaction():
        await enqueue(holder)
        await enqueue(conn)
        assert await ear.all(conn) == [(EVENTS, ""), (READY, "default")]


async def test_who_finds_the_bell_rung_just_now_skips_it_and_commits(
    connect: Connect, conn: Connection, ear: Ear
) -> None:
    ringer = await connect()
    async with ringer.transaction():
        await ringer.execute("select pg_advisory_xact_lock(1785688947, 1)")
        async with asyncio.timeout(30):
            await enqueue(conn)
        assert await ear.all(conn) == [(READY, "default")]


async def test_every_transaction_rings_in_mode_notify(connect: Connect, conn: Connection, ear: Ear) -> None:
    ringer = await connect()
    await conn.execute("set jobstream.bell = 'notify'")
    async with ringer.transaction():
        await ringer.execute("select pg_advisory_xact_lock(1785688947, 1)")
        await enqueue(conn)
        assert await ear.all(conn) == [(EVENTS, ""), (READY, "default")]
