"""A process of handlers, seen from the worker: how it is started, spoken to, listened to and ended."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Self, cast

import msgspec

from jobstream.worker import logs
from jobstream.worker.wire import HEADER, FromChild, Start, ToChild, framed, read_from_child

LAST_WORDS_SECONDS = 1.0
"""How long what a process has said is read after its end: something that it started may hold its socket open."""

# What the terminal or a supervisor sends to all processes is for the worker to answer. Not SIG_IGN, which programs that a
# handler starts would inherit.
_PROGRAM = """
import signal
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: None)
import json, sys
argument = sys.argv.pop()
sys.path[:] = json.loads(argument)["path"]
from jobstream.worker.child import main
main(argument)
"""


class Offspring(asyncio.SubprocessProtocol):
    """One process. It is in a session of its own, so that it and all that it starts can be ended together."""

    def __init__(self) -> None:
        """Not started; see `start`."""
        self._loop = asyncio.get_running_loop()
        self._exit: asyncio.Future[None] = self._loop.create_future()
        self._process: asyncio.SubprocessTransport
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._size: int | None = None
        self.jobs = 0
        """How many it has run."""
        self.rest_alarm: asyncio.TimerHandle = self._loop.call_later(0, _nothing)
        """What happens to it if nothing else does."""
        self.on_exit: Callable[[], None] = _nothing

    @classmethod
    async def start(cls) -> Self:
        """A new process that waits for jobs. Raises OSError where none can be made."""
        made = cls()
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                await made._spawn(theirs)
            ours.setblocking(False)
            made._reader, made._writer = await asyncio.open_unix_connection(sock=ours)
        except BaseException:
            ours.close()
            if hasattr(made, "_process"):
                made._process.close()
            raise
        return made

    @property
    def lives(self) -> bool:
        """Whether it may be given a job."""
        return not self._exit.done() and not self._reader.at_eof()

    def send(self, message: ToChild) -> None:
        """Tell it. Whether it listens shows when it answers."""
        self._writer.write(framed(message))

    async def receive(self) -> FromChild | None:
        """The next that it says; None when it will say nothing more. May be cancelled and called again."""
        try:
            if self._size is None:
                self._size = int.from_bytes(await self._reader.readexactly(HEADER), "big")
            body = await self._reader.readexactly(self._size)
            self._size = None
            return cast("FromChild", read_from_child(body))
        except (asyncio.IncompleteReadError, OSError, msgspec.DecodeError):
            return None

    async def exited(self) -> None:
        """Wait for its end."""
        await asyncio.shield(self._exit)

    async def ended(self) -> str:
        """End what may be left of it; how it ended, in words."""
        self.kill()
        await self.exited()
        return _in_words(self._process.get_returncode())

    def kill(self) -> None:
        """End it at once, and what it has started."""
        if not self._exit.done():
            # Its number is its group's too, and not another's before it was waited for.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.get_pid(), signal.SIGKILL)
        self._writer.close()

    def process_exited(self) -> None:
        """The loop's word that it has ended."""
        if not self._exit.done():
            self._exit.set_result(None)
        self._loop.call_later(LAST_WORDS_SECONDS, self._hang_up)
        self._loop.call_soon(self._let_go)
        self.on_exit()

    def _hang_up(self) -> None:
        if hasattr(self, "_writer"):
            self._writer.close()

    def _let_go(self) -> None:
        if hasattr(self, "_process"):
            self._process.close()

    async def _spawn(self, theirs: socket.socket) -> None:
        start = Start(socket=theirs.fileno(), parent=os.getpid(), path=sys.path, logs=logs.configured)
        transport, _ = await self._loop.subprocess_exec(
            lambda: self,
            sys.executable,
            "-c",
            _PROGRAM,
            msgspec.json.encode(start).decode(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=None,
            stderr=None,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
        self._process = transport


def _in_words(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exited with {code}"
    name = signal.Signals(-code).name
    hint = ": out of memory?" if -code == signal.SIGKILL else ""
    return f"was ended by {name}{hint}"


def _nothing() -> None:
    pass
