"""The schedules in a worker's code, and those that are in nobody's."""

import logging

import pytest

from jobstream import JobContext, JobStream
from jobstream.store.pool import Database
from jobstream.store.schedules import ScheduleStore
from jobstream.worker.declarations import Declarations
from tests.support import Connection


async def test_a_schedule_that_went_from_the_code_is_told_once_and_goes_on(
    app: JobStream, database: Database, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    @app.schedule("0 3 * * *")
    @app.schedule("0 4 * * *", name="removed")
    @app.job("nightly")
    async def nightly(ctx: JobContext) -> None: ...

    store = ScheduleStore(database)
    before = Declarations(store=store, schedules=app.schedules.values(), patience=0)
    await before.declare()
    assert [(each.name, each.undeclared) for each in await store.list()] == [
        ("nightly", False),
        ("removed", False),
    ]

    await conn.execute("update jobstream.schedules set declared_at = declared_at - interval '1 hour'")
    after = Declarations(store=store, schedules=[app.schedules["nightly"]], patience=0)
    with caplog.at_level(logging.WARNING):
        await after.declare()
        await after.run_once()
    assert [record.getMessage().count("removed") for record in caplog.records] == [1]
    assert [(each.name, each.undeclared) for each in await store.list()] == [
        ("nightly", False),
        ("removed", True),
    ]


async def test_a_worker_that_has_just_begun_gives_others_time_to_declare_theirs(
    database: Database, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    await conn.execute("select jobstream.put_schedule('theirs', '0 3 * * *', spec => '{\"kind\": \"k\"}')")
    await conn.execute("update jobstream.schedules set declared_at = now() - interval '1 hour'")
    await Declarations(store=ScheduleStore(database), schedules=[]).run_once()
    assert caplog.records == []
