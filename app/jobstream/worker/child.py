"""A process for `executor="process"` handlers, seen from inside: one job after another, until told to quit.

It dies with its worker: by the system's word where there is one, else when its socket is closed. What the terminal or
a supervisor sends to all processes alike, SIGINT and SIGTERM, is for the worker to answer.
"""

import ctypes
import faulthandler
import os
import queue
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Any, Never

import msgspec

from jobstream.domain.job import ClaimedJob, Job
from jobstream.errors import InvalidArgument, LeaseLost
from jobstream.store.reports import Note
from jobstream.worker.context import JobContext, current_context
from jobstream.worker.handler import Handler, JobOptions
from jobstream.worker.held import HeldJob
from jobstream.worker.journal import Stored
from jobstream.worker.logs import configure_logging
from jobstream.worker.notes import emit_note, log_note, progress_note
from jobstream.worker.outcome import Decided, Raised, Returned, decide, refuse_args
from jobstream.worker.signals import HandlerSignal
from jobstream.worker.throttle import Throttle
from jobstream.worker.upstream import UpstreamResults
from jobstream.worker.wire import (
    HEADER,
    Began,
    Cancel,
    Ended,
    FromChild,
    Noted,
    Run,
    Start,
    framed,
    read_in_child,
)

PR_SET_PDEATHSIG = 1


def main(argument: str) -> None:
    """Run jobs until told to quit. The argument is a Start, as JSON."""
    start = msgspec.json.decode(argument, type=Start)
    die_with(start.parent)
    faulthandler.enable()
    if start.logs is not None:
        configure_logging(level=start.logs.level, json=start.logs.json)
    os.set_inheritable(start.socket, False)
    link = Link(socket.socket(fileno=start.socket))
    while (run := link.next()) is not None:
        perform(run, link)


def die_with(parent: int) -> None:
    """Have this process killed when its parent dies, whatever it is doing then."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        end_all()


def end_all() -> Never:
    """End this process and what its handlers have started."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


class Link:
    """The child's end of the socket: a thread reads it, so that a running handler can be told to stop."""

    def __init__(self, end: socket.socket) -> None:
        """Reads from now on."""
        self._end = end
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[Run | None] = queue.SimpleQueue()
        self.held: HeldJob | None = None
        """The job in hand."""
        threading.Thread(target=self._read, name="jobstream-link", daemon=True).start()

    def next(self) -> Run | None:
        """The next job; None for the end."""
        return self._jobs.get()

    def send(self, message: FromChild) -> None:
        """Tell the worker; blocks while it has too much to read."""
        data = framed(message)
        with self._lock:
            self._end.sendall(data)

    def _read(self) -> None:
        try:
            while True:
                size = int.from_bytes(self._receive(HEADER), "big")
                self._take(self._receive(size))
        except OSError:
            end_all()

    def _take(self, body: bytes) -> None:
        match read_in_child(body):
            case Run() as run:
                self._jobs.put(run)
            case Cancel():
                if (held := self.held) is not None:
                    held.cancelled.set()
            case _:
                self._jobs.put(None)

    def _receive(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            part = self._end.recv(min(size - len(parts), 1 << 16))
            if not part:
                raise ConnectionError("the worker is gone")
            parts += part
        return bytes(parts)


class Notes:
    """What the handler says, on its way to the worker. For any thread of this process."""

    def __init__(self, link: Link) -> None:
        """Sends over `link`."""
        self._link = link
        self._throttle: Throttle[Note] = Throttle()
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def progress(self, held: HeldJob, current: float, total: float | None, step: str | None) -> Stored:
        """How far the job is: so often as it may be stored, for a storm of it must not keep the worker busy."""
        note = progress_note(held.job, current, total, step)
        with self._lock:
            self._check(held)
            now = time.monotonic()
            if self._throttle.offer(note, now) is not None:
                self._link.send(Noted(note))
            elif self._timer is None:
                self._timer = threading.Timer(self._throttle.due_in(now) or 0.0, self._send_held, [held])
                self._timer.daemon = True
                self._timer.start()
        return _sent()

    def log(self, held: HeldJob, message: str, level: str) -> Stored:
        """A line."""
        return self._say(held, log_note(held.job, message, level))

    def emit(self, held: HeldJob, type: str, data: object) -> Stored:
        """An event of the handler's own type."""
        return self._say(held, emit_note(held.job, type, data))

    def finish(self, held: HeldJob) -> None:
        """Send what is held back; nothing more is taken."""
        self._send_held(held)
        with self._lock:
            held.ended = True

    def _say(self, held: HeldJob, note: Note) -> Stored:
        with self._lock:
            self._check(held)
            self._link.send(Noted(note))
        return _sent()

    def _send_held(self, held: HeldJob) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            note = self._throttle.take(time.monotonic())
            if note is not None and not held.ended:
                self._link.send(Noted(note))

    def _check(self, held: HeldJob) -> None:
        if held.ended:
            raise LeaseLost(f"attempt {held.job.attempt} of job {held.job.id} is over")


def perform(run: Run, link: Link) -> None:
    """One attempt, from the arguments to what is to be reported of it."""
    held = link.held = HeldJob(_claimed(run), time.monotonic())
    notes = Notes(link)
    upstream = None if run.upstream is None else UpstreamResults(run.upstream)
    context = JobContext(held, journal=notes, client=None, upstream=upstream)
    token = current_context.set(context)
    decided = attempt(run, context, link)
    current_context.reset(token)
    notes.finish(held)
    link.held = None
    link.send(Ended(decided))


def attempt(run: Run, context: JobContext, link: Link) -> Decided:
    """Find the handler and call it. Raises nothing, whatever the handler does."""
    handler: Handler[Any, Any] | None = None
    try:
        handler = find_handler(run.module, run.place, run.kind)
        parameters = (context, handler.decode_args(run.args)) if handler.takes_args else (context,)
    except InvalidArgument as error:
        return Decided(refuse_args(error, "its type" if handler is None else handler.args_name))
    except BaseException as error:  # noqa: BLE001  (imports the user's modules)
        return Decided(decide(Raised(error), None, _no_result))
    link.send(Began())
    try:
        said = handler.function(*parameters)
        ending: Returned | Raised = Returned(said)
    except BaseException as error:  # noqa: BLE001  (SystemExit too: a handler cannot end its process by it)
        said, ending = error, Raised(error)
    return Decided(decide(ending, None, handler.encode_result), isinstance(said, HandlerSignal))


@cache
def find_handler(module: str, place: str, kind: str) -> Handler[Any, Any]:
    """The handler that a module has at that place."""
    found: Any = import_module(module)
    for name in place.split("."):
        found = getattr(found, name)
    if isinstance(found, Handler):
        return found
    return Handler(kind, found, JobOptions(), executor="thread")


def _claimed(run: Run) -> ClaimedJob:
    return ClaimedJob(
        id=run.id,
        attempt=run.attempt,
        kind=run.kind,
        queue=run.queue,
        priority=run.priority,
        args=run.args,
        timeout_seconds=run.timeout_seconds,
        await_jobs=run.await_jobs,
        lease_until=run.lease_until,
        row=run.job,
        build=_read_job,
    )


def _read_job(text: bytes) -> Job:
    return msgspec.json.decode(text, type=Job)


def _sent() -> Stored:
    stored = Stored()
    stored.settle()
    return stored


def _no_result(_: Any) -> None:
    return None
