"""The processes of `executor="process"` handlers: made when they are needed, used again, ended with the worker.

One job at a time in each, so there are never more of them than slots. A process that dies takes its own job's attempt
with it and nothing else.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from jobstream.worker.handler import Handler
from jobstream.worker.held import HeldJob
from jobstream.worker.journal import Journal
from jobstream.worker.offspring import Offspring
from jobstream.worker.outcome import Decided, Fail, Interruption
from jobstream.worker.report import ErrorReport
from jobstream.worker.upstream import UpstreamResults
from jobstream.worker.wire import Began, Cancel, Ended, Noted, Quit, Run

logger = logging.getLogger("jobstream.worker")

STARTUP_SECONDS = 60.0
"""What a process has for its imports, before the handler's own time begins."""

STOP_SECONDS = 2.0
"""What a handler that is asked to stop has before its process is killed."""

IDLE_SECONDS = 60.0
"""How long a process is kept without work."""

QUIT_SECONDS = 2.0

# Asked to stop for these a handler may yet say how it ended; for the others its word no longer counts.
_WORTH_WAITING = (Interruption.CANCELLED, Interruption.SHUTDOWN)


class HandlerProcesses:
    """Runs handlers in processes."""

    def __init__(self, *, journal: Journal, max_jobs: int | None = None) -> None:
        """What handlers say goes to `journal`. A process ends after `max_jobs` jobs. No process yet."""
        self._journal = journal
        self._max_jobs = max_jobs
        self._idle: list[Offspring] = []
        self._all: set[Offspring] = set()
        self._loop = asyncio.get_running_loop()

    def __len__(self) -> int:
        """How many processes there are."""
        return len(self._all)

    async def run(
        self,
        held: HeldJob,
        handler: Handler[Any, Any],
        upstream: UpstreamResults | None,
        began: Callable[[], None],
    ) -> Decided:
        """One attempt. `began` is called when the handler begins, after imports. Cancelled, it kills the process.

        Raises CancelledError, and OSError where no process can be made.
        """
        while True:
            child = await self._take()
            is_fresh = child.jobs == 0
            call = _Call(held, child, self._journal, began)
            try:
                decided = await call.run(_message(held, handler, upstream))
            except BaseException:
                child.kill()
                self._all.discard(child)
                raise
            if decided is not None:
                self._put_back(child)
                return decided
            how = await child.ended()
            self._all.discard(child)
            if is_fresh or call.has_begun:
                return _crashed(how)
            # It died between two jobs: this one never began.

    async def close(self) -> None:
        """End all processes."""
        left = list(self._all)
        for child in left:
            self._quit(child)
        with suppress(TimeoutError):
            async with asyncio.timeout(QUIT_SECONDS):
                for child in left:
                    await child.exited()
        for child in left:
            child.kill()
        self._all.clear()
        self._idle.clear()

    async def _take(self) -> Offspring:
        while self._idle:
            child = self._idle.pop()
            child.rest_alarm.cancel()
            if child.lives:
                return child
            self._all.discard(child)
        child = await Offspring.start()
        self._all.add(child)
        return child

    def _put_back(self, child: Offspring) -> None:
        child.jobs += 1
        if self._max_jobs is not None and child.jobs >= self._max_jobs:
            return self._quit(child)
        child.rest_alarm = self._loop.call_later(IDLE_SECONDS, self._quit, child)
        self._idle.append(child)

    def _quit(self, child: Offspring) -> None:
        """Let it end; whatever still runs then is killed."""
        if child in self._idle:
            self._idle.remove(child)
        child.rest_alarm.cancel()
        child.send(Quit())
        child.rest_alarm = self._loop.call_later(QUIT_SECONDS, child.kill)
        child.on_exit = lambda: self._forget(child)

    def _forget(self, child: Offspring) -> None:
        child.rest_alarm.cancel()
        child.kill()
        self._all.discard(child)


class _Call:
    """One job in one process."""

    def __init__(self, held: HeldJob, child: Offspring, journal: Journal, began: Callable[[], None]) -> None:
        self._held = held
        self._child = child
        self._journal = journal
        self._began = began
        self.has_begun = False
        self._killer: asyncio.TimerHandle | None = None

    async def run(self, message: Run) -> Decided | None:
        """What the handler came to; None where its process ended before it."""
        loop = asyncio.get_running_loop()
        alarm = loop.call_later(STARTUP_SECONDS, self._give_up_start)
        self._child.send(message)
        try:
            while True:
                try:
                    return await self._follow()
                except asyncio.CancelledError:
                    if self._killer is not None or self._held.interruption not in _WORTH_WAITING:
                        raise
                    self._child.send(Cancel())
                    self._killer = loop.call_later(STOP_SECONDS, self._child.kill)
        finally:
            alarm.cancel()
            if self._killer is not None:
                self._killer.cancel()

    async def _follow(self) -> Decided | None:
        while True:
            match await self._child.receive():
                case Ended(decided=decided):
                    return decided
                case Noted(note=note):
                    self._journal.pass_on(self._held, note)
                    while self._journal.is_full:  # noqa: ASYNC110  (the database is slow, not we)
                        await asyncio.sleep(0.05)
                case Began():
                    self.has_begun = True
                    self._began()
                case None if self._killer is not None:
                    raise asyncio.CancelledError
                case None:
                    return None

    def _give_up_start(self) -> None:
        if not self.has_begun:
            logger.error("a handler's process has not started within %.0f s", STARTUP_SECONDS)
            self._child.kill()


def _message(held: HeldJob, handler: Handler[Any, Any], upstream: UpstreamResults | None) -> Run:
    job = held.job
    return Run(
        module=handler.function.__module__,
        place=handler.function.__qualname__,
        id=job.id,
        attempt=job.attempt,
        kind=job.kind,
        queue=job.queue,
        priority=job.priority,
        args=job.args,
        timeout_seconds=job.timeout_seconds,
        await_jobs=job.await_jobs,
        lease_until=job.lease_until,
        job=msgspec.json.encode(job.job),
        upstream=None if upstream is None else list(upstream.rows),
    )


def _crashed(how: str) -> Decided:
    return Decided(Fail(error=ErrorReport(type="HandlerCrashed", message=f"the handler's process {how}")))
