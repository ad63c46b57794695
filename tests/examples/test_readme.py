"""What the README tells readers to type does what it says. Only the port is another one: 8000 may be taken here."""

import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.examples.readme import README, Block, blocks
from tests.support import Process, free_port, require
from tests.support.processes import clean_environ
from tests.support.servers import end_server
from tests.support.waiting import eventually_sync

BLOCKS = blocks(README.read_text())
LONGEST = 110.0


def of(section: str, language: str) -> list[Block]:
    found = [block for block in BLOCKS if block.section == section and block.language == language]
    assert found, f"the README has no {language} block in {section}"
    return found


@dataclass(frozen=True)
class Terminal:
    """A reader's second terminal: bash in the folder of tasks.py, while `dev` runs."""

    folder: Path
    environ: dict[str, str]
    port: int

    def type(self, text: str) -> str:
        """What the lines print; the first that fails ends it."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.on_our_port(text)],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def on_our_port(self, text: str) -> str:
        """The text with the port that this test has."""
        return text.replace("127.0.0.1:8000", f"127.0.0.1:{self.port}")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that the embedded server's account can walk into, should we be root."""
    made = Path(tempfile.mkdtemp(prefix="jobstream-readme-"))
    made.chmod(0o711)
    yield made
    for data in made.glob("*data/postgres-*/data"):
        end_server(data)
    shutil.rmtree(made)


@contextmanager
def developing(folder: Path, start: str, data: str) -> Iterator[tuple[Terminal, str]]:
    """`jobstream dev …` in the first terminal; the second one, and what the first one prints."""
    port = free_port()
    environ = {
        "PATH": f"{Path(sys.executable).parent}:{clean_environ()['PATH']}",
        "JOBSTREAM_DATA_DIR": str(folder / data),
        "JOBSTREAM_PORT": str(port),
    }
    with Process(environ=environ, cwd=folder, command=("bash", "-c", f"exec {start}")) as dev:
        eventually_sync(lambda: "Ctrl-C ends it" in dev.output() or dev.returncode is not None, 60)
        yield Terminal(folder, {**clean_environ(), **environ}, port), dev.output()
        dev.signal(signal.SIGTERM)
        assert dev.wait_sync() == 0


@pytest.fixture(scope="module")
def terminal(folder: Path) -> Iterator[Terminal]:
    """tasks.py as the README has it, and its `jobstream dev` in the first terminal."""
    require("bash", "curl")
    (folder / "tasks.py").write_text(of("Quick start", "python")[0].text)
    (start,) = (block.text for block in of("Quick start", "sh") if block.text.startswith("jobstream dev"))
    with developing(folder, start, "data") as (second, _):
        yield second


def test_quick_start_of_the_readme_works_as_written(terminal: Terminal) -> None:
    _, _, enqueue = (block.text for block in of("Quick start", "sh"))

    assert "Hello, Ada!" in terminal.type(enqueue)


def test_curl_tour_of_the_readme_works_as_written(terminal: Terminal) -> None:
    create, follow, result = (block.text for block in of("A tour with curl", "sh"))

    first, again = terminal.type(create), terminal.type(create)
    streamed = terminal.type(follow)
    told = terminal.type(follow + result)

    assert '"idempotent":false' in first
    assert '"idempotent":true' in again
    assert (
        streamed.index("event: hello") < streamed.index("event: progress") < streamed.index("Hello, Edsger!")
    )
    assert streamed.index("Hello, Edsger!") < streamed.index("event: end")
    assert '"result":"Hello, Edsger!"' in told
    assert '"items":[' in told


def test_psql_tour_of_the_readme_works_as_written(terminal: Terminal) -> None:
    require("psql")
    look, by_hand = (block.text for block in of("A tour with psql", "sh"))

    assert "pending" in terminal.type(look)
    assert re.search(r"status \| cancelled \| postgres", terminal.type(by_hand))


def test_python_client_of_the_readme_works_as_written(terminal: Terminal) -> None:
    (client,) = (block.text for block in of("From Python", "python"))
    (terminal.folder / "send.py").write_text(terminal.on_our_port(client))

    printed = terminal.type("python send.py")

    assert "progress running" in printed
    assert printed.splitlines()[-1] == "Hello, Alan!"


def test_python_tour_of_the_readme_works_as_written(folder: Path) -> None:
    shop, use, its_tests = (block.text for block in of("A tour of Python", "python"))
    (start,) = (block.text for block in of("A tour of Python", "sh"))
    for name, text in (("shop.py", shop), ("use.py", use), ("test_shop.py", its_tests)):
        (folder / name).write_text(text)

    # An application of its own on a database of its own: the quick start's worker knows none of these kinds.
    with developing(folder, start, "shop-data") as (terminal, printed):
        url = printed.split("jobstream psql\n")[1].split()[0]
        here = f"export JOBSTREAM_DATABASE_URL='{url}' JOBSTREAM_TEST_DATABASE_URL='{url}'\n"
        used = terminal.type(here + "python use.py").splitlines()
        scheduled = eventually_sync(lambda: terminal.type(here + "jobstream schedules list --json"), 30)
        tested = terminal.type(here + "python -m pytest -q -p no:cacheprovider test_shop.py")

    assert used == ["cat.png.thumb", "['a.png.thumb', 'b.png.thumb']"]
    assert '"name":"shop.nightly"' in scheduled
    assert "2 passed" in tested


def test_application_of_the_quick_start_has_about_ten_lines() -> None:
    lines = [line for line in of("Quick start", "python")[0].text.splitlines() if line.strip()]

    assert len(lines) <= 10


def test_readme_names_every_command_and_setting() -> None:
    from jobstream.cli.root import SECTIONS
    from jobstream.settings import Settings

    text = README.read_text()
    for name in (name for names in SECTIONS.values() for name in names):
        assert f"`{name}" in text, name
    for field in Settings.__struct_fields__:
        assert f"JOBSTREAM_{field.upper()}" in text, field
