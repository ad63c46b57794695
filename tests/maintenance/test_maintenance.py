"""One process does the duties, at the right time, and another takes over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from jobstream.errors import DatabaseUnavailable
from jobstream.maintenance import Maintenance
from jobstream.maintenance.maintenance import MAX_PAUSE
from jobstream.store.listener import Listener
from jobstream.store.maintenance import MaintenanceStore
from jobstream.store.pool import Database
from tests.support import Connection, eventually
from tests.worker.support import enqueue, row, status_is

LEADERS = """
select pid from pg_locks
where locktype = 'advisory' and classid = 1785688947 and objid = 0 and granted
    and database = (select oid from pg_database where datname = current_database())
"""


@asynccontextmanager
async def running(database: Database) -> AsyncIterator[Maintenance]:
    """Maintenance with its bell, once it hears it."""
    made = Maintenance(store=MaintenanceStore(database))
    listener = Listener(url=database.url)
    listener.on_notify("jobstream_events", made.bell)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(made.run()), group.create_task(listener.run())]
        await eventually(lambda: listener.connected)
        yield made
        for task in tasks:
            task.cancel()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobstream.maintenance.maintenance.STANDBY_SECONDS", 0.1)


async def test_one_at_a_time_leads_and_the_next_takes_over(database: Database, conn: Connection) -> None:
    async with running(database) as second:
        async with running(database) as first:
            await eventually(lambda: first.leads or second.leads)
            assert first.leads != second.leads
            assert len(await conn.fetch(LEADERS)) == 1
        await eventually(lambda: second.leads)


async def test_a_leader_that_loses_its_session_stands_again(database: Database, conn: Connection) -> None:
    async with running(database) as only:
        await eventually(lambda: only.leads)
        [[pid]] = await conn.fetch(LEADERS)
        await conn.fetchval("select pg_terminate_backend($1)", pid)

        async def leads_again() -> bool:
            found = await conn.fetch(LEADERS)
            return only.leads and [leader["pid"] for leader in found] != [pid] and len(found) == 1

        await eventually(leads_again)


async def test_a_due_job_is_promoted_when_it_is_due_and_not_at_the_next_round(
    database: Database, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobstream.maintenance.maintenance.MAX_PAUSE", 300.0)
    async with running(database):
        id = await enqueue(conn, "later", delay=timedelta(seconds=0.5))
        job = await status_is(conn, id, "pending")
        moved = await conn.fetchval(
            "select at from jobstream.job_events where job_id = $1 and status = 'pending'", id
        )
    assert moved >= job["scheduled_at"]


async def test_an_expired_lease_is_rescued_by_the_next_round(database: Database, conn: Connection) -> None:
    assert MAX_PAUSE <= 1  # seconds, between two rounds
    async with running(database):
        id = await enqueue(conn, "lost")
        [[until]] = await conn.fetch("select lease_until from jobstream.claim('{default}', 1, 'w', '1 s')")
        await status_is(conn, id, "pending")
        moved = await conn.fetchval(
            "select max(at) from jobstream.job_events where job_id = $1 and status = 'pending'", id
        )
    assert moved >= until


async def test_the_bell_lets_held_jobs_through_before_the_next_round(
    database: Database, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobstream.maintenance.maintenance.MAX_PAUSE", 300.0)
    async with running(database) as maintenance:
        await eventually(lambda: maintenance.leads)
        for number in range(5):
            id = await enqueue(conn, "keyed", concurrency_key=f"k{number}")
            await status_is(conn, id, "pending")


async def test_run_once_works_without_leading(database: Database, conn: Connection) -> None:
    id = await enqueue(conn, "keyed", concurrency_key="k")
    assert (await row(conn, id))["status"] == "waiting"
    pause = await Maintenance(store=MaintenanceStore(database)).run_once()
    assert (await row(conn, id))["status"] == "pending"
    assert 0 <= pause.least <= pause.most <= 1


async def test_a_leader_that_stands_still_loses_the_lead(database: Database, conn: Connection) -> None:
    async with MaintenanceStore(database).try_lead() as silent, running(database) as other:
        assert silent is not None
        await eventually(lambda: other.leads)
        with pytest.raises(DatabaseUnavailable):
            await silent.maintain_for()
