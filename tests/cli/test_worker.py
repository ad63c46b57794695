"""`jobstream worker`: what it runs, how it is told to stop, and what it refuses to start with."""

import signal
from pathlib import Path

import pytest
import rich_click as click

from jobstream.cli.exits import UsageFault
from jobstream.cli.loading import load_application
from jobstream.cli.running import WorkerOptions, queues_of
from jobstream.cli.worker import Queues, Weights
from jobstream.worker.sizing import QueueShare
from tests.cli.conftest import Command
from tests.support import Process, eventually
from tests.support.types import Connection

ROOT = Path(__file__).parents[2]
APP = "tests.cli.app:app"


def worker(jobstream: Command, *arguments: str) -> Process:
    return Process("worker", APP, *arguments, environ=jobstream.environ, cwd=ROOT)


async def test_followed_jobs_tell_by_exit_code_how_they_ended(jobstream: Command) -> None:
    with worker(jobstream) as working:
        await working.printed("serves")
        greeted = jobstream("enqueue", "greet", "--args", '{"name": "Ada"}', "--follow")
        failed = jobstream("enqueue", "fail", "--max-attempts", "2", "--follow", "--json")
        assert await working.stop() == 0

    assert greeted.code == 0
    assert "Hello, Ada" in greeted.out
    assert failed.code == 1
    assert failed.lines[-1]["status"] == "dlq"
    assert "no luck in attempt" in failed.err


async def test_ctrl_c_lets_running_jobs_finish_and_exits_130(jobstream: Command, tmp_path: Path) -> None:
    with worker(jobstream) as working:
        file = tmp_path / "go"
        made = jobstream("enqueue", "until_file", "--args", f'"{file}"', "--json").json["id"]
        await eventually(
            lambda: jobstream("jobs", "show", made, "--json").json["lifecycle"]["status"] == "running"
        )
        working.signal(signal.SIGINT)
        file.touch()

        assert await working.wait() == 130
    assert jobstream("jobs", "show", made, "--json").json["lifecycle"]["status"] == "done"


async def test_second_signal_gives_running_jobs_back_at_once(
    jobstream: Command, conn: Connection, tmp_path: Path
) -> None:
    with worker(jobstream) as working:
        made = jobstream("enqueue", "until_file", "--args", f'"{tmp_path / "never"}"', "--json").json["id"]
        await eventually(
            lambda: jobstream("jobs", "show", made, "--json").json["lifecycle"]["status"] == "running"
        )
        working.signal(signal.SIGTERM)
        await working.printed("the worker stops")
        working.signal(signal.SIGTERM)

        assert await working.wait() == 0
    row = await conn.fetchrow("select status, failures from jobstream.jobs where id = $1", made)
    assert row is not None
    assert (row["status"], row["failures"]) == ("pending", 0)


@pytest.mark.slow
async def test_reload_starts_anew_when_a_file_changes(jobstream: Command, tmp_path: Path) -> None:
    source = "from jobstream import JobContext, JobStream\napp = JobStream()\n"
    handler = "@app.job('say')\nasync def say(ctx: JobContext) -> str:\n    return {word!r}\n"
    tasks = tmp_path / "tasks.py"
    tasks.write_text(source + handler.format(word="old"))
    with Process("worker", "tasks:app", "--reload", environ=jobstream.environ, cwd=tmp_path) as working:
        await working.printed("serves")
        before = jobstream("enqueue", "say", "--follow")
        tasks.write_text(source + handler.format(word="brand new"))
        await working.printed("(?s)a file changed.*serves")
        after = jobstream("enqueue", "say", "--follow")

        assert await working.stop() == 0
    assert '"old"' in before.out
    assert '"brand new"' in after.out


@pytest.mark.parametrize(
    ("target", "source", "said"),
    [
        ("nowhere:app", "", "no module 'nowhere'"),
        ("broken_a:app", "import nothing_of_this_name", "nothing_of_this_name"),
        ("broken_b:app", "x = 1 / 0", "ZeroDivisionError"),
        ("broken_c:app", "def (", "SyntaxError"),
        ("other:thing", "thing = 1", "not a jobstream.JobStream"),
        ("empty:app", "", "has no 'app'"),
        (":app", "", "MODULE:APP"),
    ],
)
def test_application_that_cannot_be_loaded_is_explained_in_one_line(
    target: str, source: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = target.partition(":")[0]
    if module and module != "nowhere":
        (tmp_path / f"{module}.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(UsageFault, match=said):
        load_application(target)


def test_fault_in_an_application_is_named_with_its_file_and_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "faulty_line.py").write_text("x = 1\ny = x / 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(UsageFault, match=r"faulty_line\.py:2"):
        load_application("faulty_line:app")


def test_application_without_jobs_is_refused(jobstream: Command, tmp_path: Path) -> None:
    (tmp_path / "idle.py").write_text("from jobstream import JobStream\napp = JobStream()\n")

    result = Command(jobstream.environ, cwd=tmp_path)("worker", "idle:app")

    assert result.code == 2
    assert "no job" in result.err


def test_weights_go_to_the_queues_that_are_served_and_to_no_other() -> None:
    app = load_application(APP)
    queues = Queues().convert("a=2,b", None, None)
    weights = dict(Weights().convert("b=3", None, None))

    served = queues_of(app, WorkerOptions(queues=queues, weights=weights))

    assert served == (QueueShare("a", 2), QueueShare("b", weight=3))
    with pytest.raises(UsageFault, match="does not serve: c"):
        queues_of(app, WorkerOptions(queues=queues, weights={"c": 1}))


@pytest.mark.parametrize("wrong", ["a", "a=", "a=0", "=1", "a=1001", "a=-1", "a=x"])
def test_weight_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(click.BadParameter, match="NAME=N"):
        Weights().convert(wrong, None, None)


def test_queue_that_no_job_can_be_in_is_refused(jobstream: Command) -> None:
    refused = jobstream("worker", APP, "--queues", "images,a b")

    assert refused.code == 2
    assert "'a b'" in refused.err


def test_host_that_is_none_is_refused_in_one_line(jobstream: Command) -> None:
    refused = jobstream("serve", "--host", "nowhere.invalid", "--port", "0")

    assert refused.code == 1
    assert refused.err == "error: nowhere.invalid is no address of this machine\n"
