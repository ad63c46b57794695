"""The SQL surface as tests call it: builders with defaults, rows, refusals, and rivals that wait for a lock."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg
import pytest

from tests.support.types import Connection
from tests.support.waiting import eventually

STATE = """
select string_agg(wait_event_type || ':' || wait_event, ',')
from pg_stat_activity
where pid = $1 and wait_event_type = 'Lock'
"""


def encoded(value: Any) -> Any:
    """Give asyncpg what it takes for jsonb: text. A list is left alone: it is an array here."""
    return json.dumps(value) if isinstance(value, dict) else value


async def call(conn: Connection, function: str, *arguments: Any, **named: Any) -> Any:
    """Call a function of the schema that answers one value."""
    places = [f"${place}" for place in range(1, len(arguments) + 1)]
    places += [f"{name} => ${place}" for place, name in enumerate(named, len(arguments) + 1)]
    values = [encoded(value) for value in (*arguments, *named.values())]
    return await conn.fetchval(f"select jobstream.{function}({', '.join(places)})", *values)


async def enqueue_row(conn: Connection, kind: str = "work", **parameters: Any) -> asyncpg.Record:
    """Enqueue one job: its row of id, status, idempotent."""
    names = "".join(f", {name} => ${place}" for place, name in enumerate(parameters, 2))
    values = [encoded(value) for value in parameters.values()]
    row = await conn.fetchrow(f"select * from jobstream.enqueue($1{names})", kind, *values)
    assert row is not None
    return row


async def enqueue(conn: Connection, kind: str = "work", **parameters: Any) -> str:
    """Enqueue one job: its id."""
    return str((await enqueue_row(conn, kind, **parameters))["id"])


async def enqueue_many(conn: Connection, jobs: Sequence[dict[str, Any]]) -> list[asyncpg.Record]:
    """Enqueue a batch: its rows, in the order in which they came."""
    rows: list[asyncpg.Record] = await conn.fetch(
        "select * from jobstream.enqueue_many($1)", json.dumps(list(jobs))
    )
    return rows


async def fill(conn: Connection, count: int, **parameters: Any) -> list[str]:
    """Enqueue that many equal jobs: their ids, rising."""
    rows = await enqueue_many(conn, [{"kind": "work", **parameters}] * count)
    return [str(row["id"]) for row in rows]


async def claim(
    conn: Connection, n: int = 1, *queues: str, worker: str = "w1", **named: Any
) -> list[asyncpg.Record]:
    """Claim up to n jobs (of the queue `default`)."""
    names = "".join(f", {name} => ${place}" for place, name in enumerate(named, 4))
    rows: list[asyncpg.Record] = await conn.fetch(
        f"select * from jobstream.claim($1::text[], $2, $3{names})",
        list(queues or ["default"]),
        n,
        worker,
        *(encoded(value) for value in named.values()),
    )
    return rows


async def claimed(conn: Connection, n: int = 10, *queues: str, **named: Any) -> list[str]:
    """Claim up to n jobs: their ids."""
    return [str(row["id"]) for row in await claim(conn, n, *queues, **named)]


async def running(conn: Connection, **parameters: Any) -> str:
    """Enqueue one job and claim it: its id, attempt 1."""
    job_id = await enqueue(conn, **parameters)
    assert job_id in await claimed(conn, 1, parameters.get("queue", "default"))
    return job_id


async def ended(conn: Connection, status: str = "done", **parameters: Any) -> str:
    """Make a job that ended so: its id."""
    if status == "cancelled":
        job_id = await enqueue(conn, **parameters)
        await call(conn, "cancel", job_id)
        return job_id
    job_id = await running(conn, **parameters)
    if status == "done":
        await call(conn, "complete", job_id, 1)
    elif status == "dlq":
        await call(conn, "fail", job_id, 1, '"boom"', retryable=False)
    else:
        await call(conn, "fail", job_id, 1, '"boom"')
    assert await status_of(conn, job_id) == status
    return job_id


async def job(conn: Connection, job_id: str) -> asyncpg.Record:
    """Return a job's row."""
    row = await conn.fetchrow("select * from jobstream.jobs where id = $1", job_id)
    assert row is not None, f"no job {job_id}"
    return row


async def status_of(conn: Connection, job_id: str) -> str | None:
    """Return a job's status; None if there is no such job."""
    status: str | None = await conn.fetchval("select status from jobstream.jobs where id = $1", job_id)
    return status


async def counts(conn: Connection) -> dict[str, int]:
    """Return how many jobs stand in each status."""
    rows = await conn.fetch("select status, count(*) as jobs from jobstream.jobs group by status")
    return {row["status"]: row["jobs"] for row in rows}


async def maintain(conn: Connection) -> Any:
    """Run maintenance until it knows of nothing to do at once; its last answer."""
    for _ in range(100):
        due = await conn.fetchval("select jobstream.maintain()")
        if not await conn.fetchval("select coalesce($1 <= jobstream.clock(), false)", due):
            return due
    raise AssertionError(f"maintain() does not come to an end: {due}")


async def events(conn: Connection, job_id: str, type: str | None = None) -> list[asyncpg.Record]:
    """Return a job's events in order; `data_of` decodes their data."""
    rows: list[asyncpg.Record] = await conn.fetch(
        "select * from jobstream.job_events where job_id = $1 and ($2::text is null or type = $2) order by id",
        job_id,
        type,
    )
    return rows


async def history(conn: Connection, job_id: str) -> list[str]:
    """Return the statuses that a job's events tell."""
    return [row["status"] for row in await events(conn, job_id, "status")]


def data_of(event: asyncpg.Record) -> dict[str, Any]:
    """Return an event's data, decoded."""
    data: dict[str, Any] = json.loads(event["data"])
    return data


@contextmanager
def refused(sqlstate: str, message: str | None = None) -> Iterator[None]:
    """Expect the block to be refused with that code."""
    with pytest.raises(asyncpg.PostgresError, match=message) as caught:
        yield
    assert caught.value.sqlstate == sqlstate, f"{caught.value.sqlstate}: {caught.value}"


async def detail_of_refusal(conn: Connection, statement: str, *values: Any) -> tuple[str, dict[str, Any]]:
    """Run a statement that must be refused: its code and decoded detail."""
    with pytest.raises(asyncpg.PostgresError) as caught:
        await conn.fetch(statement, *values)
    return str(caught.value.sqlstate), json.loads(caught.value.detail or "{}")


async def is_blocked(watcher: Connection, pid: int) -> str | None:
    """Say for which lock a backend waits; None if for none."""
    waits: str | None = await watcher.fetchval(STATE, pid)
    return waits


@asynccontextmanager
async def started(conn: Connection, statement: str, *values: Any) -> AsyncIterator["asyncio.Task[Any]"]:
    """Start a statement on a connection of its own and lend the task; it is awaited or cancelled at the end."""
    task = asyncio.create_task(conn.fetch(statement, *values))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until_blocked(watcher: Connection, rival: Connection, task: "asyncio.Task[Any]") -> bool:
    """Wait until the rival waits for a lock (True) or is through without waiting (False)."""

    async def settled() -> bool:
        return task.done() or await is_blocked(watcher, rival.get_server_pid()) is not None

    await eventually(settled)
    return not task.done()
