"""Handlers in processes of their own, and what becomes of the others when one dies."""

import os
from functools import partial
from pathlib import Path

import pytest

from jobstream import JobContext, JobStream
from jobstream.maintenance import Maintenance
from tests.support import Connection, eventually
from tests.worker import process_tasks
from tests.worker.conftest import StartWorker
from tests.worker.support import enqueue, events, exists, row, status_is


@pytest.fixture
def app() -> JobStream:
    return process_tasks.app


async def pids_in(file: Path) -> list[int]:
    text = await eventually(lambda: file.exists() and file.read_text())
    assert isinstance(text, str)
    return [int(pid) for pid in text.split()]


async def test_a_process_is_used_again_and_never_is_the_workers_own(
    start_worker: StartWorker, conn: Connection
) -> None:
    ids = [await enqueue(conn, "area", {"width": width, "height": 2}) for width in range(10)]
    async with start_worker(concurrency=2):
        results = [(await status_is(conn, id, "done", timeout=30))["result"] for id in ids]
    assert [result["area"] for result in results] == [2 * width for width in range(10)]
    pids = {result["pid"] for result in results}
    assert 1 <= len(pids) <= 2 and os.getpid() not in pids
    assert not any(exists(pid) for pid in pids)


async def test_a_process_ends_after_so_many_jobs(start_worker: StartWorker, conn: Connection) -> None:
    ids = [await enqueue(conn, "area", {"width": width}) for width in range(5)]
    async with start_worker(concurrency=1, max_jobs_per_child=2):
        pids = [(await status_is(conn, id, "done", timeout=30))["result"]["pid"] for id in ids]
    assert pids[0] == pids[1] != pids[2] == pids[3] != pids[4]


@pytest.mark.parametrize(
    ("how", "said"),
    [("segfault", "ended by SIGSEGV"), ("exit", "exited with 7"), ("killed", "ended by SIGKILL")],
)
async def test_a_process_that_dies_fails_its_own_job_alone(
    how: str, said: str, start_worker: StartWorker, conn: Connection
) -> None:
    crash = await enqueue(conn, "die", how, max_attempts=1)
    others = [await enqueue(conn, "area", {"width": width}) for width in range(4)]
    async with start_worker(concurrency=2):
        crashed = await status_is(conn, crash, "dlq", timeout=30)
        jobs = [await status_is(conn, id, "done", timeout=30) for id in others]
        later = await status_is(conn, await enqueue(conn, "area", {"width": 1}), "done", timeout=30)
    assert (crashed["reason"], crashed["failures"], crashed["crashes"]) == ("attempts", 1, 0)
    [error] = crashed["errors"]
    assert error["type"] == "HandlerCrashed" and said in error["message"]
    assert {job["attempt"] for job in [*jobs, later]} == {1}


async def test_what_it_raises_means_what_it_means_elsewhere(
    start_worker: StartWorker, conn: Connection
) -> None:
    kinds = ("error", "exit", "retry", "snooze", "discard", "unstorable")
    ids = {kind: await enqueue(conn, "raise", kind, max_attempts=2) for kind in kinds}
    ids["args"] = await enqueue(conn, "area", {"width": "wide"})
    async with start_worker(concurrency=1):
        jobs = {
            kind: await status_is(conn, id, "dlq", "failed", "waiting", timeout=30)
            for kind, id in ids.items()
        }
    assert {kind: (job["status"], job["reason"], job["failures"]) for kind, job in jobs.items()} == {
        "error": ("failed", None, 1),
        "exit": ("failed", None, 1),
        "retry": ("failed", None, 1),
        "snooze": ("waiting", None, 0),
        "discard": ("dlq", "not_retryable", 1),
        "unstorable": ("dlq", "unstorable_result", 1),
        "args": ("dlq", "not_retryable", 1),
    }
    [error] = jobs["error"]["errors"]
    assert error["type"] == "LookupError" and "raise_it" in error["traceback"]
    assert "jobstream/worker/child" not in error["traceback"]
    assert (jobs["retry"]["scheduled_at"] - jobs["retry"]["created_at"]).total_seconds() > 3500
    assert "SystemExit: 3" in jobs["exit"]["last_error"] and "$.width" in jobs["args"]["last_error"]


async def test_what_it_says_is_stored_before_its_end_and_it_knows_its_job(
    start_worker: StartWorker, conn: Connection, maintenance: Maintenance
) -> None:
    first = await enqueue(conn, "area", {"width": 3}, owner="ada")
    id = await enqueue(conn, "talk", 5000, owner="ada", labels='{"of": "ada"}', await_jobs=[first])
    async with start_worker():
        job = await status_is(conn, id, "done", timeout=30)
    told = await events(conn, id)
    types = [type for type, _, _ in told]
    progress = [data["current"] for type, _, data in told if type == "progress"]
    assert types[-1] == "status" and types[types.index("log") :].count("talk.over") == 1
    assert progress[0] == 1 and progress[-1] == 5000 and len(progress) < 50
    assert job["result"] == ["talk", {"of": "ada"}, "ada", [3]]


async def test_a_flood_of_lines_arrives_whole_and_in_order(
    start_worker: StartWorker, conn: Connection
) -> None:
    id = await enqueue(conn, "lines", 8000)
    async with start_worker():
        await status_is(conn, id, "done", timeout=60)
    lines = [data["message"] for type, _, data in await events(conn, id) if type == "log"]
    assert lines == [f"line {number}" for number in range(8000)]


async def test_a_timeout_kills_the_process_and_does_not_count_its_imports(
    start_worker: StartWorker, conn: Connection, tmp_path: Path
) -> None:
    file = tmp_path / "pid"
    id = await enqueue(conn, "sleep", str(file), max_attempts=1)
    async with start_worker():
        job = await status_is(conn, id, "dlq", timeout=30)
        [pid] = await pids_in(file)
        assert not exists(pid)
    assert job["errors"][0]["type"] == "TimeoutError" and "timed out" in job["last_error"]


async def test_cancelling_tells_it_and_kills_what_does_not_listen(
    start_worker: StartWorker, conn: Connection
) -> None:
    ids = [await enqueue(conn, "polite"), await enqueue(conn, "deaf")]
    async with start_worker():
        for id in ids:
            await eventually(partial(_has_begun, conn, id), 30)
            await conn.fetchval("select jobstream.cancel($1, force => true)", id)
        finished = await status_is(conn, ids[0], "done", timeout=30)
        stopped = await status_is(conn, ids[1], "cancelled", timeout=30)
    assert finished["result"] == "stopped"
    assert stopped["failures"] == 0


async def test_stopping_the_worker_leaves_no_process_behind_and_spends_nothing(
    start_worker: StartWorker, conn: Connection, tmp_path: Path
) -> None:
    file = tmp_path / "pids"
    id = await enqueue(conn, "spawn", str(file))
    async with start_worker(grace_seconds=0):
        pids = await pids_in(file)
        assert len(pids) == 2 and all(exists(pid) for pid in pids)
    await eventually(lambda: not any(exists(pid) for pid in pids))
    job = await row(conn, id)
    assert (job["status"], job["failures"], job["crashes"]) == ("pending", 0, 0)


async def _has_begun(conn: Connection, id: str) -> bool:
    return any(type == "log" for type, _, _ in await events(conn, id))


class TestMiddleware:
    """Around a process it sees values and errors as around any other handler."""

    @pytest.fixture
    def app(self) -> JobStream:
        return process_tasks.watched

    async def test_it_sees_results_signals_errors_and_crashes(
        self, start_worker: StartWorker, conn: Connection
    ) -> None:
        process_tasks.seen.clear()
        calls = [("area", {"width": 4}), ("raise", "error"), ("raise", "snooze"), ("die", "exit")]
        ids = [await enqueue(conn, kind, args, max_attempts=1) for kind, args in calls]
        async with start_worker(concurrency=1):
            jobs = [await status_is(conn, id, "done", "dlq", "waiting", timeout=30) for id in ids]
        assert [job["status"] for job in jobs] == ["done", "dlq", "waiting", "dlq"]
        area, error, snooze, crash = process_tasks.seen
        assert "'area': 4" in area and jobs[0]["result"]["area"] == 4
        assert error == "HandlerFailed: LookupError: not in the catalogue"
        assert jobs[1]["errors"][0]["type"] == "LookupError"
        assert snooze.startswith("Snooze")
        assert crash == "HandlerFailed: HandlerCrashed: the handler's process exited with 7"


def test_what_another_process_could_not_find_is_refused_when_it_is_declared() -> None:
    app = JobStream()

    def local(ctx: JobContext) -> None: ...

    with pytest.raises(TypeError, match="what a module defines"):
        app.job("local", executor="process")(local)
    with pytest.raises(TypeError, match="event loop"):
        app.job("coroutine", executor="process")(_coroutine)


async def _coroutine(ctx: JobContext) -> None: ...
