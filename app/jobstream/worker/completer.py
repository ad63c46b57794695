"""Outcomes on their way to the database.

What gathers while one statement is in flight goes into the next: one job alone is reported at once, a thousand in a few
statements. A report that is refused, or that has to wait for a row that somebody holds, keeps no other from being made.
While the database is away reports wait; each may be repeated, since the fence answers the same attempt the same way.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from enum import Enum, auto
from itertools import groupby

import msgspec

from jobstream.errors import DatabaseUnavailable, InvalidArgument, LeaseLost, NotFound, TooLarge
from jobstream.pacing import Patience, Wake
from jobstream.store.leases import LeaseStore
from jobstream.store.reports import Failure, ReportStore, Returned
from jobstream.worker.held import HeldJob, HeldJobs
from jobstream.worker.logs import about
from jobstream.worker.outcome import Complete, Drop, Fail, Outcome, Reject, Release

logger = logging.getLogger("jobstream.worker")

MAX_BATCH = 1_000
STUCK_SECONDS = 3.0
"""A statement that takes longer waits for a row that somebody holds: it is cut in halves, beside the next ones."""

LONGEST_SECONDS = 30.0
"""What a repeated statement may take in the end: each gets twice the time of the one before. It may be no row that is held,
but a job that thousands await."""

MAX_LANES = 2
"""Statements that repeat what was refused, at a time, so that they leave the pool's other connections alone."""

Report = tuple[HeldJob, Outcome]


class Step(Enum):
    """What to do about a report that was refused."""

    SPLIT = auto()
    LOST = auto()
    REFUSED = auto()
    WAIT = auto()


def next_step(error: Exception, size: int, *, hurry: bool = False) -> Step:
    """What to do about `size` reports that were refused together; in a hurry, nothing that takes its time again."""
    match error:
        case DatabaseUnavailable():
            return Step.WAIT
        case TimeoutError() if hurry:
            return Step.WAIT
        case _ if size > 1:
            return Step.SPLIT
        case LeaseLost() | NotFound():
            return Step.LOST
        case InvalidArgument() | TooLarge():
            return Step.REFUSED
        case _:
            # A locked row, a full disk, a server that became read-only: nothing that another report would mend.
            return Step.WAIT


class Completer:
    """Tells the database how attempts ended, and lets go of their leases."""

    def __init__(
        self,
        *,
        leases: LeaseStore,
        reports: ReportStore,
        held: HeldJobs,
    ) -> None:
        """Jobs whose end is reported leave `held`."""
        self._leases = leases
        self._reports = reports
        self._held = held
        self.on_reported: Callable[[], None] = _nothing
        """Called after each statement: there may be room for more jobs."""
        self._gathered: list[Report] = []
        self._wake = Wake()
        self._lanes = asyncio.Semaphore(MAX_LANES)
        self._patience = Patience()
        self._closing = False
        self._hurry = False

    def report(self, held: HeldJob, outcome: Outcome) -> None:
        """Report this, soon. Only from the event loop's thread."""
        held.ended = True
        if type(outcome) is Drop:
            return self._let_go(held)
        self._gathered.append((held, outcome))
        self._wake.ring()

    def close(self) -> None:
        """Let `run` return once everything is reported."""
        self._closing = True
        self._wake.ring()

    def hurry(self) -> None:
        """From now on give up what the database does not take at once."""
        self._hurry = True

    async def run(self) -> None:
        """Report what gathers, until `close` and nothing is left."""
        async with asyncio.TaskGroup() as beside:
            while self._gathered or not self._closing:
                await self.run_once(beside)

    async def run_once(self, beside: asyncio.TaskGroup) -> None:
        """Wait for outcomes and report them, one statement a kind of outcome. What is refused goes on `beside`."""
        if not self._gathered:
            await self._wake.wait()
        batch = self._gathered[:MAX_BATCH]
        del self._gathered[:MAX_BATCH]
        for group in _by_kind(batch):
            error = await self._try(group)
            if error is not None:
                beside.create_task(self._persist(group, error, beside))
            if isinstance(error, DatabaseUnavailable):
                await self._wake.wait(self._patience.failed())
        self.on_reported()

    async def _persist(self, group: list[Report], error: Exception | None, beside: asyncio.TaskGroup) -> None:
        """Report what was refused at first: in halves, later, or otherwise."""
        patience, limit = Patience(first=0.2), STUCK_SECONDS
        while error is not None:
            if isinstance(error, TimeoutError):
                limit = min(2 * limit, LONGEST_SECONDS)
            match next_step(error, len(group), hurry=self._hurry):
                case Step.SPLIT:
                    for half in (group[: len(group) // 2], group[len(group) // 2 :]):
                        beside.create_task(self._persist_half(half, beside))
                    return
                case Step.LOST:
                    return self._ended(group, _ids(group))
                case Step.REFUSED:
                    if not _say_instead(group, error):
                        return self._let_go(group[0][0])
                case Step.WAIT:
                    if not await self._waited(group, error, patience):
                        return
            async with self._lanes:
                error = await self._try(group, limit)
        self.on_reported()

    async def _persist_half(self, group: list[Report], beside: asyncio.TaskGroup) -> None:
        async with self._lanes:
            error = await self._try(group)
        await self._persist(group, error, beside)

    async def _try(self, group: list[Report], limit: float | None = None) -> Exception | None:
        """Report these, all of one kind, in one statement; the error if that was refused or took over `limit` seconds."""
        try:
            async with asyncio.timeout(limit or STUCK_SECONDS):
                lost = await self._tell(group)
        except Exception as error:  # noqa: BLE001  (an error is an answer here: the caller looks at its class)
            return error
        self._patience.succeeded()
        self._ended(group, lost)
        return None

    async def _waited(self, group: list[Report], error: Exception, patience: Patience) -> bool:
        """Wait before the next try; False when there is none, because the worker is in a hurry."""
        if self._hurry:
            logger.error("the ends of %d jobs are given up: %s", len(group), _text(error))
            for held, _ in group:
                self._let_go(held)
            return False
        pause = patience.failed()
        logger.warning(
            "the ends of %d jobs wait %.1f s for the database: %s", len(group), pause, _text(error)
        )
        await asyncio.sleep(pause)
        return True

    async def _tell(self, group: list[Report]) -> Collection[str]:
        """One statement for reports of one kind; the ids of those whose lease was lost."""
        match group[0][1]:
            case Complete():
                return await self._complete(group)
            case Fail():
                await self._reports.fail_many([_failure(h, o) for h, o in group if isinstance(o, Fail)])
            case Release():
                await self._reports.release_many(
                    [_returned(h, o) for h, o in group if isinstance(o, Release)]
                )
            case Reject():
                for held, outcome in group:
                    await self._reject(held, outcome)
            case Drop():
                pass
        return ()

    async def _complete(self, group: list[Report]) -> Collection[str]:
        completions = await self._leases.complete_many(
            [held.job.id for held, _ in group],
            [held.job.attempt for held, _ in group],
            [outcome.result if isinstance(outcome, Complete) else None for _, outcome in group],
        )
        return [completion.id for completion in completions if completion.lost]

    async def _reject(self, held: HeldJob, outcome: Outcome) -> None:
        if isinstance(outcome, Reject):
            await self._leases.reject_result(held.job.id, held.job.attempt, outcome.error)

    def _ended(self, group: list[Report], lost: Collection[str]) -> None:
        says_done = logger.isEnabledFor(logging.DEBUG)
        for held, outcome in group:
            self._let_go(held)
            if lost and held.job.id in lost:
                logger.warning("the lease was lost, what the attempt did is dropped", extra=about(held.job))
            elif says_done or type(outcome) is not Complete:
                _log_outcome(held, outcome)

    def _let_go(self, held: HeldJob) -> None:
        held.ended = True
        self._held.remove(held)


def _nothing() -> None:
    pass


def _by_kind(batch: list[Report]) -> list[list[Report]]:
    """The reports of each kind of outcome together: most batches hold but one."""
    if all(type(outcome) is Complete for _, outcome in batch):
        return [batch] if batch else []
    ordered = sorted(batch, key=lambda report: type(report[1]).__name__)
    return [list(group) for _, group in groupby(ordered, key=lambda report: type(report[1]))]


def _say_instead(group: list[Report], error: Exception) -> bool:
    """Put what the database can take in the place of a report that it never will; False if nothing is left to say."""
    held, outcome = group[0]
    if isinstance(outcome, Complete):
        group[0] = held, Reject(error=_text(error))
        return True
    logger.error("the end of the job cannot be reported: %s", _text(error), extra=about(held.job))
    return False


def _failure(held: HeldJob, outcome: Fail) -> Failure:
    return Failure(
        id=held.job.id,
        attempt=held.job.attempt,
        error=str(msgspec.json.encode(outcome.error), "utf-8"),
        retryable=outcome.retryable,
        delay=outcome.delay,
    )


def _returned(held: HeldJob, outcome: Release) -> Returned:
    return Returned(id=held.job.id, attempt=held.job.attempt, delay=outcome.delay)


def _log_outcome(held: HeldJob, outcome: Outcome) -> None:
    match outcome:
        case Fail(error=error, retryable=retryable):
            kind = "the attempt failed" if retryable else "the job failed for good"
            logger.warning("%s: %s: %s", kind, error.type, error.message, extra=about(held.job))
        case Reject(error=error):
            logger.warning("the result cannot be stored: %s", error, extra=about(held.job))
        case Complete():
            logger.debug("done", extra=about(held.job))
        case _:
            logger.debug("the job was given back", extra=about(held.job))


def _ids(group: list[Report]) -> list[str]:
    return [held.job.id for held, _ in group]


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
