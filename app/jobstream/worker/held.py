"""The jobs that this worker holds leases of, from the claim until the report: who is asked, and who is told to stop."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from jobstream.domain.job import ClaimedJob
from jobstream.worker.outcome import Interruption

if TYPE_CHECKING:
    from jobstream.worker.journal import JobNotes, Latest

Key = tuple[str, int]
"""A job's id and the attempt that fences it."""


class Cancellation:
    """Whether a handler was asked to stop: true or false, and for threads something to wait on."""

    __slots__ = ("_event", "_set")

    def __init__(self) -> None:
        """Not asked."""
        self._set = False
        self._event: threading.Event | None = None

    def __bool__(self) -> bool:
        """Whether the handler was asked to stop."""
        return self._set

    def is_set(self) -> bool:
        """Whether the handler was asked to stop."""
        return self._set

    def wait(self, timeout: float | None = None) -> bool:
        """Block this thread until the handler is asked to stop, or for `timeout` seconds; whether it was asked."""
        event = self._event
        if event is None:
            event = self._event = threading.Event()
        # `set` writes the flag before it looks for an event, we make the event before we look at the flag.
        return self._set or event.wait(timeout)

    def set(self) -> None:
        """Ask the handler to stop."""
        self._set = True
        if self._event is not None:
            self._event.set()


class HeldJob:
    """One lease of ours and what becomes of it."""

    __slots__ = (
        "alarm",
        "can_be_cancelled",
        "cancelled",
        "claimed_at",
        "ended",
        "interruption",
        "job",
        "latest",
        "notes",
        "started_at",
        "task",
    )

    def __init__(self, job: ClaimedJob, claimed_at: float) -> None:
        """`claimed_at` by the event loop's clock."""
        self.job = job
        self.claimed_at = claimed_at
        self.started_at: float | None = None
        self.interruption: Interruption | None = None
        self.cancelled = Cancellation()
        self.ended = False
        """Its handler is over, or was given up: nothing more is written for it."""
        self.notes: JobNotes | None = None
        """What it has said so far; None for the many that say nothing."""
        self.latest: Latest | None = None
        """Progress told in a thread that the event loop has not seen yet."""
        self.task: asyncio.Task[None] | None = None
        """Runs its handler."""
        self.alarm: asyncio.TimerHandle | None = None
        """Rings when the attempt has taken as long as it may."""
        self.can_be_cancelled = False
        """Whether that task has begun: one that is cancelled before its first step would report nothing."""

    @property
    def key(self) -> Key:
        """Id and attempt."""
        return self.job.id, self.job.attempt

    def interrupt(self, reason: Interruption) -> None:
        """Ask the handler to stop. The first reason counts, except that a lost lease is above all others."""
        if self.ended or self.interruption is Interruption.LOST or self.interruption is reason:
            return
        if self.interruption is None or reason is Interruption.LOST:
            self.interruption = reason
        self.cancelled.set()
        if self.task is not None and self.can_be_cancelled:
            self.task.cancel()


class HeldJobs:
    """All leases of one worker."""

    def __init__(self) -> None:
        """None."""
        self._jobs: dict[Key, HeldJob] = {}
        self._queues: Counter[str] = Counter()

    def __len__(self) -> int:
        """How many."""
        return len(self._jobs)

    def __iter__(self) -> Iterator[HeldJob]:
        """A copy's iterator: jobs may come and go meanwhile."""
        return iter(list(self._jobs.values()))

    @property
    def by_queue(self) -> Mapping[str, int]:
        """How many of each queue."""
        return self._queues

    def add(self, job: ClaimedJob, now: float) -> HeldJob:
        """A lease just claimed."""
        held = self._jobs[job.id, job.attempt] = HeldJob(job, now)
        self._queues[job.queue] += 1
        return held

    def get(self, id: str, attempt: int) -> HeldJob | None:
        """The lease, if it is still ours to report."""
        return self._jobs.get((id, attempt))

    def remove(self, held: HeldJob) -> None:
        """Its end was reported, or it is lost."""
        if self._jobs.pop((held.job.id, held.job.attempt), None) is not None:
            self._queues[held.job.queue] -= 1

    def to_renew(self, claimed_before: float) -> list[HeldJob]:
        """Those whose lease is not fresh."""
        return [held for held in self._jobs.values() if held.claimed_at <= claimed_before]
