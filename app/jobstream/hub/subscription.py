"""One subscriber's end: a bounded queue that never makes the hub wait."""

import asyncio
from collections import deque
from enum import Flag, auto
from typing import Generic, TypeVar

from msgspec import Struct

from jobstream.hub.message import Interest, Message

P = TypeVar("P")


class Bounds(Struct, frozen=True):
    """What one subscriber's queue may hold; beyond it the queue is dropped."""

    messages: int = 2_000
    bytes: int = 512 * 1024


BOUNDS = Bounds()


class Wake(Flag):
    """Why a subscriber was woken."""

    NOTHING = 0
    MESSAGES = auto()
    """There is something to take."""
    LOST = auto()
    """Messages were dropped: the queue overflowed, or the hub lost its place. Read on from your own cursor."""
    CLOSING = auto()
    """Its time to go has come; the process is shutting down."""
    POKED = auto()
    """Its owner called `poke`."""


class Subscription(Generic[P]):
    """A subscriber. Everything here runs on the hub's event loop; nothing blocks the hub.

    `start` is the position from which on the queue holds everything; what lies between the subscriber's own
    cursor and `start` it reads for itself.
    """

    __slots__ = (
        "__weakref__",
        "_bytes",
        "_queue",
        "_waiter",
        "_wake",
        "bounds",
        "interest",
        "latest",
        "start",
    )

    def __init__(self, interest: Interest, start: P, bounds: Bounds) -> None:
        """Made by `Hub.subscribe`."""
        self.interest = interest
        self.start = start
        self.bounds = bounds
        self.latest: Message | None = None
        self._queue: deque[Message] = deque()
        self._bytes = 0
        self._wake = Wake.NOTHING
        self._waiter: asyncio.Future[None] | None = None

    def offer(self, message: Message) -> bool:
        """Queue a message without waking the subscriber. False: that was too much, the queue is gone."""
        if Wake.LOST in self._wake:
            return False
        self._queue.append(message)
        self._bytes += message.size
        if len(self._queue) > self.bounds.messages or self._bytes > self.bounds.bytes:
            self.lose()
            return False
        return True

    def lose(self) -> None:
        """Drop what is queued, and say so."""
        self._clear()
        self._wake = self._wake & ~Wake.MESSAGES | Wake.LOST
        self.notify(Wake.LOST)

    def poke(self) -> None:
        """Wake the subscriber for a reason of its owner's: a time that has come, a client that hung up."""
        self.notify(Wake.POKED)

    def notify(self, reason: Wake) -> None:
        """Wake the subscriber, now or at its next wait."""
        self._wake |= reason
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self) -> Wake:
        """Until there is a reason to look; all of them since the last time. LOST and CLOSING stay."""
        if not self._wake:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        reasons = self._wake
        self._wake &= Wake.LOST | Wake.CLOSING
        return reasons

    def take(self) -> list[Message]:
        """All that is queued."""
        taken = list(self._queue)
        self._clear()
        return taken

    @property
    def lost(self) -> bool:
        """Whether messages were dropped since it was made."""
        return Wake.LOST in self._wake

    @property
    def closing(self) -> bool:
        """Whether its time to go has come."""
        return Wake.CLOSING in self._wake

    @property
    def empty(self) -> bool:
        """Whether nothing is queued."""
        return not self._queue

    def _clear(self) -> None:
        self._queue.clear()
        self._bytes = 0
