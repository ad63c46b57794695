"""Builders and readers for the worker's tests."""

import json
from pathlib import Path
from typing import Any

from tests.support import Connection, eventually


async def enqueue(conn: Connection, kind: str, args: Any = None, **parameters: Any) -> str:
    """Enqueue by SQL; the id."""
    names = "".join(f", {name} => ${index}" for index, name in enumerate(parameters, 3))
    id: str = await conn.fetchval(
        f"select id from jobstream.enqueue($1, $2::jsonb{names})",
        kind,
        json.dumps({} if args is None else args),
        *parameters.values(),
    )
    return id


async def row(conn: Connection, id: str) -> dict[str, Any]:
    """The job as it is."""
    found = await conn.fetchrow("select * from jobstream.jobs where id = $1", id)
    assert found is not None
    return {name: json.loads(value) if name in _JSON and value else value for name, value in found.items()}


async def status_is(conn: Connection, id: str, *statuses: str, timeout: float = 20.0) -> dict[str, Any]:
    """The job, once it has one of these statuses."""

    async def ask() -> dict[str, Any]:
        job = await row(conn, id)
        assert job["status"] in statuses, job
        return job

    return await eventually(ask, timeout)


async def events(conn: Connection, id: str) -> list[tuple[str, str, Any]]:
    """Type, status and data of the job's events, in order."""
    rows = await conn.fetch(
        "select type, status, data from jobstream.job_events where job_id = $1 order by id", id
    )
    return [(r["type"], r["status"], json.loads(r["data"]) if r["data"] else None) for r in rows]


_JSON = {"args", "result", "errors", "progress", "labels", "backoff"}


def exists(pid: int) -> bool:
    """Whether that process runs; one that nobody has waited for yet does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
