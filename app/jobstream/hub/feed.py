"""Keeps a hub supplied: one step when the bell rings, a quick poll while events flow, a slow one as the backstop.

While nobody listens there is nothing to read: the feed sleeps, and takes up a fresh position when somebody comes.
A step that fails is taken again from the same position, so an outage delays messages and loses none.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

from msgspec import Struct

from jobstream.errors import DatabaseUnavailable
from jobstream.hub.hub import Hub
from jobstream.hub.message import Interest, Message
from jobstream.hub.subscription import Subscription

P = TypeVar("P")

_log = logging.getLogger("jobstream.hub")


class Step(Struct, Generic[P], frozen=True):
    """What one reading brought, and the position after it.

    With a `target` the batch goes on beyond `position`, and will end there. `after` tells the position after one of the
    messages while the batch lasts.
    """

    messages: list[Message]
    position: P
    after: Callable[[Message], P]
    target: P | None = None


class Source(Protocol[P]):
    """Where messages come from."""

    async def now(self) -> P:
        """The position after everything that there is."""
        ...

    async def step(self, position: P) -> Step[P] | None:
        """What follows a position; None if that can no longer be told."""
        ...

    async def muted(self) -> bool:
        """Whether somebody keeps the bell from ringing just now."""
        ...


class Pace(Struct, frozen=True):
    """How often to read, in seconds: `hot` for `hot_for` after the last message, else `slow`; never below `least`.

    Hot, too, while the bell is found muted.
    """

    hot: float = 0.02
    hot_for: float = 1.0
    slow: float = 0.25
    least: float = 0.003
    linger: float = 5.0
    """How long to go on without subscribers: they often come back at once."""


PACE = Pace()

_OFFERS: Final = 4_000
"""Subscribers times messages between two looks at other work: some 5 ms."""
_AT_ONCE: Final = 100
"""Messages after which subscribers are woken in the middle of a batch: well within what they may queue."""
_WAKES: Final = 50
"""Subscribers woken between two looks at other work: some 1 ms, of which a request meets several."""


class Feed(Generic[P]):
    """Runs the steps of one hub."""

    def __init__(self, *, hub: Hub[P], source: Source[P], pace: Pace = PACE) -> None:
        """Nothing runs before `run`."""
        self.hub = hub
        self._source = source
        self._pace = pace
        self._bell = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []
        self._hot_until = 0.0
        self._rung = False
        self._muted = False
        self._ask_at = 0.0
        self._wanted_until = 0.0
        self.steps = 0

    @property
    def is_hot(self) -> bool:
        """Whether it polls quickly just now."""
        return self._muted or asyncio.get_running_loop().time() < self._hot_until

    def ring(self) -> None:
        """There may be something to read."""
        self._bell.set()

    async def run(self) -> None:
        """Step until cancelled."""
        loop = asyncio.get_running_loop()
        delay = 0.0
        while True:
            try:
                await self._pause(delay)
                began = loop.time()
                await self.run_once()
                delay = max(0.0, self._pace.least - (loop.time() - began))
            except DatabaseUnavailable as error:
                delay = min(max(2 * delay, 0.05), 2.0)
                _log.warning("reading events again in %.2f s: %s", delay, error)

    async def run_once(self) -> None:
        """One step, or a fresh start where there is no position, or none that can be continued."""
        waiting, self._waiting = self._waiting, []
        try:
            await self._step()
        except BaseException:
            self._waiting += waiting
            raise
        self.steps += 1
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def refresh(self) -> None:
        """Until a step is over that began after this call."""
        loop = asyncio.get_running_loop()
        self._wanted_until = loop.time() + self._pace.linger
        waiter = loop.create_future()
        self._waiting.append(waiter)
        self.ring()
        await waiter

    async def join(
        self, interest: Interest, *, reaches: Callable[[P], bool] = lambda _: True
    ) -> Subscription[P] | None:
        """Subscribe where the hub has got at least as far as the subscriber, reading on once if need be.

        None if it has not even then: what the subscriber believes to have seen is not there.
        """
        if self.hub.position is not None:
            subscription = self.hub.subscribe(interest)
            if reaches(subscription.start):
                return subscription
            self.hub.unsubscribe(subscription)
        await self.refresh()
        subscription = self.hub.subscribe(interest)
        if reaches(subscription.start):
            return subscription
        self.hub.unsubscribe(subscription)
        return None

    async def _step(self) -> None:
        position = self.hub.position
        if position is None:
            self.hub.resume(await self._source.now())
            return
        step = await self._source.step(position)
        if step is None:
            _log.warning("the stream's position can no longer be continued; starting afresh")
            self.hub.resume(await self._source.now())
            return
        went_on = step.target is not None or self.hub.within_batch
        self.hub.begin(step.position if step.target is None else step.target)
        await self._publish(step)
        if step.target is None:
            self.hub.finish(step.position)
        await self._wake()
        if step.messages or self._muted:
            await self._keep_hot()
        if went_on:
            # More of the batch; or after it what came since it began, for which the bell may have rung meanwhile.
            self.ring()

    async def _keep_hot(self) -> None:
        """After messages, for a while. Where a poll found them and no bell had rung, for as long as the bell is muted:
        a transaction that rings early and stays open keeps all others from ringing.
        """
        now = asyncio.get_running_loop().time()
        if self._muted or (not self._rung and now >= self._hot_until):
            if now < self._ask_at:
                return
            self._muted = await self._source.muted()
            self._ask_at = now + self._pace.hot_for
        self._hot_until = now + self._pace.hot_for

    async def _publish(self, step: Step[P]) -> None:
        """In pieces, so that a big batch to many subscribers holds up nothing else.

        They are woken when there is much for each: what is written at once costs little more than one message.
        """
        size = max(1, _OFFERS // max(1, len(self.hub)))
        last = max(0, len(step.messages) - 1) // size * size
        for place in range(0, last, size):
            piece = step.messages[place : place + size]
            self.hub.publish(piece, step.after(piece[-1]))
            if (place + size) // _AT_ONCE > place // _AT_ONCE:
                await self._wake()
            await asyncio.sleep(0)
        self.hub.publish(step.messages[last:], step.position)

    async def _wake(self) -> None:
        left = self.hub.wake(_WAKES)
        while left:
            await asyncio.sleep(0)
            left = self.hub.wake(_WAKES)

    async def _pause(self, least: float) -> None:
        await asyncio.sleep(least)
        if self._idle():
            self.hub.forget()
            await self._bell_or_forever()
        elif not self._bell.is_set():
            await self._bell_within(self._interval())
        self._rung = self._bell.is_set()
        self._bell.clear()

    def _idle(self) -> bool:
        now = asyncio.get_running_loop().time()
        if len(self.hub) or self._waiting:
            self._wanted_until = now + self._pace.linger
        return now >= self._wanted_until

    def _interval(self) -> float:
        return self._pace.hot if self.is_hot else self._pace.slow

    async def _bell_or_forever(self) -> None:
        while not self._waiting:
            self._bell.clear()
            await self._bell.wait()

    async def _bell_within(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._bell.wait()
        except TimeoutError:
            pass
