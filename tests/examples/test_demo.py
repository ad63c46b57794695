"""`make demo`: from a folder of files to the report's figures, and nothing left behind."""

import os
import re
import signal
import sys
from pathlib import Path

import pytest

from tests.support import Process
from tests.support.types import Connection

ROOT = Path(__file__).parents[2]


def demo(**environ: str) -> Process:
    return Process(environ=environ, cwd=ROOT, command=(sys.executable, "-m", "examples.indexer"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve files to read, two of them the same."""
    for number in range(10):
        (tmp_path / f"{number}.txt").write_text(f"file number {number}\n" * number)
    (tmp_path / "a.py").write_text("pass\n")
    (tmp_path / "b.py").write_text("pass\n")
    return tmp_path


async def test_demo_indexes_a_folder_and_ends_with_its_figures(
    database_url: str, conn: Connection, folder: Path
) -> None:
    with demo(JOBSTREAM_DATABASE_URL=database_url, DEMO_PATH=str(folder)) as run:
        assert await run.wait(60) == 0
        output = run.output()

    for name, figure in {"files": 13, "read": 12, "unread": 1, "lines": 47, "copies": 1}.items():
        assert re.search(rf"^ +{name} +{figure}$", output, re.MULTILINE), name
    assert "10 txt, 2 py" in output
    assert re.search(r"curl -N http://\S+/api/v1/jobs/\w{26}/events", output)
    assert "psql -c" in output
    assert "in the dead letter queue after 3 attempts" in output
    rows = await conn.fetch("select kind, status, count(*) from jobstream.jobs group by 1, 2 order by 1, 2")
    assert [tuple(row) for row in rows] == [
        ("index.file", "dlq", 1),
        ("index.file", "done", 12),
        ("index.folder", "done", 1),
        ("index.report", "done", 1),
    ]


@pytest.mark.slow
async def test_demo_that_is_kept_answers_until_ctrl_c(
    database_url: str, conn: Connection, folder: Path
) -> None:
    with demo(JOBSTREAM_DATABASE_URL=database_url, DEMO_PATH=str(folder), KEEP="1") as run:
        await run.printed("stays up until Ctrl-C", 60)
        live = await conn.fetchval("select count(*) from jobstream.live_workers")
        run.signal(signal.SIGINT)
        await run.wait()
        after = await conn.fetchval("select count(*) from jobstream.live_workers")

        assert "Traceback" not in run.output()
    assert (live, after) == (1, 0)


async def test_demo_of_a_folder_that_is_none_exits_2() -> None:
    with demo(DEMO_PATH="/nowhere/at/all") as run:
        assert await run.wait() == 2
        assert "DEMO_PATH" in run.output()


@pytest.mark.slow
async def test_demo_on_a_bare_machine_leaves_nothing_behind_not_even_after_a_kill(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    temporary = Path(f"/tmp/jobstream-test-demo-{os.getpid()}")
    temporary.mkdir(mode=0o711)
    try:
        with demo(DEMO_PATH=str(folder), KEEP="1", TMPDIR=str(temporary)) as killed:
            await killed.printed("up on", 60)
            killed.kill()
        (base,) = temporary.iterdir()
        (left,) = base.iterdir()
        pid = int((left / "data/postgres-18/data/postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, 0)

        with demo(DEMO_PATH=str(folder), TMPDIR=str(temporary)) as run:
            assert await run.wait(60) == 0

        assert list(base.iterdir()) == []
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        base.rmdir()
    finally:
        temporary.rmdir()


async def test_indexers_jobs_are_served_by_the_name_of_its_package(database_url: str) -> None:
    environ = {"JOBSTREAM_DATABASE_URL": database_url}
    with Process("worker", "examples.indexer:app", environ=environ, cwd=ROOT) as worker:
        await worker.printed("serves index")
        worker.signal(signal.SIGTERM)
        assert await worker.wait() == 0
