"""Due times become jobs, each exactly once."""

import asyncio
from datetime import timedelta

from jobstream import JobContext, JobStream
from jobstream.maintenance import Maintenance
from jobstream.maintenance.schedules import Schedules
from jobstream.store.listener import Listener
from jobstream.store.pool import Database
from jobstream.store.schedules import ScheduleStore
from jobstream.worker.sizing import QueueShare
from jobstream.worker.supervisor import Worker
from tests.support import Connection
from tests.support.clock import Clock

MADE = "select count(*) from jobstream.jobs where kind = 'tick' and trigger = 'schedule'"


async def put(conn: Connection, cron: str = "*/5 * * * *", catch_up: str = "last") -> None:
    await conn.execute(
        """select jobstream.put_schedule('tick', $1, 'UTC', '{"kind": "tick"}', $2)""", cron, catch_up
    )


async def test_each_due_time_makes_one_job_whoever_looks(
    database: Database, conn: Connection, clock: Clock
) -> None:
    await put(conn)
    rivals = [Schedules(store=ScheduleStore(database)) for _ in range(4)]
    for _ in range(3):
        await asyncio.gather(*(rival.run_once() for rival in rivals))
        await clock.advance(300)
    assert await conn.fetchval(MADE) == 2
    [found] = await conn.fetch("select * from jobstream.schedules")
    assert found["last_job"] is not None and found["last_error"] is None


async def test_all_missed_times_are_made_up_for_where_that_is_asked(
    database: Database, conn: Connection, clock: Clock
) -> None:
    await put(conn, catch_up="all")
    schedules = Schedules(store=ScheduleStore(database))
    await schedules.run_once()
    await clock.advance(3600)
    await schedules.run_once()
    assert await conn.fetchval(MADE) == 12


async def test_a_paused_schedule_makes_no_job(database: Database, conn: Connection, clock: Clock) -> None:
    await put(conn)
    schedules = Schedules(store=ScheduleStore(database))
    await schedules.run_once()
    await conn.execute("update jobstream.schedules set paused = true")
    await clock.advance(3600)
    await schedules.run_once()
    assert await conn.fetchval(MADE) == 0


async def test_an_expression_that_cannot_be_read_is_noted(database: Database, conn: Connection) -> None:
    await put(conn, "61 * * * *")
    await Schedules(store=ScheduleStore(database)).run_once()
    [found] = await conn.fetch(
        "select last_error, next_at - jobstream.clock() as later from jobstream.schedules"
    )
    assert "61 * * * *" in found["last_error"] and found["later"] > timedelta(minutes=50)


async def test_maintenance_fires_schedules(database: Database, conn: Connection, clock: Clock) -> None:
    await put(conn)
    await Maintenance.over(database).run_once()
    await clock.advance(301)
    await Maintenance.over(database).run_once()
    assert await conn.fetchval(MADE) == 1


async def test_declared_schedules_are_written_and_an_operators_pause_stays(
    database: Database, conn: Connection
) -> None:
    app = JobStream()

    @app.schedule("0 3 * * *", timezone="Europe/Rome")
    @app.job("nightly", queue="night", max_attempts=5, timeout=60)
    async def nightly(ctx: JobContext) -> None: ...

    async def start_and_stop() -> None:
        worker = Worker(
            handlers=app.handlers,
            schedules=app.schedules.values(),
            database=database,
            listener=Listener(url=database.url, enabled=False),
            queues=[QueueShare("night")],
        )
        worker.stop()
        await worker.run()

    await start_and_stop()
    [first] = await conn.fetch("select * from jobstream.schedules")
    assert (first["name"], first["cron"], first["timezone"]) == ("nightly", "0 3 * * *", "Europe/Rome")
    await conn.execute("update jobstream.schedules set paused = true")
    id = await conn.fetchval("select jobstream.run_schedule('nightly')")
    [job] = await conn.fetch(
        "select queue, max_attempts, timeout_seconds from jobstream.jobs where id = $1", id
    )
    assert tuple(job) == ("night", 5, 60)

    await start_and_stop()
    [second] = await conn.fetch("select * from jobstream.schedules")
    assert second["paused"] and second["updated_at"] == first["updated_at"]


async def test_instances_that_declare_the_same_at_once_make_one_schedule_and_one_job_a_time(
    database: Database, conn: Connection, clock: Clock
) -> None:
    app = JobStream()

    @app.schedule("*/5 * * * *", name="five")
    @app.schedule("0 * * * *", name="hour")
    @app.job("tick")
    async def tick(ctx: JobContext) -> None: ...

    async def instance() -> None:
        store = ScheduleStore(database)
        for schedule in app.schedules.values():
            await store.declare(schedule)
        await Schedules(store=store).run_once()

    await asyncio.gather(*(instance() for _ in range(6)))
    assert await conn.fetchval("select array_agg(name order by name) from jobstream.schedules") == [
        "five",
        "hour",
    ]
    await clock.advance(3600)
    await asyncio.gather(*(instance() for _ in range(6)))
    assert await conn.fetchval(MADE) == 2
