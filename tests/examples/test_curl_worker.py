"""The worker of curl and bash, through a real server, beside one in Python."""

import hashlib
import json
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.examples.readme import ROOT
from tests.support import Connection, Process, eventually, require
from tests.support.sql import call, enqueue, fill

SCRIPT = ROOT / "examples" / "curl_worker.sh"


@dataclass(frozen=True)
class Site:
    """A server, and the worker that speaks to it."""

    environ: dict[str, str]
    worker: Process


@pytest.fixture
async def site(database_url: str, conn: Connection) -> AsyncIterator[Site]:
    require("bash", "curl")
    token = str(await call(conn, "create_token", "shell", ["work"]))
    environ = {"JOBSTREAM_DATABASE_URL": database_url, "JOBSTREAM_DRAIN_SECONDS": "0.2"}
    with Process("serve", "--port", "0", environ=environ) as server:
        own = {"JOBSTREAM_URL": await server.address(), "JOBSTREAM_TOKEN": token, "LEASE": "2"}
        with Process("default", command=("bash", str(SCRIPT)), environ=own) as worker:
            yield Site(environ, worker)


async def ended(conn: Connection, *ids: str) -> list[tuple[str, str | None]]:
    """Statuses and reasons, once none of the jobs can change any more."""

    async def look() -> list[tuple[str, str | None]]:
        rows = await conn.fetch(
            "select status, reason from jobstream.jobs where id = any ($1) order by id", list(ids)
        )
        assert {row["status"] for row in rows} <= {"done", "dlq", "cancelled"}
        return [(row["status"], row["reason"]) for row in rows]

    return await eventually(look, 60)


async def test_curl_worker_completes_fails_renews_is_cancelled_and_shares_a_queue_with_python(
    site: Site, conn: Connection, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"what it reads")
    good = await enqueue(conn, "checksum", args={"path": str(tmp_path / "file")})
    bad = await enqueue(conn, "checksum", args={"path": '/no/"such" file'}, max_attempts=1)
    longer_than_its_lease = await enqueue(conn, "nap", args={"seconds": 4})
    assert await ended(conn, good, bad, longer_than_its_lease) == [
        ("done", None),
        ("dlq", "attempts"),
        ("done", None),
    ]
    rows = await conn.fetch("select result, last_error, attempt, crashes from jobstream.jobs order by id")
    assert json.loads(rows[0]["result"]) == hashlib.sha256(b"what it reads").hexdigest()
    assert rows[1]["last_error"].startswith("exit 1: ")
    assert (rows[2]["attempt"], rows[2]["crashes"]) == (1, 0)
    told = await conn.fetch("select type from jobstream.job_events where job_id = $1 order by id", good)
    assert [row["type"] for row in told] == ["status", "status", "progress", "status"]

    endless = await enqueue(conn, "nap", args={"seconds": 3600})
    await eventually(lambda: is_running(conn, endless), 30)
    await call(conn, "cancel", endless, True)
    assert await ended(conn, endless) == [("cancelled", "requested")]

    with Process("worker", "tests.process.tasks:app", "--concurrency", "1", environ=site.environ, cwd=ROOT):
        await eventually(lambda: is_there(conn), 30)
        await eventually(lambda: both_have_napped(conn), 60)

    kept = await enqueue(conn, "nap", args={"seconds": 3600})
    await eventually(lambda: is_running(conn, kept), 30)
    site.worker.signal(signal.SIGTERM)
    assert await site.worker.wait() == 0
    assert await conn.fetchval("select status from jobstream.jobs where id = $1", kept) == "pending"


async def is_running(conn: Connection, id: str) -> bool:
    return bool(await conn.fetchval("select status = 'running' from jobstream.jobs where id = $1", id))


async def is_there(conn: Connection) -> bool:
    return bool(await conn.fetchval("select count(*) from jobstream.live_workers"))


async def both_have_napped(conn: Connection) -> bool:
    """Twenty more naps; Python's have a result, those in bash have none."""
    naps = await fill(conn, 20, kind="nap")
    assert set(await ended(conn, *naps)) == {("done", None)}
    told = await conn.fetchval(
        "select count(*) from jobstream.jobs where id = any ($1) and result is not null", naps
    )
    return 0 < int(told) < len(naps)


def test_curl_worker_has_at_most_forty_lines() -> None:
    assert len(SCRIPT.read_text().splitlines()) <= 40
