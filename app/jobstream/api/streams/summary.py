"""The summary as a stream: at once, then whenever it changed."""

from jobstream.api.shared import Shared
from jobstream.api.streams import blocks
from jobstream.api.streams.outlet import Outlet
from jobstream.api.streams.source import Place, interest
from jobstream.domain.job import JobFilter, Summary
from jobstream.hub import Feed, Subscription
from jobstream.store.events import EventFilter, EventStore

Question = tuple[JobFilter, str | None]
"""Which jobs, and whose."""


class SummaryStream:
    """What one client gets of the summary of some jobs. It is a state, not a history: there is nothing to resume."""

    def __init__(
        self,
        *,
        events: EventStore,
        feed: Feed[Place],
        summaries: Shared[Question, Summary],
        question: Question,
    ) -> None:
        """Nothing is read before it is called."""
        self._events = events
        self._feed = feed
        self._summaries = summaries
        self._question = question
        self._told: Summary | None = None

    async def __call__(self, outlet: Outlet) -> None:
        """Run until the stream's or the client's life ends."""
        subscription = await self._feed.join(interest(_events_of(self._question)))
        assert subscription is not None  # joins that ask for no position are not refused
        outlet.poke = subscription.wake
        try:
            hello = blocks.control("hello", {}, id=subscription.start.token)
            await outlet.write([blocks.retry(), hello])
            await self._tell(outlet)
            while not (outlet.over or subscription.closing):
                subscription = await self._wait(outlet, subscription)
        finally:
            outlet.poke = None
            self._feed.hub.unsubscribe(subscription)

    async def _wait(self, outlet: Outlet, subscription: Subscription[Place]) -> Subscription[Place]:
        """Until something happens, and say what it came to. The subscription to go on with."""
        await subscription.wait()
        happened = bool(subscription.take()) or subscription.lost
        if subscription.lost:
            self._feed.hub.unsubscribe(subscription)
            again = await self._feed.join(subscription.interest)
            assert again is not None
            subscription = again
            outlet.poke = subscription.wake
        if happened:
            await self._tell(outlet)
        await outlet.heartbeat(self._feed.hub.position_of(subscription).token)
        return subscription

    async def _tell(self, outlet: Outlet) -> None:
        summary = await self._summaries.get(self._question)
        if summary != self._told:
            self._told = summary
            await outlet.control("summary", summary, id=None)


def _events_of(question: Question) -> EventFilter:
    filter, owner = question
    return EventFilter(
        queue=filter.queue,
        kind=filter.kind,
        pipeline_id=filter.pipeline_id,
        label=filter.label,
        owner=() if owner is None else (owner,),
    )
