"""The stream of one job: its whole history, then what happens, until it has ended.

Its cursor is the plain event id. Every event of a job is written under the job's row lock, so for one job the order of
ids is the order of commits, and `id > position` neither loses nor repeats anything.
"""

import msgspec

from jobstream.api.streams import blocks
from jobstream.api.streams.backfill import Backfills
from jobstream.api.streams.made import status_event
from jobstream.api.streams.outlet import Outlet
from jobstream.api.streams.source import Place
from jobstream.api.streams.start import JobStart
from jobstream.domain.event import StoredEvent
from jobstream.domain.job import Job, Status
from jobstream.hub import Feed, Interest, Message, Subscription
from jobstream.store.events import EventStore, JobPage, ResetReason
from jobstream.store.jobs import JobStore


class JobStream:
    """What one client gets of one job. Called with the client's outlet; returns when there is no more to send."""

    def __init__(
        self,
        *,
        jobs: JobStore,
        events: EventStore,
        feed: Feed[Place],
        backfills: Backfills,
        job: Job,
        start: JobStart,
    ) -> None:
        """`job` was read before `start`, so whatever it does not say yet comes as an event."""
        self._jobs = jobs
        self._events = events
        self._feed = feed
        self._backfills = backfills
        self._job = job
        self._start = start
        self._position = start.position
        self._status = job.status
        self._deleted = False

    async def __call__(self, outlet: Outlet) -> None:
        """Run to the end of the job, of the stream's life, or of the client's."""
        lifecycle = self._job.lifecycle
        hello = {"status": lifecycle.status, "progress": lifecycle.progress}
        await outlet.write([blocks.retry(), blocks.control("hello", hello, id=self._start.own)])
        if self._start.reset is not None:
            await self._reset(outlet, self._start.reset)
        while not await self._follow(outlet):
            await self._check_place(outlet)

    async def _follow(self, outlet: Outlet) -> bool:
        """Catch up and go along. False: messages were dropped, so that has to be done again."""
        subscription = await self._feed.join(Interest({"job_id": frozenset((self._job.id,))}))
        assert subscription is not None  # joins that ask for no position are not refused
        outlet.poke = subscription.wake
        try:
            await self._catch_up(outlet)
            while not self._over(outlet, subscription):
                await subscription.wait()
                if subscription.lost:
                    return False
                await self._pass_on(outlet, subscription.take())
            if self._ended:
                await outlet.control("end", {"reason": self._end_reason}, id=str(self._position))
            return True
        finally:
            outlet.poke = None
            self._feed.hub.unsubscribe(subscription)

    async def _check_place(self, outlet: Outlet) -> bool:
        """Where the last event is there no more, what came after it may be missing too: it was pruned meanwhile, or a
        new primary knows another history. False: so it is, and the stream was reset.
        """
        if not self._position or await self._events.has_job_event(self._job.id, self._position):
            return True
        pruned = self._position <= (await self._events.position()).horizon.max_id
        await self._reset(outlet, ResetReason.PRUNED if pruned else ResetReason.UNKNOWN)
        return False

    def _over(self, outlet: Outlet, subscription: Subscription[Place]) -> bool:
        return self._ended or outlet.over or subscription.closing

    @property
    def _ended(self) -> bool:
        return self._status.terminal or self._deleted

    @property
    def _end_reason(self) -> str:
        return "deleted" if self._deleted else self._status

    async def _catch_up(self, outlet: Outlet) -> None:
        """Up to what is visible now, or to where the subscription's queue begins."""
        recent = self._backfills.job(self._job.id, self._position)
        if recent is not None:
            await self._pass_on(outlet, recent)
            return
        with self._backfills.catching_up():
            await self._read(outlet)

    async def _read(self, outlet: Outlet) -> None:
        page = await self._page()
        if self._start.from_beginning and self._position == 0 and not _is_creation(page.events):
            await self._reset(outlet, ResetReason.PRUNED)
            page = await self._page()
        while page.events:
            sent = [blocks.event_head(event) + blocks.tail(str(event.id)) for event in page.events]
            last, more = page.events[-1], page.more
            del page  # a slow client holds the bytes alone
            await outlet.write(sent)
            self._stand(last.id, last.status, last.type)
            if not more or outlet.over:
                return
            page = await self._page()
            # After the page was read: days are dropped from the oldest on, so what follows an event that is there is too.
            if not await self._check_place(outlet):
                page = await self._page()

    async def _page(self) -> JobPage:
        return await self._backfills.job_page(self._job.id, after=self._position)

    async def _pass_on(self, outlet: Outlet, messages: list[Message]) -> None:
        # What the table already gave comes a second time where it was committed while we were reading.
        fresh = [message for message in messages if message.number > self._position]
        if not fresh:
            await outlet.heartbeat(str(self._position))
            return
        await outlet.write([message.own for message in fresh])
        last = fresh[-1]
        self._stand(last.number, next(iter(last.facets["status"]), None), last.facets["type"][0])

    def _stand(self, position: int, status: str | None, type: str) -> None:
        self._position = position
        if status is not None:
            self._status = Status(status)
        self._deleted = type == "deleted"

    async def _reset(self, outlet: Outlet, reason: ResetReason) -> None:
        """A part cannot be had: say so, say where the job stands, and go on from there."""
        # The position first: what happens between the two reads then comes as an event.
        self._position = await self._events.last_job_event_id(self._job.id)
        self._job = await self._jobs.get(self._job.id)
        self._status = self._job.status
        id = str(self._position)
        await outlet.control("reset", {"reason": reason}, id=id)
        await outlet.write([blocks.head("status", status_event(self._job, self._position)), blocks.tail(id)])


def _is_creation(page: list[StoredEvent]) -> bool:
    """Whether a job's first events are there."""
    if not page or page[0].type != "status":
        return False
    data = msgspec.json.decode(page[0].json)["data"]
    return isinstance(data, dict) and data.get("from") is None
