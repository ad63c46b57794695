"""The command as a real process, on a real database."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jobstream.cli.exits import run_to_exit_code
from jobstream.cli.root import command
from tests.support.processes import clean_environ

LONGEST = 110.0


@dataclass(frozen=True)
class Result:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value on stdout."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """The JSON values on stdout, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class Command:
    """`jobstream …`, with these variables and no other of ours."""

    environ: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None

    def __call__(self, *arguments: str, stdin: str | None = None) -> Result:
        """Run it to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "jobstream.cli", *arguments],
            env={**clean_environ(), **self.environ},
            cwd=self.cwd,
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def unset_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Result]:
    """The command within this process, with nothing set: for the many ways to ask for nonsense."""
    for name in list(os.environ):
        if name.startswith("JOBSTREAM_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("JOBSTREAM_DATA_DIR", str(tmp_path / "nothing"))

    def run(*arguments: str) -> Result:
        code = run_to_exit_code(lambda: command.main(arguments, prog_name="jobstream", standalone_mode=False))
        printed = capsys.readouterr()
        return Result(code, printed.out, printed.err)

    return run


@pytest.fixture
def unset(tmp_path: Path) -> Command:
    """The command with nothing set, and no running `dev` to find."""
    return Command({"JOBSTREAM_DATA_DIR": str(tmp_path / "nothing")})


@pytest.fixture
def jobstream(database_url: str) -> Command:
    """The command on a clean database."""
    return Command({"JOBSTREAM_DATABASE_URL": database_url})
