"""synchronous_commit: off is raised to local where events are written, and nothing else is touched."""

import pytest

from tests.support import Connection
from tests.support.sql import call, enqueue, running

WRITES = [
    "select jobstream.enqueue('work')",
    "select jobstream.report_progress($1, 1, 1)",
    "select jobstream.log($1, 1, 'x')",
    "select jobstream.emit($1, 1, 'x')",
    "select jobstream.complete($1, 1)",
    "update jobstream.jobs set priority = 1 where id = $1",
]


@pytest.mark.parametrize("write", WRITES)
async def test_off_becomes_local_for_the_transaction_that_writes_events(conn: Connection, write: str) -> None:
    job_id = await running(conn)
    await conn.execute("set synchronous_commit = 'off'")
    async with conn.transaction():
        await conn.execute(write, *([job_id] if "$1" in write else []))
        assert await conn.fetchval("show synchronous_commit") == "local"
    assert await conn.fetchval("show synchronous_commit") == "off"


@pytest.mark.parametrize("setting", ["local", "on", "remote_apply", "remote_write"])
async def test_anything_else_stays(conn: Connection, setting: str) -> None:
    await conn.execute(f"set synchronous_commit = '{setting}'")
    async with conn.transaction():
        await enqueue(conn)
        assert await conn.fetchval("show synchronous_commit") == setting


async def test_transaction_without_events_stays_as_it_is(conn: Connection) -> None:
    await conn.execute("set synchronous_commit = 'off'")
    async with conn.transaction():
        await call(conn, "maintain")
        assert await conn.fetchval("show synchronous_commit") == "off"
