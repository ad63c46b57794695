"""Waiting for what happens to jobs, on PostgreSQL: a bell where there is one, polling as its backstop (design §7)."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final

from jobstream.client.background import Home
from jobstream.domain.event import Event
from jobstream.domain.ids import checked_id
from jobstream.domain.job import TERMINAL, End, Job
from jobstream.errors import DatabaseUnavailable, JobStreamError, NotFound
from jobstream.pacing import Patience, Wake, jittered
from jobstream.store.events import EventStore
from jobstream.store.jobs import JobStore

HOT_SECONDS: Final = 0.02
HOT_FOR_SECONDS: Final = 1.0
SLOW_SECONDS: Final = 0.25
PAGE: Final = 500
_ROW_SECONDS: Final = 5.0
"""How often the row is asked where no event comes: its events may have been pruned."""


class Bells:
    """One ring for all who wait. The listener rings it; who waits without one only polls."""

    def __init__(self) -> None:
        """Silent."""
        self._sleepers: set[Wake] = set()
        self._home = Home()

    def ring(self, _: str = "") -> None:
        """Wakes everybody."""
        for sleeper in self._sleepers:
            sleeper.ring()

    def close(self) -> None:
        """Nobody waits any more: whoever does is told that the client was closed."""
        self._home.close()
        self.ring()

    def require_open(self) -> None:
        """Raises DatabaseUnavailable once the client was closed."""
        self._home.require()

    def sleeper(self) -> "Sleeper":
        """A place to wait at; to be closed."""
        return Sleeper(self._sleepers, self.require_open)


class Sleeper:
    """Waits for the bell: soon again after something happened, slowly when nothing does."""

    def __init__(self, sleepers: set[Wake], require_open: Callable[[], None]) -> None:
        """Among those sleepers until closed."""
        self._sleepers = sleepers
        self._require_open = require_open
        self._wake = Wake()
        self._hot_until = 0.0
        sleepers.add(self._wake)

    def ring(self) -> None:
        """Wakes this one alone."""
        self._wake.ring()

    async def wait(self, *, found: bool, least: float = HOT_SECONDS) -> None:
        """Until it is time to look again. `found`: the last look did find something; `least`: not before, in seconds.

        Raises DatabaseUnavailable once the client was closed.
        """
        self._require_open()
        now = asyncio.get_running_loop().time()
        if found:
            self._hot_until = now + HOT_FOR_SECONDS
        if now < self._hot_until:
            await asyncio.sleep(least)
        elif await self._wake.wait(jittered(max(least, SLOW_SECONDS))):
            # A ring is rung once for many events; those that skipped it are found by looking often for a while.
            self._hot_until = asyncio.get_running_loop().time() + HOT_FOR_SECONDS
        self._require_open()

    async def wait_out(self, patience: Patience) -> None:
        """A database that is away. Raises DatabaseUnavailable once the client was closed."""
        self._require_open()
        await asyncio.sleep(patience.failed())
        self._require_open()

    def close(self) -> None:
        """Leaves the sleepers."""
        self._sleepers.discard(self._wake)


async def follow(
    jobs: JobStore, events: EventStore, sleeper: Sleeper, id: str, after: int
) -> AsyncGenerator[Event, None]:
    """A job's events above an id until it has ended; waits out a database that is away."""
    patience = Patience()
    ask_row_at = 0.0
    while True:
        try:
            found = await events.read_job_events(id, after=after, limit=PAGE)
            ended: Event | None = None
            if not found and asyncio.get_running_loop().time() >= ask_row_at:
                ask_row_at = asyncio.get_running_loop().time() + _ROW_SECONDS
                job = await jobs.get(id)
                if job.status in TERMINAL:
                    found = await events.read_job_events(id, after=after, limit=PAGE)
                    ended = _made_from(job, after)
            patience.succeeded()
        except DatabaseUnavailable:
            await sleeper.wait_out(patience)
            continue
        for event in found:
            after = event.id
            yield event
        if found and found[-1].status in TERMINAL:
            return
        if ended is not None and not found:
            if after == 0:
                yield ended
            return
        await sleeper.wait(found=bool(found))


def _made_from(job: Job, after: int) -> Event:
    """The terminal event of a job whose events were pruned."""
    life = job.lifecycle
    at: datetime = life.completed_at or life.created_at
    return Event(
        id=after,
        job_id=job.id,
        type="status",
        status=job.status,
        attempt=job.retry.attempt,
        at=at,
        queue=job.spec.queue,
        kind=job.spec.kind,
        pipeline_id=job.lineage.pipeline_id,
        labels=job.spec.labels,
        by=None,
        data={"reason": life.reason, "result": life.result},
    )


class Ends:
    """Waits for the ends of many jobs with one statement for all of them. `run` belongs into a TaskGroup."""

    def __init__(
        self, *, read_ends: Callable[[list[str]], Awaitable[Mapping[str, End | None]]], sleeper: Sleeper
    ) -> None:
        """`read_ends` gives the ends of those jobs that exist, None for those that have not ended."""
        self._read_ends = read_ends
        self._sleeper = sleeper
        self._waiters: defaultdict[str, set[asyncio.Future[End]]] = defaultdict(set)
        self._asked = Wake()
        self._home = Home()

    async def wait(self, id: str) -> End:
        """A job's end. Raises NotFound; InvalidArgument for what is no id; DatabaseUnavailable once this has ended."""
        self._home.require()
        checked_id(id)  # here, where it is one caller's fault: later it would be that of all who wait
        waiter: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self._waiters[id].add(waiter)
        self._asked.ring()
        self._sleeper.ring()
        try:
            return await waiter
        finally:
            others = self._waiters.get(id)
            if others is not None:
                others.discard(waiter)
                if not others:
                    del self._waiters[id]

    async def run(self) -> None:
        """Looks for ends while somebody waits, until cancelled; whoever waits then is told that the client was closed."""
        try:
            await self._look()
        finally:
            self._home.close()
            for id in list(self._waiters):
                self._settle(id, DatabaseUnavailable("the client was closed"))

    async def _look(self) -> None:
        clock = asyncio.get_running_loop().time
        patience = Patience()
        while True:
            if not self._waiters:
                await self._asked.wait()
                continue
            started = clock()
            try:
                found = await self.run_once()
                patience.succeeded()
            except DatabaseUnavailable:
                await asyncio.sleep(patience.failed())
            except JobStreamError as error:
                for id in list(self._waiters):
                    self._settle(id, error)
            else:
                # A look at very many jobs takes its time; it shall not keep the database busy.
                await self._sleeper.wait(found=found, least=max(HOT_SECONDS, 10 * (clock() - started)))

    async def run_once(self) -> bool:
        """Looks once; whether anything had ended."""
        asked = list(self._waiters)
        ends = await self._read_ends(asked)
        over = [id for id in asked if ends.get(id) is not None or id not in ends]
        for id in over:
            self._settle(id, ends.get(id) or NotFound(f"no such job: {id}"))
        return bool(over)

    def _settle(self, id: str, outcome: End | JobStreamError) -> None:
        for waiter in self._waiters.pop(id, ()):
            if waiter.done():
                continue
            if isinstance(outcome, JobStreamError):
                waiter.set_exception(outcome.for_one())
            else:
                waiter.set_result(outcome)
