"""Workers without Python: examples/worker.sh and examples/worker.mjs, as logins with the role jobstream_work."""

import asyncio
import hashlib
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobstream.embedded import find_binaries
from tests.support import Connection, Process, eventually, require
from tests.support.logins import Logins
from tests.support.require import unavailable
from tests.support.sql import call, claim, enqueue, enqueue_many, events, job, status_of

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
LONGEST = 60.0
# With the psql that the tests' server brings along: each statement of the worker in bash starts one.
PATH = f"{find_binaries().folder}:{os.environ['PATH']}"

StartWorker = Callable[..., Process]


@pytest.fixture(params=["worker.sh", "worker.mjs"])
def example(request: pytest.FixtureRequest) -> str:
    """One of the two."""
    return str(request.param)


@pytest.fixture
def worker(login: Logins) -> StartWorker:
    """`with worker("worker.sh", "shell") as process:`, an example that serves a queue."""
    url = login("jobstream_work")

    def make(example: str, queue: str, **environ: str) -> Process:
        program = {"worker.sh": "bash", "worker.mjs": "node"}[example]
        require(program)
        if program == "node" and not (EXAMPLES / "node_modules" / "pg").is_dir():
            unavailable("needs the package pg in examples/node_modules (make node-modules)")
        environ |= {"JOBSTREAM_DATABASE_URL": url, "PATH": PATH}
        return Process(queue, environ=environ, cwd=ROOT, command=(program, str(EXAMPLES / example)))

    return make


async def becomes(conn: Connection, job_id: str, status: str) -> Any:
    """The job's row, once it has that status."""

    async def ask() -> bool:
        return await status_of(conn, job_id) == status

    await eventually(ask, LONGEST)
    return await job(conn, job_id)


async def nap(conn: Connection, seconds: int) -> str:
    """A job that takes that long; a worker has it."""
    job_id = await enqueue(conn, "nap", queue="other", args={"seconds": seconds})
    await becomes(conn, job_id, "running")
    return job_id


async def test_bash_worker_runs_100_jobs_beside_a_python_one(
    worker: StartWorker, conn: Connection, database_url: str, tmp_path: Path
) -> None:
    files = [tmp_path / f"it's \\{number}.txt" for number in range(100)]
    for file in files:
        file.write_text(file.name)
    sums = await enqueue_many(
        conn, [{"kind": "checksum", "queue": "shell", "args": {"path": str(file)}} for file in files]
    )
    collected = await enqueue_many(conn, [{"kind": "collect", "await_jobs": [row["id"]]} for row in sums])
    python = Process(
        "worker",
        "tests.examples.tasks:app",
        environ={"JOBSTREAM_DATABASE_URL": database_url},
        cwd=ROOT,
    )
    with worker("worker.sh", "shell"), python:
        await becomes(conn, collected[-1]["id"], "done")
        await eventually(
            lambda: conn.fetchval("select bool_and(status = 'done') from jobstream.jobs"), LONGEST
        )
    rows = await conn.fetch(
        "select id, attempt, result from jobstream.jobs where kind = 'collect' order by id"
    )
    assert [row["id"] for row in rows] == [row["id"] for row in collected]
    expected = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    assert [json.loads(row["result"]) for row in rows] == [[checksum] for checksum in expected]
    assert {row["attempt"] for row in rows} == {1}


async def test_progress_result_and_failure_are_told(
    example: str, worker: StartWorker, conn: Connection, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x")
    with worker(example, "other"):
        good = await enqueue(conn, "checksum", queue="other", args={"path": str(file)})
        bad = await enqueue(conn, "checksum", queue="other", args={"path": f"{file}?"}, max_attempts=1)
        strange = await enqueue(conn, "strange", queue="other")
        done, dead = await becomes(conn, good, "done"), await becomes(conn, bad, "dlq")
        released = await becomes(conn, strange, "waiting")
    assert json.loads(done["result"]) == hashlib.sha256(b"x").hexdigest()
    assert [json.loads(event["data"])["step"] for event in await events(conn, good, "progress")] == [
        f"reading {file}"
    ]
    assert "no such file" in dead["last_error"].lower()
    assert (released["failures"], released["attempt"]) == (0, 1)


async def test_stale_fence_is_survived(
    example: str, worker: StartWorker, conn: Connection, tmp_path: Path
) -> None:
    with worker(example, "other") as process:
        lost = await nap(conn, 30)
        async with conn.transaction():  # in one, so that the worker cannot claim it again
            await conn.execute(
                "update jobstream.jobs set lease_until = jobstream.clock() where id = $1", lost
            )
            await conn.execute("select jobstream.maintain()")
            assert [row["attempt"] for row in await claim(conn, 1, "other", worker="thief")] == [2]
        await process.printed("lease lost")
        next_one = await enqueue(conn, "checksum", queue="other", args={"path": str(EXAMPLES / example)})
        await becomes(conn, next_one, "done")
        assert process.returncode is None
    row = await job(conn, lost)
    assert (row["status"], row["attempt"], row["worker"]) == ("running", 2, "thief")
    assert await call(conn, "complete", lost, 2) == "done"


async def test_bash_worker_keeps_a_lease_shorter_than_its_job(worker: StartWorker, conn: Connection) -> None:
    with worker("worker.sh", "other", LEASE="5"):
        job_id = await nap(conn, 9)

        async def ended() -> bool:
            await conn.execute("select jobstream.maintain()")
            return await status_of(conn, job_id) == "done"

        await eventually(ended, LONGEST)
    row = await job(conn, job_id)
    assert (row["attempt"], row["crashes"]) == (1, 0)


async def test_bash_worker_stops_a_job_whose_cancel_is_asked_for(
    worker: StartWorker, conn: Connection
) -> None:
    with worker("worker.sh", "other", LEASE="5"):
        job_id = await nap(conn, 60)
        await call(conn, "cancel", job_id, force=True)
        row = await becomes(conn, job_id, "cancelled")
    assert row["ended_verb"] == "fail"


async def test_bash_worker_that_is_told_to_stop_gives_its_job_back(
    worker: StartWorker, conn: Connection
) -> None:
    with worker("worker.sh", "other") as process:
        job_id = await nap(conn, 60)
        assert await process.stop() == 0
    row = await job(conn, job_id)
    assert (row["status"], row["failures"], row["crashes"]) == ("pending", 0, 0)
    assert await conn.fetchval("select count(*) from jobstream.workers") == 0


async def test_node_worker_that_is_told_to_stop_finishes_its_jobs(
    worker: StartWorker, conn: Connection
) -> None:
    with worker("worker.mjs", "other") as process:
        job_id = await nap(conn, 2)
        process.signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert await status_of(conn, job_id) == "done"


async def test_idle_node_worker_is_woken_by_notify(worker: StartWorker, conn: Connection) -> None:
    async def idles() -> bool:
        """It sleeps for 30 seconds unless it is woken: maintain() knew of no work."""
        return bool(
            await conn.fetchval("""
                select count(*) = 2
                from pg_stat_activity
                where application_name = 'worker.mjs'
                    and state = 'idle'
                    and query in ('listen jobstream_ready', 'select jobstream.maintain() as due')
            """)
        )

    with worker("worker.mjs", "other"):
        await eventually(idles, LONGEST)
        job_id = await enqueue(conn, "checksum", queue="other", args={"path": str(ROOT / "Makefile")})
        async with asyncio.timeout(25):  # its sleep is longer
            await becomes(conn, job_id, "done")


def test_node_worker_has_at_most_60_lines() -> None:
    assert len((EXAMPLES / "worker.mjs").read_text().splitlines()) <= 60
