"""`JobContext`: what a handler knows of its job and how it speaks of it."""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

from jobstream.client.portal import LoopCaller
from jobstream.domain.job import ClaimedJob, Job
from jobstream.tracing import note
from jobstream.worker.held import Cancellation, HeldJob

if TYPE_CHECKING:
    from jobstream.client import Client, SyncClient
    from jobstream.worker.journal import Stored

current_context: ContextVar["JobContext | None"] = ContextVar("jobstream_current_context", default=None)
"""The context of the job whose handler runs here, if any: logging and middleware read it."""


class Notebook(Protocol):
    """Where a context writes down what its handler says."""

    def progress(self, held: HeldJob, current: float, total: float | None, step: str | None) -> "Stored":
        """How far the job is."""

    def log(self, held: HeldJob, message: str, level: str) -> "Stored":
        """A line."""

    def emit(self, held: HeldJob, type: str, data: object) -> "Stored":
        """An event of the handler's own type."""


class JobContext:
    """Handed to every handler, in the event loop, in a thread or in a process.

    `progress`, `log` and `emit` may be called without waiting; `await` them to know that they are stored.
    """

    __slots__ = ("_client", "_held", "_job", "_journal", "_own_client", "_upstream")

    def __init__(
        self,
        held: HeldJob,
        *,
        journal: Notebook,
        client: "Client | None",
        upstream: Mapping[str, Any] | None = None,
    ) -> None:
        """Made by the worker; `jobstream.testing` makes them for tests."""
        self._held = held
        self._journal = journal
        self._client = client
        self._upstream = upstream
        self._job: Job | None = None
        self._own_client: Client | None = None

    @property
    def job(self) -> Job:
        """The job as it was claimed: `id`, `owner`, `spec`, `scheduling`, `lifecycle`, `retry`, `lineage`."""
        if self._job is None:
            self._job = self._held.job.job
        return self._job

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1: the fence of everything that it writes."""
        return self._held.job.attempt

    @property
    def upstream(self) -> Mapping[str, Any]:
        """The results of the jobs that this one awaited, by id, and by step in a pipeline."""
        return self._upstream or {}

    @property
    def claimed(self) -> ClaimedJob:
        """The job's few fields that the worker itself goes by."""
        return self._held.job

    @property
    def cancelled(self) -> Cancellation:
        """True once the handler should stop; `ctx.cancelled.wait(seconds)` sleeps in a thread until then.

        An `async def` handler is also told by `asyncio.CancelledError`.
        """
        return self._held.cancelled

    @property
    def client(self) -> "Client":
        """A client on the worker's own connections: enqueue more, look at others.

        What is enqueued by it has this job's owner and is its child, unless the call says otherwise.
        """
        if self._client is None:
            raise RuntimeError(
                "no client here: a handler in a process, or run inline, makes its own connection"
            )
        if self._own_client is None:
            self._own_client = self._client.with_defaults(owner=self.job.owner, parent_job=self.job.id)
        return self._own_client

    @property
    def sync_client(self) -> "SyncClient":
        """The same client for a `def` handler in a thread: every call waits for its answer."""
        from jobstream.client.sync import WorkerSyncClient  # noqa: PLC0415 - for the few that ask

        client, task = self.client, self._held.task
        if task is None:
            raise RuntimeError("no client here: the handler is over")
        return WorkerSyncClient(client, LoopCaller(task.get_loop()))

    def progress(self, current: float, total: float | None = None, step: str | None = None) -> "Stored":
        """Say how far the job is. At most ten a second are stored, and always the last.

        Raises InvalidArgument for what is no number, LeaseLost when the job is no longer this attempt's.
        """
        return self._journal.progress(self._held, current, total, step)

    def log(self, message: str, level: str = "info") -> "Stored":
        """Write a line of up to 8 KiB to the job's events. Raises InvalidArgument, LeaseLost."""
        note("log", {"message": message, "level": level})
        return self._journal.log(self._held, message, level)

    def emit(self, type: str, data: Any = None) -> "Stored":
        """Write an event of your own type, with data of up to 64 KiB as JSON. Raises InvalidArgument, LeaseLost."""
        note(type, {})
        return self._journal.emit(self._held, type, {} if data is None else data)
