"""One subscriber's end: a bounded queue that never makes the hub wait."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from msgspec import Struct

from jobstream.hub.message import Interest, Message

P = TypeVar("P")


class Bounds(Struct, frozen=True):
    """What one subscriber's queue may hold; beyond it the queue is dropped. Bytes on the wire: in memory some five
    times as many, where nobody else holds the messages.
    """

    messages: int = 1_000
    bytes: int = 256 * 1024


BOUNDS = Bounds()


class Subscription(Generic[P]):
    """A subscriber. Everything here runs on the hub's event loop; nothing blocks the hub.

    `start` is the position from which on the queue holds everything; what lies between the subscriber's own
    cursor and `start` it reads for itself. `lost`: messages were dropped, because the queue overflowed or the hub lost
    its place: read on from your own cursor. `closing`: its time to go has come.

    Plain attributes, because each costs at every delivery: as members of a Flag they took 8 % of it [measured].
    """

    __slots__ = (
        "__weakref__",
        "_bounds",
        "_bytes",
        "_loop",
        "_queue",
        "_waiter",
        "_woken",
        "closing",
        "interest",
        "latest",
        "lost",
        "sink",
        "start",
        "touched",
    )

    def __init__(self, interest: Interest, start: P, bounds: Bounds) -> None:
        """Made by `Hub.subscribe`."""
        self.interest = interest
        self.start = start
        self.lost = False
        self.closing = False
        self.latest: Message | None = None
        self.sink: Callable[[list[Message]], bool] | None = None
        """Takes the messages in the subscriber's place while it waits, and says whether it did; must not call back here.

        A task that is woken, looks, and waits again is half of what a delivery costs [measured].
        """
        self.touched = False
        """The hub's note that it has yet to be woken."""
        self._bounds = bounds
        self._queue: list[Message] = []
        self._bytes = 0
        self._woken = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiter: asyncio.Future[None] | None = None

    def offer(self, message: Message) -> bool:
        """Queue a message without waking the subscriber. False: that was too much, the queue is gone."""
        if self.lost:
            return False
        self._queue.append(message)
        self._bytes += message.size
        if len(self._queue) > self._bounds.messages or self._bytes > self._bounds.bytes:
            self.lose()
            return False
        return True

    def lose(self) -> None:
        """Drop what is queued, and say so."""
        self.take()
        self.lost = True
        self.wake()

    def close(self) -> None:
        """Tell the subscriber to go."""
        self.closing = True
        self.wake()

    def deliver(self) -> None:
        """Something is queued: have the sink take it, or wake the subscriber."""
        is_waiting = self._waiter is not None and not self._waiter.done()
        if self.sink is not None and is_waiting and self._queue and self.sink(self._queue):
            self.take()
        else:
            self.wake()

    def wake(self) -> None:
        """Wake the subscriber, now or at its next wait, for whatever reason."""
        self._woken = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self) -> None:
        """Until there is a reason to look. That it lost messages, or should go, stays one."""
        if not (self._woken or self.lost or self.closing):
            if self._loop is None:
                self._loop = asyncio.get_running_loop()
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self._woken = False

    def take(self) -> list[Message]:
        """All that is queued."""
        taken, self._queue = self._queue, []
        self._bytes = 0
        return taken

    @property
    def empty(self) -> bool:
        """Whether nothing is queued."""
        return not self._queue
