"""What a gateway offers, and what comes out of a job's event stream."""

import builtins
from collections.abc import AsyncGenerator
from typing import Any, Protocol

from msgspec import Struct

from jobstream.domain.bulk import Bulk, Started
from jobstream.domain.event import Event
from jobstream.domain.job import Enqueued, Job, JobFilter, NewJob, Outcome
from jobstream.domain.queue import Queue, QueueChange
from jobstream.domain.schedule import Schedule, ScheduleInfo
from jobstream.errors import JobStreamError


class Hello(Struct, frozen=True, kw_only=True):
    """The stream is open; where the job stands now. A stream of many jobs has no status."""

    status: str | None = None
    progress: Any = None


class Happened(Struct, frozen=True, kw_only=True):
    """One stored event. `position` is where to go on after it."""

    event: Event
    position: str


class Reset(Struct, frozen=True, kw_only=True):
    """A part of the history cannot be had; the stream goes on from `position`."""

    reason: str
    position: str | None


class Ended(Struct, frozen=True, kw_only=True):
    """Nothing more will come: the job is terminal and everything up to that was sent."""

    reason: str


StreamItem = Hello | Happened | Reset | Ended


class StreamLost(JobStreamError):
    """The stream broke off before its end: come back with the last position. `retry_after` in seconds, if one was told."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        """`message` says why, for people."""
        super().__init__(message)
        self.retry_after = retry_after


class Gateway(Protocol):
    """The verbs that commands need. Errors are those of `jobstream.errors`."""

    @property
    def place(self) -> str:
        """Where it leads, for people: without passwords."""

    async def enqueue(self, job: NewJob) -> Enqueued:
        """Create a job, or find the one that its idempotency key made."""

    async def get(self, job_id: str) -> Job:
        """One job. Raises NotFound."""

    async def list(self, wanted: JobFilter, *, limit: int) -> list[Job]:
        """The newest `limit` jobs that match."""

    async def cancel(self, job_id: str, *, force: bool) -> Outcome:
        """Cancel; a running job only with `force`. Raises NotFound, Conflict."""

    async def retry(self, job_id: str) -> Outcome:
        """Make a failed or ended job due again. Raises NotFound, Conflict."""

    async def start_bulk(self, action: str, wanted: dict[str, Any], *, dry_run: bool) -> Started:
        """Begin `cancel` or `retry` of all that match, by the names of `GET /jobs`. Raises InvalidArgument."""

    async def bulk(self, id: str) -> Bulk:
        """How far it is. Raises NotFound."""

    async def queues(self) -> "builtins.list[Queue]":
        """Every queue, by name."""

    async def set_queue(self, name: str, change: QueueChange) -> Queue:
        """Set what is given. Raises InvalidArgument."""

    async def schedules(self) -> "builtins.list[ScheduleInfo]":
        """Every schedule, by name."""

    async def put_schedule(self, schedule: Schedule, *, paused: bool | None) -> ScheduleInfo:
        """Make or replace one; `paused` None leaves that as it is. Raises InvalidArgument."""

    async def run_schedule(self, name: str) -> str:
        """Make its job now; the job's id. Raises NotFound."""

    async def delete_schedule(self, name: str) -> None:
        """Its jobs stay. Raises NotFound."""

    def stream(self, job_id: str, *, after: str | None) -> AsyncGenerator[StreamItem, None]:
        """One connection's worth of a job's events behind `after` (None: from its beginning).

        Raises StreamLost where it broke off, NotFound and the other errors where it cannot go on.
        """

    def stream_queue(self, queue: str, *, after: str | None) -> AsyncGenerator[StreamItem, None]:
        """One connection's worth of the events of a queue's jobs behind `after` (None: from now). It has no end."""
