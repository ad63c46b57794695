"""`jobstream …` as a real process: started, read, signalled and ended by its own pid."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from tests.support.waiting import eventually, eventually_sync

ADDRESS = re.compile(r"https?://[^\s/]+:\d+")
STARTUP_SECONDS = 30.0
STOP_SECONDS = 30.0


class Process:
    """A context manager around one process; leaving it kills what still runs.

    `Process("serve", "--port", "0", environ={"JOBSTREAM_DATABASE_URL": url})`. What it prints, both streams, is in
    `output()`. No variable of ours or libpq's is inherited from the caller's environment.
    """

    def __init__(
        self,
        *arguments: str,
        environ: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        command: tuple[str, ...] = (sys.executable, "-m", "jobstream.cli"),
    ) -> None:
        self._arguments = (*command, *arguments)
        self._environ = {**clean_environ(), "PYTHONUNBUFFERED": "1", **(environ or {})}
        self._cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 -- closed in __exit__

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._arguments,
            env=self._environ,
            cwd=self._cwd,
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=subprocess.STDOUT,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.signal(signal.SIGCONT)
        self.kill()
        if error is not None:
            sys.stderr.write(f"--- {self._arguments} ({self.returncode})\n{self.output()}")
        self._file.close()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._started.pid

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs."""
        return self._started.poll()

    def output(self) -> str:
        """Return all that it has printed so far."""
        size = os.fstat(self._file.fileno()).st_size
        return os.pread(self._file.fileno(), size, 0).decode(errors="replace")

    async def printed(
        self, pattern: str | re.Pattern[str], timeout: float = STARTUP_SECONDS
    ) -> re.Match[str]:
        """Wait until the output matches."""

        def look() -> re.Match[str] | None:
            found = re.search(pattern, self.output())
            if found is None and self.returncode is not None:
                raise RuntimeError(
                    f"ended with {self.returncode} before printing {pattern!r}:\n{self.output()}"
                )
            return found

        found = await eventually(look, timeout)
        assert found is not None
        return found

    async def address(self) -> str:
        """Return the first http address that it prints: `http://127.0.0.1:8123`."""
        return (await self.printed(ADDRESS)).group()

    def signal(self, number: int) -> None:
        """Send a signal; nothing happens if it has ended."""
        if self.returncode is None:
            self._started.send_signal(number)

    async def stop(self, timeout: float = STOP_SECONDS) -> int:
        """Ask it to end (SIGTERM), wait, and return its exit code."""
        self.signal(signal.SIGTERM)
        return await self.wait(timeout)

    async def wait(self, timeout: float = STOP_SECONDS) -> int:
        """Wait for its end and return its exit code."""
        await eventually(lambda: self.returncode is not None, timeout)
        return self.wait_sync(0.1)

    def wait_sync(self, timeout: float = STOP_SECONDS) -> int:
        """Do the same where there is no event loop."""
        eventually_sync(lambda: self.returncode is not None, timeout)
        return self._started.wait(timeout)

    def kill(self) -> None:
        """End it without a word (SIGKILL) and reap it."""
        self.signal(signal.SIGKILL)
        self._started.wait()

    @property
    def _started(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "used outside its block"
        return self._process


def clean_environ() -> dict[str, str]:
    """Return our environment without variables that would point a process at another database."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("JOBSTREAM_", "PG"))}
