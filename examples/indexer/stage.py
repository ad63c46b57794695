"""Where the demo plays: a temporary folder with PostgreSQL in it, gone when it is left.

A demo that was killed could not tidy up: the next one does it.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from jobstream.embedded import EmbeddedServer, running_url

BASE = Path(tempfile.gettempdir()) / f"jobstream-demo-{os.geteuid()}"


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder of our own; first those of demos that were killed are cleared away."""
    BASE.mkdir(mode=0o711, exist_ok=True)
    for left in BASE.iterdir():
        _clear_if_left(left)
    folder = Path(tempfile.mkdtemp(dir=BASE))
    # PostgreSQL refuses to be root: where we are, its account must be able to walk in.
    folder.chmod(0o711)
    try:
        with (folder / "held").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database(folder: Path, environ: Mapping[str, str]) -> Iterator[str]:
    """The URL of the database to use: the one that is set, else of a server that lives in `folder`."""
    if url := environ.get("JOBSTREAM_DATABASE_URL"):
        yield url
        return
    with EmbeddedServer(home=folder / "data") as server:
        yield server.url


def make_dangling_link(folder: Path) -> Path:
    """A link to a file that is not there: the one that cannot be read."""
    link = folder / "moved-away.txt"
    link.symlink_to(folder / "nowhere.txt")
    return link


def _clear_if_left(folder: Path) -> None:
    try:
        with (folder / "held").open("r+") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if running_url(folder / "data") is not None:
                # Coming in and going out as its last user stops the server.
                with EmbeddedServer(home=folder / "data"):
                    pass
            shutil.rmtree(folder, ignore_errors=True)
    except (BlockingIOError, FileNotFoundError, NotADirectoryError):
        return
