"""Who uses the server now: one locked file for each user.

The kernel drops a lock with the process that held it, so a user that was killed counts for nothing from that moment
on. All calls are made under the server's own lock: a file that is not yet locked would look like one left behind.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path` between processes, and between threads of one."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


class Users:
    """The users of one server, counted in `folder`; this object can be one of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mine = folder / f"{os.getpid()}-{secrets.token_hex(4)}"
        self._handle: int | None = None

    def enter(self) -> None:
        """Count this user from now on; again is harmless."""
        if self._handle is None:
            self._handle = os.open(self._mine, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._handle, fcntl.LOCK_EX)

    def leave(self) -> None:
        """Count this user no more."""
        if self._handle is not None:
            self._mine.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = None

    def others(self) -> list[str]:
        """Return the other users that are alive; forget those that are not."""
        return [path.name for path in sorted(self._folder.iterdir()) if path != self._mine and _is_held(path)]


def _is_held(path: Path) -> bool:
    handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        path.unlink()
        return False
    finally:
        os.close(handle)
