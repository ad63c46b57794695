"""Claims jobs: as many as there is room for, early enough that a slot seldom waits for the database.

Between claims it sleeps until there is room, or, with room to spare, until the bell, a short poll after work or a slow
poll otherwise.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum, auto

from jobstream.domain.job import ClaimedJob
from jobstream.errors import DatabaseUnavailable, LeaseLost
from jobstream.pacing import Patience, Wake, jittered
from jobstream.store.leases import ClaimPosition, LeaseStore
from jobstream.store.reports import ReportStore, Returned
from jobstream.worker.executor import MAX_WAIT, Executor
from jobstream.worker.held import HeldJobs
from jobstream.worker.sizing import (
    Claim,
    Load,
    Positions,
    QueueShare,
    Rate,
    Turns,
    plan_claims,
    plan_turns,
    room_for,
)

logger = logging.getLogger("jobstream.worker")

HOT_POLL = 0.02
"""Seconds between claims while the bell may be silent because somebody else's is heard (design §7)."""

HOT_AFTER_WORK = 1.0
HOT_AFTER_BELL = 0.1
SLOW_POLL = 0.25

SHY_POLL = 0.3
SHY_FOR = 15.0
"""Who got a job without a handler for it does not race for a while: it is deaf to the bell, so that when the job is due
again whoever has the handler is there first. Both idle, a job would else come back here half the time, 10 s each."""

LAST_CLAIM_SECONDS = 3.0
"""How long a worker that stops waits for the answer to the claim that it has just made."""


class Found(Enum):
    """What a round of claims came to."""

    MORE = auto()
    """As much as was asked for: there may be more."""
    ALL = auto()
    """Less than was asked for: that was all."""
    NO_ROOM = auto()
    """Nothing was asked for."""


class Fetcher:
    """Keeps the executor's slots filled from a worker's queues."""

    def __init__(
        self,
        *,
        leases: LeaseStore,
        reports: ReportStore,
        executor: Executor,
        held: HeldJobs,
        queues: Sequence[QueueShare],
        worker: str,
        concurrency: int,
        lease_seconds: float,
    ) -> None:
        """`worker` is the name that the claimed jobs bear."""
        self._leases = leases
        self._reports = reports
        self._executor = executor
        self._held = held
        self._queues = queues
        self._worker = worker
        self._concurrency = concurrency
        self._lease_seconds = lease_seconds
        self._positions = Positions()
        self._turns = Turns(queues)
        self._is_pressed = False
        self._dry_until: dict[str, float] = {}
        self._rate = Rate()
        self._room = Wake()
        self._ready = Wake()
        self._hot_until = 0.0
        self._shy_until = 0.0
        self._patience = Patience()
        self._is_in_doubt = False
        self._stopping = False
        self._bound: asyncio.Timeout | None = None
        self._loop = asyncio.get_running_loop()

    def hear(self, queue: str) -> None:
        """The bell: a job of that queue became ready."""
        if not self._is_shy and any(queue == served.name for served in self._queues):
            self._stay_hot(HOT_AFTER_BELL)
            self._ready.ring()

    def check(self) -> None:
        """Something may have been missed: look now."""
        self._ready.ring()

    def job_ended(self) -> None:
        """A job has ended: there may be room."""
        self._rate.ended()
        self._room.ring()

    def room_made(self) -> None:
        """Jobs were reported: there may be room."""
        self._room.ring()

    def be_shy(self) -> None:
        """A job came that this worker has no handler for."""
        self._shy_until = self._loop.time() + SHY_FOR

    def stop(self) -> None:
        """Claim nothing more."""
        self._stopping = True
        if self._bound is not None:
            self._bound.reschedule(self._loop.time() + LAST_CLAIM_SECONDS)
        self._room.ring()
        self._ready.ring()

    async def run(self) -> None:
        """Claim until `stop`. Waits out a database that is away."""
        try:
            async with asyncio.timeout(0 if self._stopping else None) as self._bound:
                while not self._stopping:
                    await self._claim_and_rest()
        except TimeoutError:
            logger.warning("the last claim was not answered in time")
        finally:
            self._bound = None

    async def _claim_and_rest(self) -> None:
        try:
            found = await self.run_once()
        except DatabaseUnavailable as error:
            await self._wait_out(error)
        else:
            self._patience.succeeded()
            await self._rest(found)

    async def return_strays(self) -> None:
        """Give back the jobs that a claim took whose answer never came; else only their leases would free them."""
        if not self._is_in_doubt:
            return
        strays = [
            Returned(id=id, attempt=attempt)
            for id, attempt in await self._reports.running(self._worker)
            if self._held.get(id, attempt) is None
        ]
        with suppress(LeaseLost):
            await self._reports.release_many(strays)
        self._is_in_doubt = False

    async def run_once(self) -> Found:
        """Claim what there is room for, now, and hand it to the executor."""
        await self.return_strays()
        self._executor.return_waiting(MAX_WAIT)
        room = room_for(self._concurrency, self._load())
        started = self._loop.time()
        by_turns = self._turns.are_taken and self._is_pressed
        claims = (by_turns and self._plan_turns(room, started)) or self._plan(room)
        if not claims:
            return Found.NO_ROOM
        # A claim that finds too few behind the position looks from the head as well: where that is likely, only from there.
        after = self._positions.after(started) if self._is_pressed else None
        found, claimed = Found.ALL, list[ClaimedJob]()
        for claim in claims:
            limit = min(claim.limit, room - len(claimed))
            jobs = await self._claim(claim.queues, limit, after)
            self._executor.submit([self._held.add(job, started) for job in jobs])
            claimed += jobs
            if len(jobs) == limit:
                found = Found.MORE
            elif by_turns:
                self._dry_until[claim.queues[0]] = started + SLOW_POLL
            if len(claimed) >= room:
                break
        now = self._loop.time()
        self._positions.claimed(claimed, full=after is None, took=now - started, now=now)
        if claimed:
            self._stay_hot(HOT_AFTER_WORK)
        # Turns matter only where there are more jobs than room; a round of turns that came short left somebody unasked.
        self._is_pressed = len(claimed) >= min(room, sum(claim.limit for claim in claims))
        return Found.MORE if by_turns and not self._is_pressed else found

    def _plan(self, room: int) -> list[Claim]:
        return plan_claims(self._queues, self._held.by_queue, room)

    def _plan_turns(self, room: int, now: float) -> list[Claim]:
        dry = [name for name, until in self._dry_until.items() if now < until]
        return plan_turns(self._queues, self._held.by_queue, room, self._turns, dry)

    async def _claim(
        self, queues: Sequence[str], limit: int, after: ClaimPosition | None
    ) -> list[ClaimedJob]:
        try:
            return await self._leases.claim(
                queues, limit=limit, worker=self._worker, lease_seconds=self._lease_seconds, after=after
            )
        except BaseException:
            # Cut off by the network or by a cancellation, it may have been done all the same.
            self._is_in_doubt = True
            raise

    def _load(self) -> Load:
        running, waiting = self._executor.running, self._executor.waiting
        return Load(
            running=running,
            waiting=waiting,
            unreported=max(0, len(self._held) - running - waiting),
            rate=self._rate.at(self._loop.time()),
        )

    async def _rest(self, found: Found) -> None:
        match found:
            case Found.MORE:
                pass
            case Found.NO_ROOM:
                await self._room.wait(SLOW_POLL)
            case Found.ALL if self._is_shy:
                await self._ready.wait(jittered(SHY_POLL, 0.1))
            case Found.ALL:
                hot = self._loop.time() < self._hot_until
                await self._ready.wait(HOT_POLL if hot else jittered(SLOW_POLL, 0.1))

    async def _wait_out(self, error: DatabaseUnavailable) -> None:
        pause = self._patience.failed()
        logger.warning("no jobs can be claimed, next try in %.1f s: %s", pause, error)
        await self._ready.wait(pause)

    @property
    def _is_shy(self) -> bool:
        return self._loop.time() < self._shy_until

    def _stay_hot(self, seconds: float) -> None:
        self._hot_until = max(self._hot_until, self._loop.time() + seconds)
