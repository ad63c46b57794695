"""A crash of the database takes back what was not flushed, and hands transaction ids out again: cursors outlive it."""

import os
import signal
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from jobstream.domain.cursor import Cursor
from jobstream.domain.job import JobFilter, NewJob
from jobstream.embedded import EmbeddedServer
from jobstream.store.events import Batch, EventStore
from jobstream.store.jobs import JobStore
from jobstream.store.pool import Database
from tests.support import Connection, eventually

Read = Callable[[Database, str], Awaitable[str]]


async def by_position(database: Database, before: str) -> str:
    events = EventStore(database)
    return await events.token((await events.position()).cursor)


async def by_step(database: Database, before: str) -> str:
    events = EventStore(database)
    cursor = await events.resolve(before)
    assert isinstance(cursor, Cursor)
    batch = await events.step(cursor)
    assert isinstance(batch, Batch)
    return str(batch.token)


async def by_list(database: Database, before: str) -> str:
    return (await JobStore(database).list(JobFilter())).event_cursor


@pytest.mark.slow
@pytest.mark.parametrize("read", [by_position, by_step, by_list])
async def test_a_cursor_from_before_a_crash_passes_over_no_event(primary: EmbeddedServer, read: Read) -> None:
    async with Database.connect(primary.url, size=2) as database:
        before = await by_position(database, "")
        await JobStore(database).enqueue(NewJob(kind="k"))
        connection = await asyncpg.connect(primary.url)
        rolled_back = [await rolled_back_xid(connection) for _ in range(8)]
        token = await read(database, before)
        os.kill(connection.get_server_pid(), signal.SIGKILL)
        connection.terminate()
    after = await eventually(lambda: reconnected(primary.url), 60)
    assert after is not None
    for _ in range(20):
        await after.execute("select jobstream.enqueue('k')")
    rows = await after.fetch("select id, xid::text::bigint as xid from jobstream.job_events order by id")
    assert min(row["xid"] for row in rows[1:]) > max(rolled_back)
    await after.close()
    async with Database.connect(primary.url, size=2) as database:
        events = EventStore(database)
        cursor = await events.resolve(token)
        assert isinstance(cursor, Cursor), cursor
        batch = await events.step(cursor)
        assert isinstance(batch, Batch)
        assert [event.id for event in batch.events] == [row["id"] for row in rows[1:]]


async def rolled_back_xid(connection: Connection) -> int:
    await connection.execute("begin")
    xid = int(await connection.fetchval("select pg_current_xact_id()::text"))
    await connection.execute("rollback")
    return xid


async def reconnected(url: str) -> "Connection | None":
    try:
        return await asyncpg.connect(url, timeout=30)
    except (OSError, asyncpg.PostgresError):
        return None
