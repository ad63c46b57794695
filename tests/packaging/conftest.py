"""The wheel as a user gets it: built from the checkout, installed in a new environment far from it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import clean_environ

CHECKOUT = Path(__file__).parents[2]


def run(*command: str | Path, cwd: Path, environ: dict[str, str] | None = None) -> str:
    """Run a command to its end and return what it printed; fail with all of it."""
    ended = subprocess.run(
        command,
        check=False,
        cwd=cwd,
        env={**clean_environ(), **(environ or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert ended.returncode == 0, f"{command} ended with {ended.returncode}:\n{ended.stdout}"
    return ended.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`pip wheel .`"""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", folder, ".", cwd=CHECKOUT)
    (built,) = folder.glob("jobstream-*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a new environment with `jobstream[embedded]`."""
    folder = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    constraints = CHECKOUT / "constraints.txt"
    run(programs / "python", "-m", "pip", "install", "-c", constraints, f"{wheel}[embedded]", cwd=folder)
    return programs
