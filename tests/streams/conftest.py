"""Clusters of the test's own: to crash, to copy, to restore into and to promote."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from jobstream.embedded import EmbeddedServer, find_binaries
from jobstream.schema import latest_version, read_script, sql_folder
from tests.support.servers import SETTINGS, end_server

StartServer = Callable[[Path], EmbeddedServer]


def server_of(home: Path) -> EmbeddedServer:
    """Name the server of a home, of the version under test."""
    bindir = os.environ.get("JOBSTREAM_TEST_PG_BINDIR")
    return EmbeddedServer(
        home=home, settings=SETTINGS, binaries=find_binaries(Path(bindir) if bindir else None)
    )


@pytest.fixture
def folder() -> Iterator[Path]:
    """Lend a folder that the server's account can enter, and end what runs in it."""
    made = Path(tempfile.mkdtemp(prefix="jobstream-clusters-"))
    made.chmod(0o711)
    yield made
    for data in made.glob("*/postgres-*/data"):
        end_server(data)
    shutil.rmtree(made)


@pytest.fixture
def start_server(folder: Path) -> Iterator[StartServer]:
    """Start the server of a home; it is stopped at the end."""
    with ExitStack() as stack:

        def start(home: Path) -> EmbeddedServer:
            home.mkdir(mode=0o711, exist_ok=True)
            return stack.enter_context(server_of(home))

        yield start


@pytest.fixture(scope="session")
def first_home() -> Iterator[Path]:
    """Lend a home whose database has the schema: initdb takes most of a start's time."""
    made = Path(tempfile.mkdtemp(prefix="jobstream-clusters-"))
    made.chmod(0o711)
    with server_of(made) as server, psycopg.connect(server.url) as connection:
        connection.execute(read_script(sql_folder()).encode())
        connection.execute(
            "insert into jobstream.schema_version (version_num) values (%s)", [latest_version()]
        )
    yield made
    shutil.rmtree(made)


@pytest.fixture
def primary(folder: Path, first_home: Path, start_server: StartServer) -> EmbeddedServer:
    """Run a server with the schema, for this test alone."""
    subprocess.run(["cp", "-a", str(first_home), str(folder / "primary")], check=True)
    return start_server(folder / "primary")
