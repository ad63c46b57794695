"""Runs what is due, one job after the other, with the worker's own executor, until nothing is left to be claimed."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from jobstream.application import JobStream
from jobstream.client import Client
from jobstream.domain.job import ClaimedJob, Status
from jobstream.store.jobs import JobStore
from jobstream.store.leases import LeaseStore
from jobstream.store.pool import Database
from jobstream.store.reports import ReportStore
from jobstream.testing.inline import in_own_loop
from jobstream.worker.completer import Completer
from jobstream.worker.context import JobContext
from jobstream.worker.executor import Executor
from jobstream.worker.held import HeldJobs
from jobstream.worker.journal import Journal
from jobstream.worker.middleware import Proceed
from jobstream.worker.signals import HandlerSignal
from jobstream.worker.supervisor import running
from jobstream.worker.upstream import Upstream

LEASE_SECONDS: Final = 3600.0
"""A test may stop at a breakpoint."""

_QUEUES: Final = (
    "select distinct j.queue from jobstream.jobs as j where j.status = 'pending' order by j.queue"
)
_AGAIN: Final = "select j.id from jobstream.jobs as j where j.status = 'failed' order by j.id"


class Ran(Struct, frozen=True, kw_only=True):
    """An attempt that was run, and what its job was afterwards."""

    id: str
    kind: str
    attempt: int
    status: Status


class Drained(Struct, frozen=True, kw_only=True):
    """The attempts, in the order in which they ran."""

    ran: list[Ran]

    def __len__(self) -> int:
        """How many attempts."""
        return len(self.ran)

    def of(self, *statuses: Status | str) -> list[str]:
        """The ids of the jobs whose attempts left them with one of these statuses."""
        return [each.id for each in self.ran if each.status in statuses]

    @property
    def done(self) -> list[str]:
        """The ids of those that were done."""
        return self.of(Status.DONE)


async def drain(
    app: JobStream,
    url: str,
    *,
    queues: Sequence[str] | None = None,
    limit: int = 1_000,
    retries: bool = False,
    raises: bool = True,
) -> Drained:
    """Runs the jobs of an application that are due, and those that they enqueue or release, until none is left.

    One at a time, in the order of a worker; delayed ones stay. `queues`: only those. `retries`: what failed is run again
    at once, instead of staying for later. `raises`: the first error of a handler is raised here, once its attempt is
    reported. Raises AssertionError after `limit` attempts.
    """
    async with (
        Database.connect(url, size=4, application_name="jobstream.testing") as db,
        Client.over(db) as client,
    ):
        return await _Drain(app, db, client, queues, retries=retries, raises=raises).run(limit)


def drain_sync(
    app: JobStream,
    url: str,
    *,
    queues: Sequence[str] | None = None,
    limit: int = 1_000,
    retries: bool = False,
    raises: bool = True,
) -> Drained:
    """`drain` for tests without an event loop."""
    return in_own_loop(lambda: drain(app, url, queues=queues, limit=limit, retries=retries, raises=raises))


class _Drain:
    """A worker that fetches by itself, one job at a time."""

    def __init__(
        self,
        app: JobStream,
        db: Database,
        client: Client,
        queues: Sequence[str] | None,
        *,
        retries: bool,
        raises: bool,
    ) -> None:
        self._app = app
        self._db = db
        self._queues = queues
        self._retries = retries
        self._raises = raises
        self._jobs = JobStore(db)
        self._leases = LeaseStore(db)
        self._held = HeldJobs()
        reports = ReportStore(db)
        self._completer = Completer(leases=self._leases, reports=reports, held=self._held)
        self._journal = Journal(reports=reports)
        self._executor = Executor(
            handlers=app.handlers,
            concurrency=1,
            completer=self._completer,
            journal=self._journal,
            upstream=Upstream(reports=reports).read,
            client=client,
            middleware=(self._watch,),
        )
        self._reported = asyncio.Event()
        self._completer.on_reported = self._reported.set
        self._errors: list[Exception] = []

    async def run(self, limit: int) -> Drained:
        ran: list[Ran] = []
        failure: BaseException | None = None
        async with running(self._completer), running(self._journal):
            try:
                await self._run_all(ran, limit)
            except BaseException as error:  # noqa: BLE001 - raised below, outside of the groups, which would wrap it
                failure = error
            await self._executor.drain(0)
        if failure is not None:
            raise failure
        if self._errors and self._raises:
            raise self._errors[0]
        return Drained(ran=ran)

    async def _run_all(self, ran: list[Ran], limit: int) -> None:
        while not (self._errors and self._raises) and (job := await self._next()) is not None:
            if len(ran) >= limit:
                raise AssertionError(f"{limit} attempts were run, and jobs are still due")
            ran.append(await self._run(job))

    async def _next(self) -> ClaimedJob | None:
        # What is held comes free in steps: one round may only let in what the next one makes pending.
        for _ in range(3):
            await self._db.fetchval("select jobstream.maintain()")
            if self._retries:
                for row in await self._db.fetch(_AGAIN):
                    await self._jobs.run_now(row["id"])
            queues = self._queues or [row["queue"] for row in await self._db.fetch(_QUEUES)]
            if queues:
                claimed = await self._leases.claim(
                    queues, limit=1, worker="jobstream.testing", lease_seconds=LEASE_SECONDS
                )
                if claimed:
                    return claimed[0]
        return None

    async def _run(self, job: ClaimedJob) -> Ran:
        assert job.kind in self._app.handlers, (
            f"job {job.id} is of kind {job.kind!r}, which has no handler here"
        )
        self._executor.submit([self._held.add(job, asyncio.get_running_loop().time())])
        while len(self._held):
            self._reported.clear()
            await self._reported.wait()
        status = (await self._jobs.get(job.id)).status
        return Ran(id=job.id, kind=job.kind, attempt=job.attempt, status=status)

    async def _watch(self, ctx: JobContext, proceed: Proceed) -> Any:
        try:
            return await proceed()
        except HandlerSignal:
            raise
        except Exception as error:
            self._errors.append(error)
            raise
