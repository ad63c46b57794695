"""What the hub passed on lately, batch by batch: who comes back soon is served from here instead of from the table."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Generic, TypeVar

from msgspec import Struct

from jobstream.hub.message import Message
from jobstream.hub.subscription import Bounds

P = TypeVar("P")

RING = Bounds(messages=5_000, bytes=4 * 1024 * 1024)
"""Some 12 MB of memory with events of the usual size."""


class _Batch(Struct, Generic[P], frozen=True):
    messages: list[Message]
    end: P
    bytes: int


class Ring(Generic[P]):
    """Everything between two positions: `floor`, and the hub's while no batch is under way.

    Only whole batches come and go, so that `floor` is always a position between two of them. A batch beyond the bounds
    leaves the ring empty.
    """

    def __init__(self, bounds: Bounds = RING) -> None:
        """An empty ring without a floor; `clear` gives it one."""
        self._bounds = bounds
        self._batches: deque[_Batch[P]] = deque()
        self._open: list[Message] | None = []
        self._open_bytes = 0
        self.floor: P | None = None
        self.messages = 0
        self.bytes = 0

    def clear(self, floor: P | None) -> None:
        """Drop everything: what follows goes on after `floor`."""
        self._batches.clear()
        self._open, self._open_bytes = [], 0
        self.messages = self.bytes = 0
        self.floor = floor

    def add(self, messages: Iterable[Message]) -> None:
        """A part of the batch under way."""
        if self._open is None:
            return
        for message in messages:
            self._open.append(message)
            self._open_bytes += message.size
        if len(self._open) > self._bounds.messages or self._open_bytes > self._bounds.bytes:
            self._open = None

    def close(self, end: P) -> None:
        """The batch under way is over."""
        if self._open is None:
            self.clear(end)
            return
        if self._open:
            self._batches.append(_Batch(self._open, end, self._open_bytes))
            self.messages += len(self._open)
            self.bytes += self._open_bytes
            self._open, self._open_bytes = [], 0
        while self.messages > self._bounds.messages or self.bytes > self._bounds.bytes:
            oldest = self._batches.popleft()
            self.messages -= len(oldest.messages)
            self.bytes -= oldest.bytes
            self.floor = oldest.end

    def ends(self) -> list[P]:
        """The positions after each batch, in order."""
        return [batch.end for batch in self._batches]

    def since(self, batch: int) -> Iterator[Message]:
        """The messages of that batch and all later ones, in the order in which they were passed on."""
        return chain.from_iterable(each.messages for each in islice(self._batches, batch, None))
