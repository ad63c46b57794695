"""A thousand jobs, real workers, and what may befall them: afterwards every attempt is accounted for."""

import json
import re
import signal
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.process.accounts import Account, done, enqueue_storm, settle
from tests.process.load import RUNS_FILE
from tests.support import Connection, Process, eventually
from tests.support.bouncer import bouncer_before
from tests.worker.support import enqueue, exists, status_is

JOBS = 1000
StartProcess = Callable[..., Process]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Where handlers write down that they began."""
    file = tmp_path / "runs"
    file.touch()
    return file


@pytest.fixture
def worker(database_url: str, runs: Path) -> StartProcess:
    """`with worker("--lease", "2") as process:`, a worker of tests/process/load.py."""

    def make(*options: str, **environ: str) -> Process:
        return Process(
            "worker",
            "tests.process.load:app",
            *("--concurrency", "8", *options),
            environ={"JOBSTREAM_DATABASE_URL": database_url, RUNS_FILE: str(runs)} | environ,
        )

    return make


async def pin(conn: Connection, process: Process, count: int = 3) -> list[str]:
    """Jobs that stay with this worker, the only one yet, as long as it has its leases."""
    await process.printed("serves default")
    ids = [await enqueue(conn, "pinned") for _ in range(count)]
    for id in ids:
        await status_is(conn, id, "running", timeout=30)
    return ids


async def some_done(conn: Connection, count: int) -> None:
    async def ask() -> bool:
        return await done(conn) >= count

    await eventually(ask, 60)


def endings(accounts: Iterable[Account]) -> Counter[str]:
    return Counter(ending for account in accounts for ending in account.endings)


async def test_sigkill_costs_each_job_in_hand_one_crash_and_no_failure(
    worker: StartProcess, conn: Connection, runs: Path
) -> None:
    with worker() as killed:
        pinned = await pin(conn, killed)
        with worker() as other:
            await other.printed("serves default")
            await enqueue_storm(conn, JOBS - 3, "work", "work-in-thread")
            await some_done(conn, 100)
            killed.kill()
            accounts = await settle(conn, runs, JOBS)
            assert await other.stop() == 0
    ways = endings(accounts.values())
    assert ways["done"] == JOBS and ways["failed"] == 0
    for id, account in accounts.items():
        assert account.endings.count("crashed") == (1 if id in pinned else account.row["crashes"])
        crashed = account.endings.index("crashed") + 1 if "crashed" in account.endings else None
        assert all(pid == killed.pid for attempt, pid in account.runs if attempt == crashed)
        assert json.loads(account.row["result"]) == account.row["attempt"]


async def test_sigstop_past_the_lease_hands_its_jobs_over_and_its_word_no_longer_counts(
    worker: StartProcess, conn: Connection, runs: Path
) -> None:
    with worker("--lease", "2") as still:
        pinned = await pin(conn, still)
        with worker("--lease", "2") as other:
            await other.printed("serves default")
            await enqueue_storm(conn, JOBS - 3, "work", "work-in-thread")
            await some_done(conn, 100)
            still.signal(signal.SIGSTOP)
            for id in pinned:
                await status_is(conn, id, "done", timeout=60)
            still.signal(signal.SIGCONT)
            await still.printed("lease (was|is) lost")
            accounts = await settle(conn, runs, JOBS)
            assert await still.stop() == 0
            assert await other.stop() == 0
    ways = endings(accounts.values())
    assert ways["done"] == JOBS and ways["failed"] == 0
    assert all(accounts[id].endings == ["crashed", "done"] for id in pinned)
    for account in accounts.values():
        assert json.loads(account.row["result"]) == account.row["attempt"]


async def test_sigterm_under_load_gives_back_what_it_holds_and_spends_nothing(
    worker: StartProcess, conn: Connection, runs: Path
) -> None:
    with worker("--grace", "0.5") as leaving:
        pinned = await pin(conn, leaving)
        with worker() as staying:
            await staying.printed("serves default")
            await enqueue_storm(conn, JOBS - 3, "work", "work-in-thread")
            await some_done(conn, 100)
            assert await leaving.stop() == 0
            held = "select count(*) from jobstream.jobs where worker like $1"
            assert await conn.fetchval(held, f"%:{leaving.pid}:%") == 0
            accounts = await settle(conn, runs, JOBS)
            assert await conn.fetchval("select count(*) from jobstream.workers") == 1
            assert await staying.stop() == 0
    ways = endings(accounts.values())
    assert ways["done"] == JOBS and ways["failed"] == 0 and ways["crashed"] == 0
    assert all(accounts[id].endings == ["released", "done"] for id in pinned)
    assert all(json.loads(accounts[id].row["result"]) == 2 for id in pinned)
    assert {(a.row["failures"], a.row["crashes"]) for a in accounts.values()} == {(0, 0)}


async def test_a_full_event_loop_loses_leases_to_others_and_is_named(
    worker: StartProcess, conn: Connection, runs: Path
) -> None:
    with worker("--lease", "2") as blocked:
        await blocked.printed("serves default")
        hog = await enqueue(conn, "hog", 6.0)
        await status_is(conn, hog, "running", timeout=30)
        with worker("--lease", "2") as other:
            await other.printed("serves default")
            await enqueue_storm(conn, JOBS - 1, "work", "work-in-thread")
            accounts = await settle(conn, runs, JOBS)
            await blocked.printed(
                re.compile(r"the handler of 'hog' has blocked the event loop.*time\.sleep", re.DOTALL)
            )
            await blocked.printed("the event loop goes on after")
            await blocked.printed("lease (was|is) lost")
            assert hog in blocked.output()
            assert await blocked.stop() == 0
            assert await other.stop() == 0
    ways = endings(accounts.values())
    assert ways["done"] == JOBS and ways["failed"] == 0
    assert accounts[hog].endings == ["crashed", "done"]
    assert accounts[hog].runs == [(1, blocked.pid), (2, other.pid)]


async def test_a_process_that_segfaults_fails_its_own_job_and_the_others_go_on(
    worker: StartProcess, conn: Connection, runs: Path
) -> None:
    backoff = '{"type": "fixed", "base": 0, "jitter": 0}'
    with worker("--concurrency", "2") as working:
        await enqueue_storm(conn, JOBS - 5, "crunch", args=False)
        crashing = [await enqueue(conn, "crunch", True, backoff=backoff, priority=-1) for _ in range(4)]
        hopeless = await enqueue(conn, "crunch", True, max_attempts=1)
        accounts = await settle(conn, runs, JOBS)
        assert await working.stop() == 0
    assert all(accounts[id].endings == ["failed", "done"] for id in crashing)
    assert accounts[hopeless].endings == ["failed"] and accounts[hopeless].row["status"] == "dlq"
    ways = endings(accounts.values())
    assert ways == {"done": JOBS - 1, "failed": 5}
    for id in (*crashing, hopeless):
        [error] = json.loads(accounts[id].row["errors"])
        assert error["type"] == "HandlerCrashed" and "SIGSEGV" in error["message"]
    pids = {pid for account in accounts.values() for _, pid in account.runs}
    assert working.pid not in pids and not any(exists(pid) for pid in pids)


async def test_a_worker_that_is_killed_takes_the_processes_of_its_handlers_along(
    worker: StartProcess, conn: Connection, runs: Path
) -> None:
    with worker() as killed:
        await enqueue_storm(conn, JOBS, "crunch", args=False)
        await some_done(conn, 50)
        killed.kill()
    pids = {int(line.split()[2]) for line in runs.read_text().splitlines()}
    assert pids
    await eventually(lambda: not any(exists(pid) for pid in pids))
    with worker() as other:
        accounts = await settle(conn, runs, JOBS)
        assert await other.stop() == 0
    ways = endings(accounts.values())
    assert ways["done"] == JOBS and ways["failed"] == 0


async def test_through_pgbouncer_in_transaction_mode_nothing_is_lost_or_run_twice(
    worker: StartProcess, conn: Connection, runs: Path, database_url: str
) -> None:
    async with bouncer_before(database_url, sessions=4) as pooled:
        urls = {"JOBSTREAM_DATABASE_URL": pooled, "JOBSTREAM_LISTEN_URL": database_url}
        with worker("--grace", "0.5", **urls) as leaving:
            pinned = await pin(conn, leaving)
            with worker(**urls) as staying:
                await staying.printed("serves default")
                await enqueue_storm(conn, JOBS - 3, "work", "work-in-thread")
                await some_done(conn, 100)
                assert await leaving.stop() == 0
                accounts = await settle(conn, runs, JOBS)
                assert await staying.stop() == 0
    ways = endings(accounts.values())
    assert ways["done"] == JOBS and ways["failed"] == 0 and ways["crashed"] == 0
    assert all(accounts[id].endings == ["released", "done"] for id in pinned)
