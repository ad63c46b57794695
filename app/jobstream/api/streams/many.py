"""A stream over many jobs: what is visible now and was not in the client's cursor, then what happens (design §8)."""

from jobstream.api.streams import blocks
from jobstream.api.streams.backfill import Backfills
from jobstream.api.streams.outlet import Outlet
from jobstream.api.streams.source import Place, interest
from jobstream.api.streams.start import Start
from jobstream.hub import Feed, Message, Subscription
from jobstream.store.events import EventFilter, EventStore, Reset, ResetReason


class ManyStream:
    """What one client gets of all jobs that its filter admits."""

    def __init__(
        self,
        *,
        events: EventStore,
        feed: Feed[Place],
        backfills: Backfills,
        filter: EventFilter,
        start: Start,
    ) -> None:
        """Nothing is read before it is called."""
        self._events = events
        self._backfills = backfills
        self._feed = feed
        self._filter = filter
        self._start = start
        self._cursor = start.cursor

    async def __call__(self, outlet: Outlet) -> None:
        """Run until the stream's or the client's life ends."""
        await outlet.write([blocks.retry(), blocks.control("hello", {}, id=self._start.own)])
        if self._start.reset is not None:
            await self._reset(outlet, self._start.reset)
        while not await self._follow(outlet):
            pass

    async def _follow(self, outlet: Outlet) -> bool:
        """Catch up and go along. False: messages were dropped, so that has to be done again."""
        subscription = await self._feed.join(
            interest(self._filter), reaches=lambda place: place.cursor.reaches(self._cursor)
        )
        if subscription is None:
            now = (await self._events.position()).cursor
            reason = ResetReason.UNKNOWN if now.epoch == self._cursor.epoch else ResetReason.EPOCH
            await self._go_on_at(outlet, Reset(reason, now))
            return False
        outlet.poke = subscription.wake
        try:
            return await self._catch_up(outlet, subscription) and await self._go_along(outlet, subscription)
        finally:
            outlet.poke = None
            self._feed.hub.unsubscribe(subscription)

    async def _catch_up(self, outlet: Outlet, subscription: Subscription[Place]) -> bool:
        """Up to where the subscription's queue begins: two sets that share nothing.

        False: the client's cursor has come to nothing meanwhile.
        """
        goal = subscription.start
        with self._backfills.catching_up():
            while self._cursor != goal.cursor and not (outlet.over or subscription.closing):
                found = await self._backfills.step(self._cursor, goal=goal, filter=self._filter)
                if isinstance(found, Reset):
                    await self._go_on_at(outlet, found)
                    return False
                self._cursor = found.cursor
                await outlet.write(found.blocks)
                await outlet.heartbeat(found.token or goal.token)
        return True

    async def _go_along(self, outlet: Outlet, subscription: Subscription[Place]) -> bool:
        latest: Message | None = None

        def pass_on(messages: list[Message]) -> bool:
            nonlocal latest
            if not outlet.write_at_once([message.shared for message in messages]):
                return False
            latest = messages[-1]
            return True

        subscription.sink = pass_on
        while not (outlet.over or subscription.closing):
            await subscription.wait()
            if subscription.lost:
                await self._read_on_after(outlet, latest)
                return False
            if messages := subscription.take():
                await outlet.write([message.shared for message in messages])
                latest = messages[-1]
            else:
                await outlet.heartbeat(self._feed.hub.position_of(subscription).token)
        return True

    async def _read_on_after(self, outlet: Outlet, latest: Message | None) -> None:
        """Take up the client's own cursor again; without a message it is still where the catching up ended."""
        if latest is None:
            return
        resolved = self._backfills.recent.cursor(latest.token) or await self._events.resolve(latest.token)
        if isinstance(resolved, Reset):
            await self._go_on_at(outlet, resolved)
        else:
            self._cursor = resolved

    async def _go_on_at(self, outlet: Outlet, reset: Reset) -> None:
        self._cursor = reset.cursor
        await self._reset(outlet, reset.reason)

    async def _reset(self, outlet: Outlet, reason: ResetReason) -> None:
        await outlet.control("reset", {"reason": reason}, id=await self._events.token(self._cursor))
