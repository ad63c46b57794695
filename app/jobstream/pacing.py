"""When a loop goes on: an interval with jitter, a bell that cuts it short, patience with a database that is away.

Knows asyncio and nothing of ours but the errors.
"""

import asyncio
import random


class Wake:
    """A bell for one sleeper: rung while nobody sleeps, it is remembered once."""

    def __init__(self) -> None:
        """Silent."""
        self._rung = False
        self._sleeper: asyncio.Future[None] | None = None

    def ring(self) -> None:
        """Wake the sleeper, or the next one that would sleep. Only from the event loop's own thread."""
        self._rung = True
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)

    async def wait(self, timeout: float | None = None) -> bool:
        """Sleep until the bell or for `timeout` seconds; says whether it was the bell."""
        if not self._rung:
            await self._sleep(timeout)
        rung, self._rung = self._rung, False
        return rung

    async def _sleep(self, timeout: float | None) -> None:
        loop = asyncio.get_running_loop()
        sleeper = self._sleeper = loop.create_future()
        alarm = None if timeout is None else loop.call_later(max(timeout, 0.0), _finish, sleeper)
        try:
            await sleeper
        finally:
            self._sleeper = None
            if alarm is not None:
                alarm.cancel()


def _finish(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)


class Patience:
    """How long to wait before the next try of something that is away: doubling, with jitter, reset by success."""

    def __init__(self, *, first: float = 0.1, most: float = 5.0) -> None:
        """Both in seconds."""
        self._first = first
        self._most = most
        self._next = first

    def succeeded(self) -> None:
        """It is back."""
        self._next = self._first

    def failed(self) -> float:
        """Seconds to wait now."""
        pause = self._next
        self._next = min(self._most, pause * 2)
        return jittered(pause)


def jittered(seconds: float, share: float = 0.2) -> float:
    """The interval, longer or shorter by up to that share, so that processes do not keep step."""
    return seconds * (1.0 + share * (2.0 * random.random() - 1.0))
