"""A folder for an embedded server of the test's own, ended whatever the test did to it."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobstream.embedded import EmbeddedServer
from tests.support.servers import end_server


@contextmanager
def new_home() -> Iterator[Path]:
    """Lend a folder directly under the temporary one: root's server account could not enter pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="jobstream-home-"))
    folder.chmod(0o711)
    yield folder
    for data in folder.glob("postgres-*/data"):
        end_server(data)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def made_home() -> Iterator[Path]:
    """Lend a folder whose server has run once: initdb takes most of a start's time."""
    with new_home() as folder:
        with EmbeddedServer(home=folder / "made"):
            pass
        yield folder / "made"


@pytest.fixture
def home(made_home: Path) -> Iterator[Path]:
    """Lend a folder with a data folder in it to one test."""
    with new_home() as folder:
        subprocess.run(["cp", "-a", f"{made_home}/.", folder], check=True)
        folder.chmod(0o711)
        yield folder


@pytest.fixture
def empty_home() -> Iterator[Path]:
    """Lend a folder with nothing in it."""
    with new_home() as folder:
        yield folder
