"""When and what a worker claims."""

import asyncio
from collections import Counter

import pytest

from jobstream import JobContext, JobStream
from jobstream.store.listener import Listener
from jobstream.store.pool import Database
from jobstream.worker.sizing import QueueShare
from jobstream.worker.supervisor import Worker
from tests.support import Connect, Connection, eventually
from tests.worker.conftest import StartWorker
from tests.worker.support import enqueue, events, status_is

BLOCKED = """
select pid from pg_stat_activity
where datname = current_database() and wait_event_type = 'Lock' and pid <> pg_backend_pid()
"""


async def test_an_idle_worker_hears_the_bell(
    app: JobStream,
    start_worker: StartWorker,
    conn: Connection,
    listener: Listener,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @app.job("one")
    async def one(ctx: JobContext) -> None: ...

    for pause in ("HOT_POLL", "SLOW_POLL"):
        monkeypatch.setattr(f"jobstream.worker.fetcher.{pause}", 3600.0)
    async with start_worker():
        await eventually(lambda: listener.connected)
        for _ in range(5):
            await status_is(conn, await enqueue(conn, "one"), "done")


async def test_without_a_bell_the_slow_poll_finds_jobs(
    app: JobStream, database: Database, conn: Connection
) -> None:
    @app.job("one")
    async def one(ctx: JobContext) -> None: ...

    deaf = Listener(url=database.url, enabled=False)
    worker = Worker(handlers=app.handlers, database=database, listener=deaf, queues=[QueueShare("default")])
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.run())
        for _ in range(3):
            await status_is(conn, await enqueue(conn, "one"), "done")
        worker.stop()


async def test_what_is_more_urgent_runs_first_and_the_queues_order_counts(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    order: list[str] = []

    @app.job("note")
    async def note(ctx: JobContext, args: str) -> None:
        order.append(args)

    await enqueue(conn, "note", "other queue", queue="b", priority=-10)
    await enqueue(conn, "note", "normal")
    await enqueue(conn, "note", "urgent", priority=-1)
    await enqueue(conn, "note", "later", priority=1)
    async with start_worker(concurrency=1, queues=[QueueShare("default"), QueueShare("b")]):
        await eventually(lambda: len(order) == 4)
    assert order == ["urgent", "normal", "later", "other queue"]


async def test_queues_with_weights_share_the_slots_and_none_starves(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    order: list[str] = []

    @app.job("note")
    async def note(ctx: JobContext) -> None:
        order.append(ctx.claimed.queue)
        await asyncio.sleep(0.001)

    for queue in ("urgent", "bulk"):
        await conn.execute(
            """
            select from jobstream.enqueue_many((
                select jsonb_agg(jsonb_build_object('kind', 'note', 'queue', $1::text)) from generate_series(1, 200)
            ))
            """,
            queue,
        )
    queues = [QueueShare("urgent", weight=3), QueueShare("bulk", weight=1)]
    async with start_worker(concurrency=4, queues=queues):
        await eventually(lambda: len(order) == 400, 30)
    early = Counter(order[:200])
    assert 130 <= early["urgent"] <= 175, early


async def test_a_queue_with_all_the_weight_and_no_jobs_holds_nobody_up(
    app: JobStream, start_worker: StartWorker, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    @app.job("note")
    async def note(ctx: JobContext) -> None: ...

    for pause in ("HOT_POLL", "SLOW_POLL"):
        monkeypatch.setattr(f"jobstream.worker.fetcher.{pause}", 3600.0)
    ids = [await enqueue(conn, "note", queue="bulk") for _ in range(60)]
    queues = [QueueShare("empty", 2, weight=1000), QueueShare("bulk", weight=1)]
    async with start_worker(concurrency=2, queues=queues):
        for id in ids:
            await status_is(conn, id, "done")


async def test_an_urgent_job_overtakes_a_backlog(
    app: JobStream, start_worker: StartWorker, conn: Connection
) -> None:
    @app.job("tick")
    async def tick(ctx: JobContext) -> None:
        await asyncio.sleep(0.002)

    await conn.execute(
        """select from jobstream.enqueue_many((select jsonb_agg('{"kind": "tick"}'::jsonb) from generate_series(1, 3000)))"""
    )
    async with start_worker(concurrency=2):
        await eventually(
            lambda: conn.fetchval("select count(*) > 50 from jobstream.jobs where status = 'done'")
        )
        id = await enqueue(conn, "tick", priority=-1)
        await status_is(conn, id, "done", timeout=30)
        left = await conn.fetchval("select count(*) from jobstream.jobs where status = 'pending'")
    assert left > 0


async def test_jobs_of_a_claim_whose_answer_never_came_are_given_back(
    app: JobStream, start_worker: StartWorker, connect: Connect
) -> None:
    @app.job("stray")
    async def stray(ctx: JobContext) -> int:
        return ctx.attempt

    conn, operator = await connect(), await connect()
    await conn.execute("insert into jobstream.queues (name, max_running) values ('default', 100)")
    id = await enqueue(conn, "stray")
    await conn.execute("select from jobstream.claim('{default}', 1, 'half deaf')")
    transaction = operator.transaction()
    await transaction.start()
    await operator.execute("select from jobstream.queues where name = 'default' for update")
    async with start_worker(name="half deaf"):
        backend = await eventually(lambda: conn.fetchval(BLOCKED))
        await conn.execute("select pg_terminate_backend($1)", backend)
        await transaction.rollback()
        job = await status_is(conn, id, "done")
    assert (job["result"], job["failures"], job["crashes"]) == (2, 0, 0)
    assert [status for _, status, _ in await events(conn, id)] == [
        "pending",
        "running",
        "pending",
        "running",
        "done",
    ]
