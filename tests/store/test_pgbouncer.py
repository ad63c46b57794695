"""Everything but LISTEN through PgBouncer in transaction mode, where a session is anybody's."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from jobstream.client import Client, connect
from jobstream.domain.job import JobFilter, NewJob
from jobstream.store.events import Batch, EventStore
from jobstream.store.jobs import JobStore
from jobstream.store.leases import LeaseStore
from jobstream.store.maintenance import MaintenanceStore
from jobstream.store.pool import Database
from tests.support.bouncer import bouncer_before
from tests.support.types import Connection


@pytest.fixture
async def pooled_url(database_url: str) -> AsyncIterator[str]:
    """The test's database through a PgBouncer with two servers' connections for all."""
    async with bouncer_before(database_url) as url:
        yield url


@pytest.fixture
async def pooled(pooled_url: str) -> AsyncIterator[Database]:
    async with Database.connect(pooled_url, size=20, is_direct=False) as database:
        yield database


async def test_statements_of_many_clients_share_two_sessions(pooled: Database, conn: Connection) -> None:
    jobs, leases = JobStore(pooled), LeaseStore(pooled)

    async def live(place: int) -> None:
        made = await jobs.enqueue(
            NewJob(kind=f"k{place}", queue=f"q{place}", idempotency_key=str(place)), principal=f"p{place}"
        )
        [job] = await leases.claim([f"q{place}"], limit=1, worker="w")
        await leases.complete(job.id, job.attempt, result=str(place))
        assert (await jobs.get(made.id)).lifecycle.result == place
        assert [found.id for found in (await jobs.list(JobFilter(kind=(f"k{place}",)))).items] == [made.id]

    async with asyncio.TaskGroup() as group:
        for place in range(60):
            group.create_task(live(place))
    wrong = await conn.fetchval(
        "select count(*) from jobstream.job_events where status = 'pending' and by <> 'p' || substr(kind, 2)"
    )
    assert wrong == 0


async def test_steps_go_through_it(pooled: Database) -> None:
    events = EventStore(pooled)
    cursor = (await events.position()).cursor
    await JobStore(pooled).enqueue_many([NewJob(kind="k")] * 3)
    batch = await events.step(cursor)
    assert isinstance(batch, Batch)
    assert len(batch.events) == 3


async def test_processes_take_turns_at_maintenance(pooled: Database, database: Database) -> None:
    async with MaintenanceStore(pooled).try_lead() as one, MaintenanceStore(pooled).try_lead() as other:
        assert one is not None
        assert other is not None
        async with asyncio.TaskGroup() as group:
            for lead in (one, other) * 5:
                group.create_task(lead.maintain_for())
    async with MaintenanceStore(database).try_lead() as direct:
        assert direct is not None, "no lock stays with a session that is anybody's"


async def test_a_client_enqueues_through_it_and_listens_beside_it(
    pooled_url: str, database_url: str, database: Database
) -> None:
    async with connect(pooled_url, listen_url=database_url) as client:
        handle = await client.enqueue("k")
        async with asyncio.TaskGroup() as group:
            result = group.create_task(handle.result(timeout=20))
            [job] = await LeaseStore(database).claim(["default"], limit=1, worker="w")
            await LeaseStore(database).complete(job.id, 1, result="7")
        assert isinstance(client, Client)
    assert result.result() == 7
