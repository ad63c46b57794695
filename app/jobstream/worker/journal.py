"""Progress, log lines and events of running jobs on their way to the database.

What gathers while one statement is in flight goes into the next; a job's notes keep their order and are stored before
its outcome is. A note that is refused spoils no other.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Generator

from msgspec import Struct

from jobstream.errors import DatabaseUnavailable, InvalidArgument, LeaseLost
from jobstream.pacing import Patience, Wake
from jobstream.store.reports import Note, ReportStore
from jobstream.worker.held import HeldJob
from jobstream.worker.logs import about
from jobstream.worker.notes import emit_note, log_note, progress_note
from jobstream.worker.outcome import Interruption
from jobstream.worker.throttle import Throttle

logger = logging.getLogger("jobstream.worker")

MAX_NOTES = 500
"""Notes in one statement."""

MAX_BACKLOG = 5_000
"""Notes not yet stored; beyond it a thread waits with its next one, so that it cannot fill the memory."""

MAX_UNSENT = 20_000
"""Notes of one job not yet stored; beyond it a handler in the event loop, which nothing can make wait, is refused."""


class Stored:
    """A note on its way: await it to know that it is stored, or to have its refusal raised."""

    __slots__ = ("_done", "_error", "_waiter")

    def __init__(self) -> None:
        """On its way."""
        self._done = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    def __await__(self) -> Generator[object, None, None]:
        """Wait until it is stored."""
        if not self._done:
            self._waiter = asyncio.get_running_loop().create_future()
            yield from self._waiter
        if self._error is not None:
            raise self._error

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for it, and so hears of a refusal."""
        return self._waiter is not None

    def settle(self, error: Exception | None = None) -> None:
        """It is stored, or refused."""
        self._done, self._error = True, error
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class JobNotes:
    """What one job has said: how much of it is on its way, and the progress that is held back."""

    __slots__ = ("then", "throttle", "timer", "unsent")

    def __init__(self) -> None:
        """Nothing."""
        self.unsent = 0
        self.throttle: Throttle[Note] = Throttle()
        self.timer: asyncio.TimerHandle | None = None
        self.then: Callable[[], None] | None = None


class Latest:
    """The latest progress of a thread, until the event loop looks at it."""

    __slots__ = ("note", "taken")

    def __init__(self, note: Note) -> None:
        """Not looked at."""
        self.note = note
        self.taken = False


class _Entry(Struct):
    held: HeldJob
    note: Note
    stored: Stored


class Journal:
    """Gathers notes and stores them. `progress`, `log` and `emit` may be called from any thread."""

    def __init__(self, *, reports: ReportStore) -> None:
        """`run` must be running in this event loop for anything to be stored."""
        self._reports = reports
        self._wake = Wake()
        self._gathered: list[_Entry] = []
        self._patience = Patience()
        self._closing = False
        self._hurry = False
        self._loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    def progress(self, held: HeldJob, current: float, total: float | None, step: str | None) -> Stored:
        """Note how far the job is, at most ten times a second."""
        return self._take(held, progress_note(held.job, current, total, step), self._offer)

    def log(self, held: HeldJob, message: str, level: str) -> Stored:
        """Note a line."""
        return self._take(held, log_note(held.job, message, level), self._append)

    def emit(self, held: HeldJob, type: str, data: object) -> Stored:
        """Note an event of the handler's own type."""
        return self._take(held, emit_note(held.job, type, data), self._append)

    def pass_on(self, held: HeldJob, note: Note) -> None:
        """Take what a handler in a process noted. Only from the event loop's thread."""
        if not held.ended:
            add = self._offer if note.verb == "progress" else self._append
            add(held, note, Stored())

    @property
    def is_full(self) -> bool:
        """Whether so much waits to be stored that nobody should add to it."""
        return len(self._gathered) > MAX_BACKLOG

    def finish(self, held: HeldJob, notes: JobNotes, then: Callable[[], None]) -> None:
        """Call `then` once all that the job has said is stored or refused."""
        self._release_held(held, notes)
        if notes.unsent == 0:
            return then()
        notes.then = then

    def close(self) -> None:
        """Let `run` return once everything is stored."""
        self._closing = True
        self._wake.ring()

    def hurry(self) -> None:
        """From now on drop what the database does not take at once."""
        self._hurry = True

    async def run(self) -> None:
        """Store what gathers, until `close` and nothing is left."""
        while self._gathered or not self._closing:
            await self.run_once()

    async def run_once(self) -> None:
        """Wait for notes and store them in one statement, each by itself if that is refused."""
        if not self._gathered:
            await self._wake.wait()
        batch = self._gathered[:MAX_NOTES]
        del self._gathered[:MAX_NOTES]
        if batch:
            await self._send(batch)

    def _take(self, held: HeldJob, note: Note, add: "_Add") -> Stored:
        if held.ended:
            raise LeaseLost(f"attempt {note.attempt} of job {note.id} is over")
        stored = Stored()
        if threading.get_ident() != self._thread:
            self._take_from_thread(held, note, stored, add)
        elif held.notes is not None and held.notes.unsent >= MAX_UNSENT:
            raise InvalidArgument(
                f"{MAX_UNSENT} notes are not stored yet: await what ctx.log and ctx.emit return"
            )
        else:
            add(held, note, stored)
        return stored

    def _take_from_thread(self, held: HeldJob, note: Note, stored: Stored, add: "_Add") -> None:
        while self.is_full and not held.cancelled.wait(0.05):
            pass
        if note.verb != "progress":
            held.latest = None  # what is told after this line must not go before it
            self._loop.call_soon_threadsafe(add, held, note, stored)
            return
        # A thread may tell more than the event loop has time to look at: one look takes the latest.
        stored.settle()
        latest = held.latest
        if latest is not None:
            latest.note = note
            if not latest.taken:
                return
        held.latest = Latest(note)
        self._loop.call_soon_threadsafe(self._take_latest, held, held.latest)

    def _take_latest(self, held: HeldJob, latest: "Latest") -> None:
        latest.taken = True  # before the note is read: a thread that comes too late with its own sees it
        if not held.ended:
            self._offer(held, latest.note, Stored())

    def _offer(self, held: HeldJob, note: Note, stored: Stored) -> None:
        notes = held.notes = held.notes or JobNotes()
        now = self._loop.time()
        if notes.throttle.offer(note, now) is not None:
            return self._append(held, note, stored)
        # Held back: a later one may replace it, so there is nothing to wait for.
        stored.settle()
        if notes.timer is None:
            delay = notes.throttle.due_in(now) or 0.0
            notes.timer = self._loop.call_later(delay, self._release_held, held, notes)

    def _release_held(self, held: HeldJob, notes: JobNotes) -> None:
        if notes.timer is not None:
            notes.timer.cancel()
            notes.timer = None
        note = notes.throttle.take(self._loop.time())
        if note is not None:
            self._append(held, note, Stored())

    def _append(self, held: HeldJob, note: Note, stored: Stored) -> None:
        notes = held.notes = held.notes or JobNotes()
        notes.unsent += 1
        self._gathered.append(_Entry(held, note, stored))
        self._wake.ring()

    async def _send(self, batch: list[_Entry]) -> None:
        try:
            await self._store_patiently(batch)
        except DatabaseUnavailable as error:
            for entry in batch:
                self._refused(entry, error)
        except Exception as error:  # noqa: BLE001  (the handler hears of it, or the log)
            if len(batch) == 1:
                return self._refused(batch[0], error)
            await self._send(batch[: len(batch) // 2])
            await self._send(batch[len(batch) // 2 :])

    async def _store_patiently(self, batch: list[_Entry]) -> None:
        notes = [entry.note for entry in batch]
        while True:
            try:
                asked = await self._reports.append(notes)
            except DatabaseUnavailable:
                if self._hurry:
                    raise
                await asyncio.sleep(self._patience.failed())
            else:
                self._patience.succeeded()
                return self._settle(batch, asked)

    def _settle(self, batch: list[_Entry], asked: set[str]) -> None:
        for entry in batch:
            if entry.note.id in asked:
                entry.held.interrupt(Interruption.CANCELLED)
            self._done(entry, None)

    def _refused(self, entry: _Entry, error: Exception) -> None:
        if isinstance(error, LeaseLost):
            entry.held.interrupt(Interruption.LOST)
        elif not entry.stored.awaited:
            logger.warning(
                "a %s of the job could not be stored: %s", entry.note.verb, error, extra=about(entry.held.job)
            )
        self._done(entry, error)

    def _done(self, entry: _Entry, error: Exception | None) -> None:
        entry.stored.settle(error)
        notes = entry.held.notes
        if notes is None:
            return
        notes.unsent -= 1
        if notes.unsent == 0 and notes.then is not None:
            then, notes.then = notes.then, None
            then()


_Add = Callable[[HeldJob, Note, Stored], None]
