"""The stream of one pipeline: what happened to its jobs and to itself from its beginning on, until it has ended.

Its row and the stream's position are read in one statement: while that says it has ended, and everything up to that
position was sent, there is nothing more to come.
"""

from typing import Final

import msgspec

from jobstream.api.streams import blocks
from jobstream.api.streams.outlet import Outlet
from jobstream.api.streams.source import Place, interest
from jobstream.api.streams.start import Asked, Start, start
from jobstream.domain.cursor import BEGINNING, Cursor, Snapshot
from jobstream.domain.event import Event
from jobstream.domain.pipeline import ENDED, Pipeline
from jobstream.hub import Feed, Subscription
from jobstream.store.events import EventFilter, EventStore, Reset, ResetReason
from jobstream.store.pipelines import PipelineStore

_ROUNDS: Final = 20


async def pipeline_start(
    events: EventStore, pipelines: PipelineStore, pipeline: Pipeline, asked: Asked
) -> Start:
    """Where a client starts: at the pipeline's beginning, unless it says otherwise."""
    if asked.cursor is not None or asked.since is not None or asked.from_ is not None:
        return await start(events, asked)
    first, is_creation = await pipelines.first_event(pipeline.id)
    now = await events.position()
    if not is_creation:
        return Start(cursor=now.cursor, own=await events.token(now.cursor), reset=ResetReason.PRUNED)
    cursor = Cursor(now.epoch, BEGINNING, now.snapshot, max(first - 1, now.horizon.max_id))
    return Start(cursor=cursor, own=await events.token(cursor))


async def is_over(events: EventStore, pipelines: PipelineStore, filter: EventFilter, begin: Start) -> bool:
    """Whether a client that stands there has all that there will be."""
    [id] = filter.pipeline_id
    standing = await pipelines.standing(id)
    if standing is None or standing.pipeline.status not in ENDED:
        return False
    cursor = begin.cursor
    for _ in range(_ROUNDS):
        batch = await events.step(cursor, limit=1, upto=standing.cursor.seen, filter=filter)
        if isinstance(batch, Reset) or batch.events:
            return False
        # Where the cursor was inside of a batch, that was the rest of it, and there may be more.
        if batch.cursor in (standing.cursor, cursor):
            return True
        cursor = batch.cursor
    return False


class PipelineStream:
    """What one client gets of one pipeline. The hub only says when to read: the table gives what there is."""

    def __init__(
        self,
        *,
        events: EventStore,
        pipelines: PipelineStore,
        feed: Feed[Place],
        filter: EventFilter,
        start: Start,
    ) -> None:
        """`filter` names the one pipeline."""
        self._events = events
        self._pipelines = pipelines
        self._feed = feed
        self._filter = filter
        self._start = start
        self._cursor = start.cursor
        self._token = start.own
        [self._id] = filter.pipeline_id

    async def __call__(self, outlet: Outlet) -> None:
        """Run to the end of the pipeline, of the stream's life, or of the client's."""
        await outlet.write([blocks.retry(), blocks.control("hello", {}, id=self._start.own)])
        if self._start.reset is not None:
            await self._reset(outlet, self._cursor, self._start.reset)
        while not await self._follow(outlet):
            pass

    async def _follow(self, outlet: Outlet) -> bool:
        """False: the hub lost sight of this client, so it has to join anew."""
        subscription = await self._feed.join(interest(EventFilter(pipeline_id=(self._id,))))
        assert subscription is not None  # joins that ask for no position are not refused
        outlet.poke = subscription.wake
        try:
            while not (outlet.over or subscription.closing):
                if await self._tell(outlet, subscription):
                    return True
                await subscription.wait()
                if subscription.lost:
                    return False
                if not subscription.take():
                    await outlet.heartbeat(self._token)
            return True
        finally:
            outlet.poke = None
            self._feed.hub.unsubscribe(subscription)

    async def _tell(self, outlet: Outlet, subscription: Subscription[Place]) -> bool:
        """Everything up to now. Whether that was all that there will be."""
        standing = await self._pipelines.standing(self._id)
        upto = (await self._events.position()).cursor if standing is None else standing.cursor
        while self._cursor != upto:
            before = self._cursor
            await self._page(outlet, upto.seen)
            if outlet.over or subscription.closing:
                return False
            if self._cursor == before:
                break
        if standing is not None and standing.pipeline.status not in ENDED:
            return False
        reason = "deleted" if standing is None else standing.pipeline.status
        await outlet.control("end", {"reason": reason}, id=await self._events.token(self._cursor))
        return True

    async def _page(self, outlet: Outlet, upto: Snapshot) -> None:
        """Some of the events."""
        batch = await self._events.step(self._cursor, upto=upto, filter=self._filter)
        if isinstance(batch, Reset):
            await self._reset(outlet, batch.cursor, batch.reason)
            return
        await outlet.write(
            [
                part
                for event in batch.events
                for part in (blocks.event_head(event), blocks.tail(batch.tokens.at(event.id)))
            ]
        )
        self._cursor = batch.cursor
        self._token = batch.token or self._token

    async def _reset(self, outlet: Outlet, cursor: Cursor, reason: ResetReason) -> None:
        """A part cannot be had: say so, say where the pipeline stands, and go on from there."""
        standing = await self._pipelines.standing(self._id)
        self._cursor = cursor if standing is None else standing.cursor
        self._token = await self._events.token(self._cursor)
        await outlet.control("reset", {"reason": reason}, id=self._token)
        if standing is not None:
            await outlet.write([blocks.head("pipeline", _event(standing.pipeline)), blocks.tail(self._token)])


def _event(pipeline: Pipeline) -> bytes:
    """Where the pipeline stands, as if it had just been said."""
    return msgspec.json.encode(
        Event(
            id=0,
            job_id=None,
            type="pipeline",
            status=None,
            attempt=None,
            at=pipeline.completed_at or pipeline.created_at,
            queue=None,
            kind=None,
            pipeline_id=pipeline.id,
            labels={},
            by=None,
            data={
                "name": pipeline.name,
                "status": pipeline.status,
                "step": pipeline.step,
                "total_steps": pipeline.total_steps,
                "current": pipeline.current,
                "failed_step": pipeline.failed_step,
            },
        )
    )
