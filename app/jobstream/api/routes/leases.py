"""Leases for workers over HTTP, and what a worker says about the attempt it holds: any job, fenced by the attempt."""

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import Final

from litestar import Controller, post
from litestar.params import JSONBody
from msgspec import Struct, structs

from jobstream.api.access import Caller, needs
from jobstream.api.dependencies import AnyRequest, By, JobId, Shared
from jobstream.api.hangup import hang_up
from jobstream.api.queries import read_id
from jobstream.api.requests import (
    Claim,
    Complete,
    Emit,
    Fail,
    Heartbeat,
    LogIn,
    ProgressIn,
    Release,
)
from jobstream.api.services import Services
from jobstream.api.strict import unstorable
from jobstream.domain.job import Lease, Status
from jobstream.domain.payload import encode_payload
from jobstream.errors import LeaseLost, NotFound

_LOOK_AGAIN: Final = 1.0
"""Seconds between claims while waiting, for work of which no bell was heard."""


class Leases(Struct, frozen=True):
    """What was claimed; none if there was nothing in time."""

    leases: list[Lease]


class Renewed(Struct, frozen=True):
    """Until when the lease holds, and whether the job should stop."""

    lease_until: datetime
    cancel_requested: bool


class Told(Struct, frozen=True):
    """Whether the job should stop."""

    cancel_requested: bool


class StatusOf(Struct, frozen=True):
    """The job's status afterwards."""

    status: Status


class LeasesController(Controller):
    """`/leases`."""

    path = "/leases"
    tags = ("workers",)

    @post("/", status_code=200, opt=needs("work"))
    async def claim(self, request: AnyRequest, services: Shared, caller: By, data: JSONBody[Claim]) -> Leases:
        """Take jobs to work on, waiting for the first; they are given back if the client hangs up meanwhile.

        A worker whose token ends while it waits gets none.
        """
        caller.check_queues(data.queues)
        async with hang_up(request) as gone, services.credentials.watching(caller, gone.set):
            leases = await _claimed(services, data, gone)
            if gone.is_set():
                await _give_back(services, leases)
                leases = []
        return Leases(leases)


class VerbsController(Controller):
    """`/jobs/{id}/…` for the attempt that a worker holds."""

    path = "/jobs/{id:str}"
    tags = ("workers",)

    @post("/heartbeat", status_code=200, opt=needs("work"))
    async def heartbeat(self, services: Shared, caller: By, id: JobId, data: JSONBody[Heartbeat]) -> Renewed:
        """Hold the lease on."""
        await _check_reach(services, caller, id)
        until, cancel = await services.leases.heartbeat_one(
            id, data.attempt, lease_seconds=data.lease_seconds
        )
        return Renewed(until, cancel)

    @post("/progress", status_code=200, opt=needs("work"))
    async def progress(self, services: Shared, caller: By, id: JobId, data: JSONBody[ProgressIn]) -> Told:
        """Say how far the attempt is."""
        await _check_reach(services, caller, id)
        cancel = await services.leases.report_progress(
            id,
            data.attempt,
            current=data.current,
            total=data.total,
            step=data.step,
            cost_usd=data.cost_usd,
        )
        return Told(cancel)

    @post("/log", status_code=200, opt=needs("work"))
    async def log(self, services: Shared, caller: By, id: JobId, data: JSONBody[LogIn]) -> StatusOf:
        """Write a line into the job's history."""
        await _check_reach(services, caller, id)
        await services.leases.log(id, data.attempt, data.message, level=data.level)
        return StatusOf(Status.RUNNING)

    @post("/emit", status_code=200, opt=needs("work"))
    async def emit(self, services: Shared, caller: By, id: JobId, data: JSONBody[Emit]) -> StatusOf:
        """Write an event of the worker's own into the job's history."""
        await _check_reach(services, caller, id)
        await services.leases.emit(id, data.attempt, data.type, data.data)
        return StatusOf(Status.RUNNING)

    @post("/complete", status_code=200, opt=needs("work"))
    async def complete(
        self, request: AnyRequest, services: Shared, caller: By, id: JobId, data: JSONBody[Complete]
    ) -> StatusOf:
        """End the attempt well. A result that cannot be stored ends the job as `dlq`, `unstorable_result`."""
        await _check_reach(services, caller, id)
        if fault := unstorable(request):
            return StatusOf(Status(await services.leases.reject_result(id, data.attempt, fault)))
        result = None if data.result is None else encode_payload(data.result, field="result")
        status = await services.leases.complete(id, data.attempt, result=result, cost_usd=data.cost_usd)
        return StatusOf(Status(status))

    @post("/fail", status_code=200, opt=needs("work"))
    async def fail(self, services: Shared, caller: By, id: JobId, data: JSONBody[Fail]) -> StatusOf:
        """End the attempt badly."""
        await _check_reach(services, caller, id)
        error = data.error if isinstance(data.error, str) else structs.asdict(data.error)
        status = await services.leases.fail(
            id, data.attempt, error=error, retryable=data.retryable, retry_at=data.retry_at
        )
        return StatusOf(Status(status))

    @post("/release", status_code=200, opt=needs("work"))
    async def release(self, services: Shared, caller: By, id: JobId, data: JSONBody[Release]) -> StatusOf:
        """Give the job back without a failure."""
        await _check_reach(services, caller, id)
        return StatusOf(
            Status(await services.leases.release(id, data.attempt, delay_seconds=data.delay_seconds))
        )


async def _claimed(services: Services, data: Claim, gone: asyncio.Event) -> list[Lease]:
    """What could be claimed, at once or within the time that the worker waits."""
    loop = asyncio.get_running_loop()
    until = loop.time() + data.wait
    while True:
        leases = await services.leases.claim_leases(
            data.queues, limit=data.limit, worker=data.worker, lease_seconds=data.lease_seconds
        )
        left = until - loop.time()
        if leases or left <= 0:
            return leases
        await services.ready.wait(min(left, _LOOK_AGAIN))
        if gone.is_set() or services.draining.is_set():
            return []


async def _give_back(services: Services, leases: list[Lease]) -> None:
    for lease in leases:
        with suppress(LeaseLost, NotFound):
            await services.leases.release(lease.job.id, lease.attempt)


async def _check_reach(services: Services, caller: Caller, id: str) -> None:
    """Raises NotFound where the credential is confined to queues, and the job is in none of them."""
    read_id(id)
    reach = caller.identity.queues
    if reach is not None and (await services.jobs.get(id)).spec.queue not in reach:
        raise NotFound("no such job")
