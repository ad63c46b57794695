"""A job in a caller's hands: its events, its result, and what can be done to it."""

from collections.abc import AsyncIterator
from typing import Generic, TypeVar

from jobstream.domain.event import Event
from jobstream.domain.job import Job, Status

ResultT_co = TypeVar("ResultT_co", covariant=True)


class JobHandle(Generic[ResultT_co]):
    """One job. `id`, `status` and `idempotent` are as the enqueue said; everything else asks anew."""

    id: str
    status: Status
    idempotent: bool

    def events(self, *, after: int = 0) -> AsyncIterator[Event]:
        """Its events from the beginning, or with an id above `after`; ends after the terminal status.

        Resumes by itself after lost connections, without gap or repeat.
        """
        raise NotImplementedError

    async def result(self, timeout: float | None = None) -> ResultT_co:
        """What the handler returned, by its return annotation; waits up to `timeout` seconds.

        Raises JobFailed, JobCancelled, TimeoutError.
        """
        raise NotImplementedError

    async def get(self) -> Job:
        """The job as it is now. Raises NotFound."""
        raise NotImplementedError

    async def cancel(self, *, force: bool = False) -> Status:
        """Cancels it; with `force` a running one is asked to stop. The status after. Raises Conflict."""
        raise NotImplementedError

    async def retry(self) -> Status:
        """Sets it going again. The status after. Raises Conflict."""
        raise NotImplementedError
