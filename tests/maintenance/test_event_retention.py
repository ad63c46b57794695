"""JOBSTREAM_EVENT_RETENTION_DAYS reaches the database, from `serve` and from a worker."""

from datetime import timedelta

import pytest

from tests.support import Connection, Process, eventually
from tests.support.logins import Logins
from tests.support.sql import enqueue, refused
from tests.worker.support import status_is

KEPT = "select value from jobstream.settings where name = 'event_retention_days'"
DAYS = "select count(*) from pg_inherits where inhparent = 'jobstream.job_events'::regclass"


@pytest.mark.parametrize(
    "command", [("serve", "--port", "0"), ("worker", "tests.process.tasks:app")], ids=["serve", "worker"]
)
async def test_setting_says_how_long_events_are_kept(
    command: tuple[str, ...], database_url: str, conn: Connection
) -> None:
    assert await conn.fetchval(KEPT) == "14"
    await conn.execute(
        "select jobstream.create_event_day(current_date - 5), jobstream.create_event_day(current_date - 2)"
    )
    before = await conn.fetchval(DAYS)
    await conn.execute("update jobstream.settings set value = '0' where name = 'house_kept_at'")
    environ = {"JOBSTREAM_DATABASE_URL": database_url, "JOBSTREAM_EVENT_RETENTION_DAYS": "3"}
    with Process(*command, environ=environ):

        async def the_older_is_gone() -> bool:
            return bool(await conn.fetchval(DAYS) == before - 1)

        await eventually(the_older_is_gone)
        assert await conn.fetchval(KEPT) == "3"


async def test_role_that_may_not_say_so_is_told_and_its_jobs_run(conn: Connection, login: Logins) -> None:
    environ = {"JOBSTREAM_DATABASE_URL": login("jobstream_work"), "JOBSTREAM_EVENT_RETENTION_DAYS": "3"}
    with Process("worker", "tests.process.tasks:app", environ=environ) as process:
        await process.printed("JOBSTREAM_EVENT_RETENTION_DAYS has no effect")
        await status_is(conn, await enqueue(conn, "nap", delay=timedelta(seconds=0.1)), "done")
    assert await conn.fetchval(KEPT) == "14"


async def test_a_number_of_days_that_makes_no_sense_is_refused(conn: Connection) -> None:
    for days in (0, 3651, None):
        with refused("JS400"):
            await conn.execute("select jobstream.set_event_retention($1)", days)
