"""The database goes away under a worker, and comes back."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psycopg
import pytest

from jobstream.embedded import EmbeddedServer, find_binaries
from jobstream.schema import migrate
from tests.conftest import SESSION
from tests.process.accounts import enqueue_storm, settle
from tests.process.load import RUNS_FILE
from tests.support import Process, eventually
from tests.support.servers import SETTINGS
from tests.worker.support import enqueue, status_is


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    """A server of this process's own, with the schema."""
    bindir = os.environ.get("JOBSTREAM_TEST_PG_BINDIR")
    home = Path(os.environ[SESSION]) / f"restart-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    with EmbeddedServer(
        home=home, binaries=find_binaries(Path(bindir) if bindir else None), settings=SETTINGS
    ) as running:
        with psycopg.connect(running.url, autocommit=True) as connection:
            connection.execute("drop schema if exists jobstream cascade")
        asyncio.run(migrate(running.url))
        yield running


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
async def test_a_restart_of_the_database_is_waited_out(
    server: EmbeddedServer, how: signal.Signals, tmp_path: Path
) -> None:
    meanwhile, go = tmp_path / "meanwhile", tmp_path / "go"
    with Process(
        "worker", "tests.process.tasks:app", environ={"JOBSTREAM_DATABASE_URL": server.url}
    ) as worker:
        conn = await asyncpg.connect(server.url)
        ends_meanwhile = await enqueue(conn, "wait-for-file", str(meanwhile))
        ends_later = await enqueue(conn, "wait-for-file", str(go))
        for id in (ends_meanwhile, ends_later):
            await status_is(conn, id, "running")
        await conn.close()

        postmaster = server.pid
        os.kill(postmaster, how)
        await eventually(lambda: not Path(f"/proc/{postmaster}").exists())
        meanwhile.touch()
        await worker.printed(r"the ends of 1 jobs wait")
        await asyncio.to_thread(server.enter)

        conn = await asyncpg.connect(server.url)
        first = await status_is(conn, ends_meanwhile, "done", timeout=20)
        go.touch()
        second = await status_is(conn, ends_later, "done", timeout=20)
        after = await enqueue(conn, "nap")
        await status_is(conn, after, "done", timeout=20)
        await eventually(
            lambda: conn.fetchval("select count(*) = 1 from jobstream.workers where backend_pid > 0")
        )
        assert await worker.stop() == 0
        assert await conn.fetchval("select count(*) from jobstream.workers") == 0
        await conn.close()
    assert first["result"] == 1 and second["result"] == 1
    assert {(job["attempt"], job["crashes"], job["failures"]) for job in (first, second)} == {(1, 0, 0)}


async def test_a_thousand_jobs_outlive_a_restart_of_the_database(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    runs.touch()
    options = ("worker", "tests.process.load:app", "--concurrency", "8", "--lease", "3")
    environ = {"JOBSTREAM_DATABASE_URL": server.url, RUNS_FILE: str(runs)}
    with Process(*options, environ=environ) as one, Process(*options, environ=environ) as two:
        conn = await asyncpg.connect(server.url)
        for worker in (one, two):
            await worker.printed("serves default")
        await enqueue_storm(conn, 1000, "work", "work-in-thread")
        await eventually(
            lambda: conn.fetchval("select count(*) >= 100 from jobstream.jobs where status = 'done'"), 30
        )
        await conn.close()
        postmaster = server.pid
        os.kill(postmaster, signal.SIGQUIT)
        await eventually(lambda: not Path(f"/proc/{postmaster}").exists())
        await asyncio.to_thread(server.enter)
        conn = await asyncpg.connect(server.url)
        accounts = await settle(conn, runs, 1000)
        for worker in (one, two):
            assert await worker.stop() == 0
        await conn.close()
    assert {account.row["status"] for account in accounts.values()} == {"done"}
    assert {account.row["failures"] for account in accounts.values()} == {0}


@pytest.mark.slow
async def test_a_worker_that_is_stopped_while_the_database_is_away_ends_all_the_same(
    server: EmbeddedServer,
) -> None:
    with Process(
        "worker", "tests.process.tasks:app", "--grace", "0", environ={"JOBSTREAM_DATABASE_URL": server.url}
    ) as worker:
        conn = await asyncpg.connect(server.url)
        id = await enqueue(conn, "first-hangs")
        await status_is(conn, id, "running")
        await conn.close()
        postmaster = server.pid
        os.kill(postmaster, signal.SIGINT)
        await eventually(lambda: not Path(f"/proc/{postmaster}").exists())
        worker.signal(signal.SIGTERM)
        await worker.wait(25)
        await asyncio.to_thread(server.enter)
        assert "are given up" in worker.output()
