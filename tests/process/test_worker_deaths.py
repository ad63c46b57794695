"""Workers that die, stand still or are told to go, as real processes."""

import re
import signal
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from tests.support import Connection, Process, eventually
from tests.worker.support import enqueue, row, status_is

StartProcess = Callable[..., Process]


@pytest.fixture
def worker(database_url: str) -> StartProcess:
    """`with worker("--lease", "3") as process:`, a worker of tests/process/tasks.py."""

    def make(*options: str) -> Process:
        return Process(
            "worker", "tests.process.tasks:app", *options, environ={"JOBSTREAM_DATABASE_URL": database_url}
        )

    return make


async def started(process: Process) -> None:
    await process.printed("serves default")


async def runs_elsewhere(conn: Connection, id: str, than: int) -> dict[str, Any]:
    """The job, once another process than that has it."""

    async def ask() -> dict[str, Any]:
        job = await row(conn, id)
        assert job["worker"] is None or f":{than}:" not in job["worker"], job["worker"]
        assert job["attempt"] == 2, job["status"]
        return job

    return await eventually(ask)


async def leads(conn: Connection) -> bool:
    """Whether somebody does the maintenance."""
    return bool(
        await conn.fetchval("""
            select exists (
                select from pg_locks
                where classid = 1785688947 and objid = 0
                    and database = (select oid from pg_database where datname = current_database())
            )
        """)
    )


async def test_the_job_of_a_killed_worker_that_led_is_anothers_long_before_its_lease_ends(
    worker: StartProcess, conn: Connection
) -> None:
    with worker() as killed:
        await eventually(lambda: leads(conn))
        id = await enqueue(conn, "first-hangs")
        await status_is(conn, id, "running")
        with worker() as other:
            await started(other)
            killed.kill()
            leased = (await row(conn, id))["lease_until"]
            await runs_elsewhere(conn, id, killed.pid)
            job = await status_is(conn, id, "done")
    assert job["started_at"] < leased
    assert (job["result"], job["crashes"], job["failures"]) == (other.pid, 1, 0)
    assert "the worker is gone" in job["errors"][0]["message"]


async def test_the_job_of_a_stopped_worker_that_led_is_anothers_once_its_lease_has_ended(
    worker: StartProcess, conn: Connection
) -> None:
    with worker("--lease", "3") as still:
        await eventually(lambda: leads(conn))
        id = await enqueue(conn, "first-is-slow")
        await status_is(conn, id, "running")
        with worker("--lease", "3") as other:
            await started(other)
            await status_is(conn, id, "running")
            still.signal(signal.SIGSTOP)
            leased = (await row(conn, id))["lease_until"]
            assert (await runs_elsewhere(conn, id, still.pid))["started_at"] >= leased
            await status_is(conn, id, "done")
            still.signal(signal.SIGCONT)
            await still.printed("lease (was|is) lost")
            job = await row(conn, id)
            with pytest.raises(asyncpg.PostgresError) as refused:
                await conn.fetchval("select jobstream.complete($1, 1, $2)", id, '"late"')
            later = await enqueue(conn, "nap")
            await status_is(conn, later, "done")
    assert refused.value.sqlstate == "JS410"
    assert (job["result"], job["attempt"]) == ("attempt 2", 2)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
async def test_the_second_signal_cuts_the_grace_short(
    number: signal.Signals, code: int, worker: StartProcess, conn: Connection
) -> None:
    with worker("--grace", "60") as process:
        id = await enqueue(conn, "first-hangs")
        await status_is(conn, id, "running")
        process.signal(number)
        await process.printed("1 jobs that run get 60 s")
        later = await enqueue(conn, "nap")
        process.signal(number)
        assert await process.wait() == code
    job = await row(conn, id)
    assert (job["status"], job["failures"], job["attempt"]) == ("pending", 0, 1)
    assert (await row(conn, later))["attempt"] == 0


async def test_a_task_that_a_handler_left_behind_does_not_keep_the_process(
    worker: StartProcess, conn: Connection
) -> None:
    with worker() as process:
        await status_is(conn, await enqueue(conn, "leak"), "done")
        process.signal(signal.SIGTERM)
        assert await process.wait() == 0
        assert "a task does not stop" in process.output()


async def test_a_handler_that_will_not_stop_does_not_keep_its_process(
    worker: StartProcess, conn: Connection
) -> None:
    with worker("--grace", "0") as process:
        id = await enqueue(conn, "deaf")
        await eventually(
            lambda: conn.fetchval("select progress is not null from jobstream.jobs where id = $1", id)
        )
        process.signal(signal.SIGTERM)
        assert await process.wait() == 0
        assert "does not stop" in process.output()
    assert (await row(conn, id))["status"] == "pending"


async def test_a_blocked_event_loop_is_noticed_and_the_handler_named(
    worker: StartProcess, conn: Connection
) -> None:
    with worker() as process:
        id = await enqueue(conn, "block")
        await status_is(conn, id, "done")
        said = await process.printed(
            re.compile(r"the handler of 'block' has blocked the event loop.*", re.DOTALL)
        )
        await process.printed("the event loop goes on after")
        await process.stop()
    assert "time.sleep(2.5)" in said.group() and id in said.string
