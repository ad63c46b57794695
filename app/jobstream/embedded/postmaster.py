"""Reads postmaster.pid: is there a server on this data folder, in what state, and how is it reached?"""

import os
import subprocess
import time
from pathlib import Path

import msgspec

POLL_SECONDS = 0.05


class Postmaster(msgspec.Struct, frozen=True, kw_only=True):
    """A server that is alive, as its own file describes it."""

    pid: int
    port: int
    socket_folder: Path
    listens_on: str
    status: str

    @property
    def is_ready(self) -> bool:
        """Whether it takes connections."""
        return self.status == "ready"


def read_postmaster(data: Path) -> Postmaster | None:
    """Return the live server of `data`; None where there is no file, an unfinished one or one left behind."""
    pid = read_pid(data / "postmaster.pid")
    if pid is None or not is_postmaster(pid, data):
        return None
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    if len(lines) < 8:
        return Postmaster(pid=pid, port=0, socket_folder=data, listens_on="", status="starting")
    _, _, _, port, socket_folder, listens_on, _, status, *_ = (line.strip() for line in lines)
    return Postmaster(
        pid=pid, port=int(port), socket_folder=Path(socket_folder), listens_on=listens_on, status=status
    )


def settled(data: Path, timeout: float) -> Postmaster | None:
    """Return the server once it is ready, or None once there is none.

    A server may be starting or stopping without us: its starter was killed, or is not waiting any more.
    """
    deadline = time.monotonic() + timeout
    while True:
        server = read_postmaster(data)
        if server is None or server.is_ready or time.monotonic() > deadline:
            return server
        time.sleep(POLL_SECONDS)


def read_pid(lock: Path) -> int | None:
    """Return the process id that a lock file names, alive or not."""
    try:
        first = lock.read_text().partition("\n")[0]
    except FileNotFoundError:
        return None
    return int(first) if first.strip().isdigit() else None


def is_alive(pid: int) -> bool:
    """Whether any process has this id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def is_postmaster(pid: int, data: Path) -> bool:
    """Whether that process is the server of `data`: after a reboot the number may be anybody's."""
    return is_alive(pid) and str(data) in _command_line(pid)


def _command_line(pid: int) -> str:
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    return subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], check=False, capture_output=True, text=True
    ).stdout
