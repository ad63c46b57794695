"""A job in the hands of code without an event loop."""

from collections.abc import Iterator
from typing import Generic, TypeVar

from jobstream.client.handle import JobHandle
from jobstream.client.portal import Caller, iterate
from jobstream.domain.event import Event
from jobstream.domain.job import Job, Status

ResultT_co = TypeVar("ResultT_co", covariant=True)


class SyncJobHandle(Generic[ResultT_co]):
    """One job. `id`, `status` and `idempotent` are as the enqueue said; everything else asks anew, and waits."""

    def __init__(self, caller: Caller, handle: JobHandle[ResultT_co]) -> None:
        """Made by `SyncClient`."""
        self._caller = caller
        self._handle = handle
        self.id = handle.id
        self.status = handle.status
        self.idempotent = handle.idempotent

    def __repr__(self) -> str:
        """For people."""
        return f"<SyncJobHandle {self.id}>"

    def events(self, *, after: int = 0) -> Iterator[Event]:
        """Its events from the beginning, or with an id above `after`; ends after the terminal status.

        Resumes by itself after lost connections, without gap or repeat. Raises NotFound.
        """
        return iterate(self._caller, self._handle.events(after=after))

    def result(self, timeout: float | None = None) -> ResultT_co:
        """What the handler returned, by its return annotation; waits up to `timeout` seconds.

        Raises JobFailed, JobCancelled, TimeoutError, NotFound.
        """
        return self._caller.call(lambda: self._handle.result(timeout))

    def get(self) -> Job:
        """The job as it is now. Raises NotFound."""
        return self._caller.call(self._handle.get)

    def cancel(self, *, force: bool = False) -> Status:
        """Cancels it; with `force` a running one is asked to stop. The status after. Raises Conflict."""
        return self._caller.call(lambda: self._handle.cancel(force=force))

    def retry(self) -> Status:
        """Sets it going again. The status after. Raises Conflict."""
        return self._caller.call(self._handle.retry)
