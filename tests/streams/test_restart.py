"""The database crashes under open streams and comes back: they stay open, and each tells everything that was committed, once."""

import asyncio
import json
import os
import signal

import asyncpg
import pytest

from jobstream.embedded import EmbeddedServer
from tests.streams.reading import heard, serving, stored, told, types
from tests.streams.wire import Block
from tests.support import Connection, eventually
from tests.support.sql import call, claim, enqueue

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

STEPS = [{"key": "only", "kind": "step", "queue": "steps"}]


async def crash(connection: Connection) -> None:
    """Kill one backend the hard way: the server ends all others and recovers from its log."""
    os.kill(await connection.fetchval("select pg_backend_pid()"), signal.SIGKILL)
    connection.terminate()


async def recovered(url: str) -> "Connection | None":
    try:
        return await asyncpg.connect(url, timeout=30)
    except (OSError, asyncpg.PostgresError):
        return None


async def test_open_streams_outlive_a_crash_of_the_database(primary: EmbeddedServer) -> None:
    connection = await asyncpg.connect(primary.url)
    job = await enqueue(connection, queue="a")
    made = json.loads(
        await connection.fetchval("select jobstream.create_pipeline('p', $1::jsonb)", json.dumps(STEPS))
    )
    paths = ["/events?from=earliest", f"/jobs/{job}/events", f"/pipelines/{made['id']}/events"]
    seen: list[list[Block]] = [[] for _ in paths]
    ends = [heard("log"), heard("end"), heard("end")]
    async with serving(primary.url) as address, asyncio.TaskGroup() as group:
        for path, until, found in zip(paths, ends, seen, strict=True):
            group.create_task(told(address, path, until=until, found=found))
        # Who is still catching up has to come back.
        await eventually(lambda: all(types(found).count("heartbeat") > 1 for found in seen))
        writing = [await asyncpg.connect(primary.url) for _ in range(4)]
        await asyncio.gather(*(enqueue(each, queue="b") for each in writing))
        await crash(connection)
        # Before that the server may not have noticed, and let in whom it ends a moment later.
        await eventually(lambda: all(each.is_closed() for each in writing))
        after = await eventually(lambda: recovered(primary.url), 60)
        assert after is not None
        for queue in ("a", "steps"):
            [leased] = await claim(after, 1, queue)
            await call(after, "report_progress", leased["id"], leased["attempt"], 1, 2)
            await call(after, "complete", leased["id"], leased["attempt"])
        [leased] = await claim(after, 1, "b")
        await call(after, "log", leased["id"], leased["attempt"], "the last")
        rows = await after.fetch("select id, job_id, pipeline_id from jobstream.job_events order by id")
        await eventually(lambda: "log" in types(seen[0]), 30)
        await after.close()
    assert all("reset" not in types(found) and types(found).count("hello") == 1 for found in seen)
    assert sorted(stored(seen[0])) == [row["id"] for row in rows]
    assert stored(seen[1]) == [row["id"] for row in rows if row["job_id"] == job]
    assert stored(seen[2]) == [row["id"] for row in rows if row["pipeline_id"] == made["id"]]
