"""`jobstream dev`: one command from nothing to a followed job, and nothing left when it ends."""

import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from jobstream.embedded import running_url
from tests.cli.conftest import Command
from tests.support import Process, eventually
from tests.support.servers import end_server

ROOT = Path(__file__).parents[2]
APP = "tests.cli.app:app"


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder for the embedded server; root's server account could not walk into pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="jobstream-dev-"))
    folder.chmod(0o711)
    yield folder
    for data in folder.glob("postgres-*/data"):
        end_server(data)
    shutil.rmtree(folder)


@pytest.mark.slow
async def test_dev_runs_everything_on_a_postgresql_of_its_own_and_ends_it(home: Path) -> None:
    beside = Command({"JOBSTREAM_DATA_DIR": str(home)})
    with Process("dev", APP, "--port", "0", "--data-dir", str(home), "--tcp", cwd=ROOT) as dev:
        address = await dev.address()
        await dev.printed("Ctrl-C ends it")
        followed = beside("enqueue", "greet", "--args", '{"name": "Ada"}', "--follow")
        listed = Command({"JOBSTREAM_URL": address})("jobs", "list", "--json").json
        ready = httpx.get(f"{address}/readyz")
        over_tcp = re.search(r"postgresql://\S+@127\.0\.0\.1:\d+/\S+", dev.output())
        assert over_tcp is not None
        connection = await asyncpg.connect(over_tcp.group())
        jobs = await connection.fetchval("select count(*) from jobstream.jobs")
        await connection.close()
        healthy = beside("doctor", "--json")
        dev.signal(signal.SIGINT)
        code = await dev.wait()

    assert followed.code == 0
    assert "Hello, Ada" in followed.out
    assert ready.status_code == 200
    assert len(listed) == jobs == 1
    assert healthy.code == 0
    assert healthy.json["ok"] is True
    assert code == 130
    assert running_url(home) is None


@pytest.mark.slow
async def test_sigterm_while_it_starts_leaves_no_server_behind(home: Path) -> None:
    with Process("dev", "--port", "0", "--data-dir", str(home), cwd=ROOT) as dev:
        await eventually(lambda: running_url(home), timeout=60)
        dev.signal(signal.SIGTERM)
        code = await dev.wait(60)
        assert "Traceback" not in dev.output()
    assert code in (143, 0)  # 0 if it was up already
    assert running_url(home) is None


async def test_dev_uses_the_database_that_is_set_and_migrates_it(empty_database_url: str) -> None:
    command = Command({"JOBSTREAM_DATABASE_URL": empty_database_url})
    with Process("dev", "--port", "0", environ=command.environ) as dev:
        await dev.printed("Ctrl-C ends it")
        followed = command(
            "enqueue", "demo.countdown", "--queue", "demo", "--args", '{"seconds": 0.3}', "--follow"
        )

        assert await dev.stop() == 0
    assert followed.code == 0
    assert "lift-off" in followed.out


def test_options_of_the_embedded_server_are_refused_beside_a_url(jobstream: Command) -> None:
    result = jobstream("dev", "--data-dir", "/tmp/nowhere")

    assert result.code == 2
    assert "JOBSTREAM_DATABASE_URL" in result.err


def test_doctor_names_what_is_missing_and_exits_1(empty_database_url: str) -> None:
    result = Command({"JOBSTREAM_DATABASE_URL": empty_database_url})("doctor", "--json")

    checks = {check["name"]: check for check in result.json["checks"]}
    assert result.code == 1
    assert checks["database"]["ok"] is True
    assert checks["schema"]["ok"] is False
    assert "jobstream migrate" in checks["schema"]["detail"]


def test_doctor_says_that_nobody_works(jobstream: Command) -> None:
    result = jobstream("doctor")

    assert result.code == 1
    assert "no worker" in result.out
    assert "run a `serve` or a `worker`" in result.out
