"""What a person at a terminal sees: tables and bars that change in place, and a terminal left as it was."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from tests.cli.conftest import Command
from tests.support.processes import STARTUP_SECONDS, clean_environ
from tests.support.types import Connection
from tests.support.waiting import eventually


class Terminal:
    """A command in a pseudo-terminal of 160 columns."""

    def __init__(self, process: "subprocess.Popen[bytes]", master: int) -> None:
        self.process = process
        self._master = master
        self._seen = bytearray()
        self._reader = Thread(target=self._read)
        self._reader.start()

    @property
    def text(self) -> str:
        """All that was written so far."""
        return self._seen.decode(errors="replace")

    async def shows(self, *words: str) -> None:
        """Wait until all of that was written."""
        await eventually(lambda: all(word in self.text for word in words), STARTUP_SECONDS)

    def end(self) -> int:
        """How the process ended, once all that it wrote was read."""
        code = self.process.wait(STARTUP_SECONDS)
        self._reader.join(STARTUP_SECONDS)
        return code

    def _read(self) -> None:
        try:
            while chunk := os.read(self._master, 65_536):
                self._seen += chunk
        except OSError:  # the other side is closed
            pass


@contextmanager
def terminal(jobstream: Command, *arguments: str) -> Iterator[Terminal]:
    master, slave = pty.openpty()
    environ = {**clean_environ(), **jobstream.environ, "TERM": "xterm", "COLUMNS": "160", "LINES": "50"}
    with subprocess.Popen(
        [sys.executable, "-m", "jobstream.cli", *arguments],
        env=environ,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    ) as process:
        os.close(slave)
        made = Terminal(process, master)
        try:
            yield made
        finally:
            process.kill()
            made.end()
            os.close(master)


async def test_a_queue_is_watched_as_a_table_until_ctrl_c(jobstream: Command, conn: Connection) -> None:
    with terminal(jobstream, "watch", "--queue", "images") as watching:
        await watching.shows("queue images", "nothing has happened yet")
        id = await conn.fetchval("select id from jobstream.enqueue('thumbnail', queue => 'images')")
        await conn.fetch("select id from jobstream.claim(array['images'])")
        await conn.fetch("select jobstream.report_progress($1, 1, 30, 100, 'scaling')", id)
        await watching.shows(id, "thumbnail", "30/100", "scaling")
        await conn.fetch("select jobstream.complete($1, 1)", id)
        await watching.shows("done 1")

        watching.process.send_signal(signal.SIGINT)
        assert watching.end() == 130
        assert "\x1b[?25h" in watching.text
        assert "Traceback" not in watching.text


async def test_a_job_is_followed_with_a_bar_to_its_result(jobstream: Command, conn: Connection) -> None:
    with terminal(jobstream, "enqueue", "k", "--follow") as following:
        await following.shows("pending")
        [job] = await conn.fetch("select id from jobstream.claim(array['default'])")
        await conn.fetch("select jobstream.report_progress($1, 1, 50, 100, 'half way')", job["id"])
        await following.shows("━", "50/100", "half way")
        await conn.fetch("select jobstream.complete($1, 1, '{\"pages\": 9}')", job["id"])

        assert following.end() == 0
        assert '"pages": 9' in following.text
