"""The stream of one pipeline: what happened to its jobs and to itself from its beginning on, until it has ended.

Its row and the stream's position are read in one statement: while that says it has ended, and everything up to that
position was sent, there is nothing more to come.
"""

from typing import Final

import msgspec
from msgspec import Struct

from jobstream.api.streams import blocks
from jobstream.api.streams.backfill import Backfills
from jobstream.api.streams.outlet import Outlet
from jobstream.api.streams.recent import Recent
from jobstream.api.streams.source import Place, interest
from jobstream.api.streams.start import Asked, Start, start
from jobstream.domain.cursor import BEGINNING, Cursor
from jobstream.domain.event import Event
from jobstream.domain.pipeline import ENDED, Pipeline
from jobstream.hub import Feed, Message, Subscription
from jobstream.store.events import EventFilter, EventStore, Reset, ResetReason
from jobstream.store.pipelines import PipelineStore

_ROUNDS: Final = 20


async def pipeline_start(
    events: EventStore, recent: Recent, pipelines: PipelineStore, pipeline: Pipeline, asked: Asked
) -> Start:
    """Where a client starts: at the pipeline's beginning, unless it says otherwise."""
    if asked.cursor is not None or asked.since is not None or asked.from_ is not None:
        return await start(events, recent, asked)
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
    """What one client gets of one pipeline: from the ring or the table to where the hub is, then along with the hub.

    Its row is looked at once at the beginning, and whenever an event says that the pipeline may have ended.
    """

    def __init__(
        self,
        *,
        events: EventStore,
        pipelines: PipelineStore,
        feed: Feed[Place],
        backfills: Backfills,
        filter: EventFilter,
        start: Start,
    ) -> None:
        """`filter` names the one pipeline."""
        self._events = events
        self._pipelines = pipelines
        self._feed = feed
        self._backfills = backfills
        self._filter = filter
        self._wanted = interest(filter)
        self._start = start
        self._cursor = start.cursor
        self._latest: str | None = None
        """The token of what came from the hub last; None: nothing did, the client is at the cursor."""
        [self._id] = filter.pipeline_id

    async def __call__(self, outlet: Outlet) -> None:
        """Run to the end of the pipeline, of the stream's life, or of the client's."""
        await outlet.write([blocks.retry(), blocks.control("hello", {}, id=self._start.own)])
        if self._start.reset is not None:
            await self._reset(outlet, self._cursor, self._start.reset)
        while not await self._follow(outlet):
            await self._take_up(outlet)

    async def _follow(self, outlet: Outlet) -> bool:
        """False: the hub lost sight of this client, so it has to join anew."""
        # All of the pipeline's events, whatever the filter leaves out: they tell when it has ended.
        subscription = await self._feed.join(
            interest(EventFilter(pipeline_id=(self._id,))),
            reaches=lambda place: place.cursor.reaches(self._cursor),
        )
        if subscription is None:
            now = (await self._events.position()).cursor
            same = now.epoch == self._cursor.epoch
            await self._reset(outlet, now, ResetReason.UNKNOWN if same else ResetReason.EPOCH)
            return False
        outlet.poke = subscription.wake
        try:
            return await self._catch_up(outlet, subscription) and await self._go_along(outlet, subscription)
        finally:
            outlet.poke = None
            self._feed.hub.unsubscribe(subscription)

    async def _catch_up(self, outlet: Outlet, subscription: Subscription[Place]) -> bool:
        """Up to where the subscription's queue begins. False: the cursor has come to nothing meanwhile."""
        goal = subscription.start
        with self._backfills.catching_up():
            while self._cursor != goal.cursor and not (outlet.over or subscription.closing):
                found = await self._backfills.step(self._cursor, goal=goal, filter=self._filter)
                if isinstance(found, Reset):
                    await self._reset(outlet, found.cursor, found.reason)
                    return False
                self._cursor = found.cursor
                await outlet.write(found.blocks)
        return True

    async def _go_along(self, outlet: Outlet, subscription: Subscription[Place]) -> bool:
        reason = await self._ended(subscription)
        while not (outlet.over or subscription.closing):
            if reason is not None and subscription.empty and not subscription.lost:
                id = self._feed.hub.position_of(subscription).token
                await outlet.control("end", {"reason": reason}, id=id)
                return True
            if reason is None:
                await subscription.wait()
            if subscription.lost:
                return False
            if await self._pass_on(outlet, subscription) or reason is not None:
                reason = await self._ended(subscription)
        return True

    async def _pass_on(self, outlet: Outlet, subscription: Subscription[Place]) -> bool:
        """What is queued. Whether the pipeline may have ended with it."""
        messages = subscription.take()
        told = [message.shared for message in messages if self._wanted.admits(message.facets)]
        if told:
            await outlet.write(told)
        else:
            await outlet.heartbeat(self._feed.hub.position_of(subscription).token)
        if messages:
            self._latest = messages[-1].token
        return any(map(_may_end, messages))

    async def _ended(self, subscription: Subscription[Place]) -> str | None:
        """How it ended, if it has; then everything up to its end is queued."""
        standing = await self._pipelines.standing(self._id)
        if standing is not None and standing.pipeline.status not in ENDED:
            return None
        seen = (await self._events.position()).cursor if standing is None else standing.cursor
        while not subscription.lost and not self._feed.hub.position_of(subscription).cursor.reaches(seen):
            await self._feed.refresh()
        return "deleted" if standing is None else standing.pipeline.status

    async def _take_up(self, outlet: Outlet) -> None:
        """Go on at what came from the hub last."""
        if self._latest is None:
            return
        known = self._backfills.recent.cursor(self._latest)
        resolved = known or await self._events.resolve(self._latest)
        self._latest = None
        if isinstance(resolved, Reset):
            await self._reset(outlet, resolved.cursor, resolved.reason)
        else:
            self._cursor = resolved

    async def _reset(self, outlet: Outlet, cursor: Cursor, reason: ResetReason) -> None:
        """A part cannot be had: say so, say where the pipeline stands, and go on from there."""
        standing = await self._pipelines.standing(self._id)
        self._cursor = cursor if standing is None else standing.cursor
        token = await self._events.token(self._cursor)
        await outlet.control("reset", {"reason": reason}, id=token)
        if standing is not None:
            await outlet.write([blocks.head("pipeline", _event(standing.pipeline)), blocks.tail(token)])


class _Stage(Struct):
    status: str


class _Told(Struct):
    data: _Stage


def _may_end(message: Message) -> bool:
    """Whether a pipeline may have ended with that event."""
    match message.facets["type"]:
        case ("pipeline",):
            told = message.own.split(b"\n", 2)[1].removeprefix(b"data: ")
            return msgspec.json.decode(told, type=_Told).data.status in ENDED
        case ("deleted",):
            return True
    return False


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
