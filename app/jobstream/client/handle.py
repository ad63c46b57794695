"""A job in a caller's hands: its events, its result, and what can be done to it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Generic, TypeVar

from jobstream.client.transport import Transport
from jobstream.domain.event import Event
from jobstream.domain.job import Job, Status
from jobstream.errors import JobCancelled, JobFailed

ResultT_co = TypeVar("ResultT_co", covariant=True)


class JobHandle(Generic[ResultT_co]):
    """One job. `id`, `status` and `idempotent` are as the enqueue said; everything else asks anew."""

    def __init__(
        self,
        *,
        transport: Transport,
        decode: Callable[[str], ResultT_co],
        id: str,
        status: Status | None = None,
        idempotent: bool = False,
    ) -> None:
        """`decode` reads the result's JSON text. `status` is None for a handle that was made from an id."""
        self._transport = transport
        self._decode = decode
        self.id = id
        self.status = status
        self.idempotent = idempotent

    def __repr__(self) -> str:
        """For people."""
        return f"<JobHandle {self.id}>"

    def events(self, *, after: int = 0) -> AsyncGenerator[Event, None]:
        """Its events from the beginning, or with an id above `after`; ends after the terminal status.

        Resumes by itself after lost connections, without gap or repeat. Raises NotFound.
        """
        return self._transport.events(self.id, after=after)

    async def result(self, timeout: float | None = None) -> ResultT_co:
        """What the handler returned, by its return annotation; waits up to `timeout` seconds.

        Raises JobFailed, JobCancelled, TimeoutError, NotFound. A job that was enqueued in a transaction of yours is
        not found until that has committed.
        """
        async with asyncio.timeout(timeout):
            end = await self._transport.end(self.id)
        if end.status is Status.DONE:
            return self._decode("null" if end.result is None else end.result)
        failed = JobCancelled if end.status is Status.CANCELLED else JobFailed
        raise failed(self.id, reason=end.reason, last_error=end.last_error)

    async def get(self) -> Job:
        """The job as it is now. Raises NotFound."""
        return await self._transport.get(self.id)

    async def cancel(self, *, force: bool = False) -> Status:
        """Cancels it; with `force` a running one is asked to stop. The status after. Raises Conflict."""
        return (await self._transport.cancel(self.id, force=force)).status

    async def retry(self) -> Status:
        """Sets it going again. The status after. Raises Conflict."""
        return (await self._transport.retry(self.id)).status
