"""The database's own duties, and who leads."""

import pytest

from jobstream.domain.job import NewJob
from jobstream.errors import DatabaseUnavailable
from jobstream.store.jobs import JobStore
from jobstream.store.maintenance import MaintenanceStore
from jobstream.store.pool import Database
from tests.support.clock import Clock
from tests.support.types import Connection


async def test_the_next_duty_is_told(database: Database, clock: Clock) -> None:
    maintenance = MaintenanceStore(database)
    made = await JobStore(database).enqueue(NewJob(kind="k", delay=100))
    assert await maintenance.maintain() is not None
    seconds = await maintenance.maintain_for()
    assert seconds is not None
    assert 0 < seconds <= 100
    await clock.advance(101)
    await maintenance.maintain_for()
    assert (await JobStore(database).get(made.id)).status == "pending"


async def test_one_leads_at_a_time(database: Database, database_url: str) -> None:
    async with (
        Database.connect(database_url) as other,
        MaintenanceStore(database).try_lead() as lead,
    ):
        assert lead is not None
        await lead.maintain_for()
        async with MaintenanceStore(other).try_lead() as second:
            assert second is None
    async with MaintenanceStore(database).try_lead() as again:
        assert again is not None


async def test_a_lead_is_lost_with_its_connection(database: Database, conn: Connection) -> None:
    maintenance = MaintenanceStore(database)
    holder = """
        select pid from pg_locks
        where locktype = 'advisory' and classid = 1785688947 and objid = 0
            and database = (select oid from pg_database where datname = current_database())
    """
    async with maintenance.try_lead() as lead:
        assert lead is not None
        await conn.execute(f"select pg_terminate_backend(({holder}))")
        with pytest.raises(DatabaseUnavailable):
            await lead.maintain_for()
    async with maintenance.try_lead() as again:
        assert again is not None
