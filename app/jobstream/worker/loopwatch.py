"""Notices a blocked event loop while it is blocked, and names what blocks it.

A thread looks at a time stamp that the loop renews. It costs the loop one timer a quarter of a second.
"""

import asyncio
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import FrameType

from jobstream.worker.held import HeldJob
from jobstream.worker.logs import about

logger = logging.getLogger("jobstream.worker")

BEAT_SECONDS = 0.25

JobOfTask = Callable[["asyncio.Task[object]"], HeldJob | None]


class LoopWatch:
    """Watches the event loop that it is made in."""

    def __init__(self, *, job_of: JobOfTask, limit: float = 1.0) -> None:
        """`limit`: seconds without a sign of life before something is said. `job_of` is called from the thread."""
        self._job_of = job_of
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._alive_at = time.monotonic()
        self._done = threading.Event()
        self._closed = asyncio.Event()

    def close(self) -> None:
        """Let `run` return."""
        self._done.set()
        self._closed.set()

    async def run(self) -> None:
        """Watch until `close`."""
        self._beat()
        thread = threading.Thread(target=self._watch, name="jobstream-loopwatch", daemon=True)
        thread.start()
        try:
            await self._closed.wait()
        finally:
            self._done.set()
            self._timer.cancel()

    def _beat(self) -> None:
        self._alive_at = time.monotonic()
        self._timer = self._loop.call_later(BEAT_SECONDS, self._beat)

    def _watch(self) -> None:
        """In the thread: one warning for each time that the loop is blocked, and how long it took when it is over."""
        blocked_since: float | None = None
        due = time.monotonic() + self._limit / 2
        while not self._done.wait(max(0.0, due - time.monotonic())):
            now = time.monotonic()
            punctual = (
                now - due < self._limit / 2
            )  # else the whole process stood still, and nobody is to blame
            due = now + self._limit / 2
            silent = now - self._alive_at
            if silent > self._limit and punctual and blocked_since is None:
                blocked_since = self._alive_at
                self._accuse(silent)
            elif silent < self._limit and blocked_since is not None:
                logger.warning("the event loop goes on after %.1f s", self._alive_at - blocked_since)
                blocked_since = None

    def _accuse(self, silent: float) -> None:
        held = self._culprit()
        who = f"the handler of {held.job.kind!r}" if held is not None else "something"
        logger.warning(
            "%s has blocked the event loop for %.1f s: no lease is renewed meanwhile. Use `def` instead of "
            "`async def`, or asyncio.to_thread, for what does not await. It is at:\n%s",
            who,
            silent,
            self._stack(),
            extra={} if held is None else about(held.job),
        )

    def _culprit(self) -> HeldJob | None:
        task = asyncio.current_task(self._loop)
        return None if task is None else self._job_of(task)

    def _stack(self) -> str:
        frame: FrameType | None = sys._current_frames().get(self._loop_thread)  # noqa: SLF001  (the only way to look into another thread)
        return "(unknown)" if frame is None else "".join(traceback.format_stack(frame, limit=6)).rstrip()
