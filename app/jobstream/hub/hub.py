"""The hub: who wants what, and the position up to which everybody was served.

Every method is synchronous and runs on one event loop, so whatever a caller does without awaiting between is one
step to everybody else: that is the whole locking protocol.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from jobstream.hub.message import Interest, Message
from jobstream.hub.ring import Ring
from jobstream.hub.subscription import BOUNDS, Bounds, Subscription

P = TypeVar("P")

_ALL = ("", "")


class Hub(Generic[P]):
    """Passes messages on to subscribers, by index. `dimensions`: what interests may name, most selective first."""

    def __init__(
        self, *, dimensions: Sequence[str], bounds: Bounds = BOUNDS, ring: Ring[P] | None = None
    ) -> None:
        """A hub without a position; the first `resume` gives it one. `bounds` are those of one subscriber's queue."""
        self._dimensions = tuple(dimensions)
        self._bounds = bounds
        self._index: dict[tuple[str, str], dict[Subscription[P], Interest | None]] = defaultdict(dict)
        self._counts: dict[str, int] = defaultdict(int)
        self._subscriptions: dict[Subscription[P], None] = {}
        self._joining: list[Subscription[P]] = []
        self._touched: list[Subscription[P]] = []
        self._target: P | None = None
        self._drained_at: float | None = None
        self.position: P | None = None
        self.ring: Ring[P] = Ring() if ring is None else ring
        self.delivered = 0

    def __len__(self) -> int:
        """How many subscribers there are."""
        return len(self._subscriptions)

    def __iter__(self) -> Iterator[Subscription[P]]:
        """The subscribers, oldest first."""
        return iter(tuple(self._subscriptions))

    def subscribe(self, interest: Interest) -> Subscription[P]:
        """Join. From `start` on the subscription holds everything that is wanted; it must be given back.

        One that joins in the middle of a batch begins where the batch will end.
        """
        if self.position is None:
            raise RuntimeError("the hub has no position yet")
        start = self.position if self._target is None else self._target
        subscription: Subscription[P] = Subscription(interest, start, self._bounds)
        self._subscriptions[subscription] = None
        if self._drained_at is not None:
            self._close_later(subscription)
        if self._target is None:
            self._enter(subscription)
        else:
            self._joining.append(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription[P]) -> None:
        """Leave; once is enough, more does no harm."""
        if subscription not in self._subscriptions:
            return
        del self._subscriptions[subscription]
        if subscription in self._joining:
            self._joining.remove(subscription)
        else:
            self._leave(subscription)

    def position_of(self, subscription: Subscription[P]) -> P:
        """Where a subscriber stands that has passed on all of its backfill and queue."""
        if self.position is None or subscription in self._joining:
            return subscription.start
        return self.position

    def forget(self) -> None:
        """Give the position up, while there are no subscribers: what follows will be a fresh start."""
        if self._subscriptions:
            raise RuntimeError("somebody relies on the hub's position")
        self.position = self._target = None
        self.ring.clear(None)

    def resume(self, position: P) -> None:
        """Begin at a position of which no subscriber knows how it follows from theirs: all read on for themselves."""
        for subscription in self:
            subscription.lose()
        self.ring.clear(position)
        self._arrive(position)

    @property
    def within_batch(self) -> bool:
        """Whether a batch has begun and not ended."""
        return self._target is not None

    def begin(self, target: P) -> None:
        """A batch starts that may come in several parts and will end at `target`."""
        self._target = target

    def publish(self, messages: Sequence[Message], position: P) -> None:
        """Pass on a part of the batch; everybody then stands at `position`. `wake` follows."""
        self.ring.add(messages)
        for message in messages:
            self._pass_on(message)
        self.position = position

    def wake(self, most: int | None = None) -> bool:
        """Wake who got messages, at most so many; says whether some are left.

        A few at a time, with other work between: thousands woken in one go hold up every request of the process for as
        long as all of them take to write.
        """
        count = len(self._touched) if most is None else most
        woken, self._touched = self._touched[:count], self._touched[count:]
        for subscription in woken:
            subscription.touched = False
            subscription.deliver()
        return bool(self._touched)

    def finish(self, position: P) -> None:
        """The batch is over; who joined during it begins here."""
        self.ring.close(position)
        self._arrive(position)

    def drain(self, seconds: float) -> None:
        """Ask all subscribers to go, each at a moment of its own within so many seconds; later ones too."""
        self._drained_at = asyncio.get_running_loop().time() + seconds
        for subscription in self:
            self._close_later(subscription)

    @property
    def draining(self) -> bool:
        """Whether `drain` was called."""
        return self._drained_at is not None

    def _close_later(self, subscription: Subscription[P]) -> None:
        loop = asyncio.get_running_loop()
        left = max(0.0, (self._drained_at or 0.0) - loop.time())
        # Spread, or all of them come back to the next instance in the same instant.
        loop.call_later(left * random.random(), subscription.close)

    def _arrive(self, position: P) -> None:
        self.position = position
        self._target = None
        joining, self._joining = self._joining, []
        for subscription in joining:
            self._enter(subscription)

    def _pass_on(self, message: Message) -> None:
        for subscription, rest in self._candidates(message):
            # A message with two labels that one subscriber asked for is found twice.
            if subscription.latest is message or not (rest is None or rest.admits(message.facets)):
                continue
            subscription.latest = message
            if subscription.offer(message):
                self.delivered += 1
                if not subscription.touched:
                    subscription.touched = True
                    self._touched.append(subscription)

    def _candidates(self, message: Message) -> Iterator[tuple[Subscription[P], Interest | None]]:
        if everybody := self._index.get(_ALL):
            yield from everybody.items()
        for dimension in self._counts:
            for value in message.facets.get(dimension, ()):
                if found := self._index.get((dimension, value)):
                    yield from found.items()

    def _keys(self, interest: Interest) -> tuple[Iterable[tuple[str, str]], Interest]:
        """Where a subscriber is found, and what is still to be asked there."""
        for dimension in self._dimensions:
            if dimension in interest.wanted:
                return [(dimension, value) for value in interest.wanted[dimension]], interest.without(
                    dimension
                )
        return [_ALL], interest

    def _enter(self, subscription: Subscription[P]) -> None:
        keys, rest = self._keys(subscription.interest)
        for key in keys:
            self._index[key][subscription] = rest if rest.wanted else None
            if key is not _ALL:
                self._counts[key[0]] += 1

    def _leave(self, subscription: Subscription[P]) -> None:
        keys, _ = self._keys(subscription.interest)
        for key in keys:
            found = self._index[key]
            found.pop(subscription, None)
            if not found:
                del self._index[key]
            if key is not _ALL:
                self._counts[key[0]] -= 1
                if not self._counts[key[0]]:
                    del self._counts[key[0]]
