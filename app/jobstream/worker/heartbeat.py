"""Renews all leases of a worker in one statement, and tells handlers what the answer says: lost, or asked to stop."""

import asyncio
import logging
import os
import resource
import time
from pathlib import Path

from jobstream.errors import DatabaseUnavailable
from jobstream.pacing import Patience, Wake
from jobstream.store.leases import LeaseStore
from jobstream.worker.held import HeldJob, HeldJobs
from jobstream.worker.logs import about
from jobstream.worker.outcome import Interruption
from jobstream.worker.registration import Registration

logger = logging.getLogger("jobstream.worker")


class Heartbeat:
    """Beats at a third of the lease, and at once when a cancellation is announced."""

    def __init__(
        self, *, leases: LeaseStore, held: HeldJobs, registration: Registration, lease_seconds: float
    ) -> None:
        """`lease_seconds` is what each beat renews the leases for."""
        self._leases = leases
        self._held = held
        self._registration = registration
        self._lease_seconds = lease_seconds
        self._interval = lease_seconds / 3
        self._wake = Wake()
        self._patience = Patience(first=0.2, most=min(2.0, self._interval))
        self._usage = Usage()
        self._closing = False
        self._loop = asyncio.get_running_loop()

    def beat_now(self) -> None:
        """Somebody asked for the cancellation of a job of ours."""
        self._wake.ring()

    def close(self) -> None:
        """Let `run` return."""
        self._closing = True
        self._wake.ring()

    async def run(self) -> None:
        """Beat until `close`."""
        pause = self._interval
        while not self._closing:
            due = self._loop.time() + pause
            called = await self._wake.wait(pause)
            self._say_if_late(self._loop.time() - due)
            pause = await self._beat(fresh_too=called)

    async def run_once(self, *, fresh_too: bool = True) -> None:
        """One beat. Leases that were taken less than half an interval ago are passed over unless `fresh_too`."""
        before = self._loop.time() - (0 if fresh_too else self._interval / 2)
        jobs = self._held.to_renew(before)
        if jobs:
            renewals = await self._leases.heartbeat(
                [held.job.id for held in jobs],
                [held.job.attempt for held in jobs],
                lease_seconds=self._lease_seconds,
            )
            asked = {renewal.id: renewal for renewal in renewals if renewal.lost or renewal.cancel_requested}
            if asked:
                for held in jobs:
                    if (renewal := asked.get(held.job.id)) is not None:
                        self._tell(held, lost=renewal.lost)
        await self._registration.touch(running=len(self._held), usage=self._usage)

    async def _beat(self, *, fresh_too: bool) -> float:
        """A beat; seconds until the next."""
        try:
            await self.run_once(fresh_too=fresh_too)
        except DatabaseUnavailable as error:
            pause = self._patience.failed()
            logger.warning(
                "%d leases could not be renewed, next try in %.1f s: %s", len(self._held), pause, error
            )
            return pause
        self._patience.succeeded()
        return self._interval

    def _tell(self, held: HeldJob, *, lost: bool) -> None:
        if held.ended:
            return
        if lost:
            logger.warning("the lease is lost, its handler is stopped", extra=about(held.job))
        else:
            logger.info("asked to cancel the job", extra=about(held.job))
        held.interrupt(Interruption.LOST if lost else Interruption.CANCELLED)

    def _say_if_late(self, late: float) -> None:
        if late > self._lease_seconds / 6:
            logger.warning(
                "the heartbeat was %.1f s late: the event loop was blocked, or the process was stopped; leases last %.0f s",
                late,
                self._lease_seconds,
            )


class Usage:
    """What the process takes of the machine."""

    def __init__(self) -> None:
        """From now on."""
        self._at = time.monotonic()
        self._cpu = time.process_time()

    def cpu_percent(self) -> float:
        """Processor time since the last call, in percent of one core."""
        at, cpu = time.monotonic(), time.process_time()
        share = (cpu - self._cpu) / max(at - self._at, 0.001)
        self._at, self._cpu = at, cpu
        return round(100 * share, 1)

    @staticmethod
    def memory_bytes() -> int:
        """Resident memory now; the peak where the system does not tell."""
        try:
            pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
        except OSError:
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
