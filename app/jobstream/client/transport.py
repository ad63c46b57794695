"""What a client needs of the other side, whichever way it is reached."""

import builtins
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Protocol

from jobstream.domain.event import Event
from jobstream.domain.job import End, Enqueued, Job, JobFilter, NewJob, Outcome, Page
from jobstream.domain.pipeline import NewStep, PipelineCreated, PipelineOutcome, PipelineWithJobs


class Transport(Protocol):
    """The verbs behind a client. Errors are those of `jobstream.errors`."""

    async def enqueue(self, job: NewJob) -> Enqueued:
        """Makes a job, together with others that are asked for at the same time."""

    async def enqueue_many(self, jobs: Sequence[NewJob]) -> builtins.list[Enqueued]:
        """Makes all jobs in order, or none."""

    async def enqueue_on(self, connection: Any, jobs: Sequence[NewJob]) -> builtins.list[Enqueued]:
        """Makes all jobs on the caller's connection, in its transaction. Raises TypeError for what is none."""

    async def get(self, id: str) -> Job:
        """One job. Raises NotFound."""

    async def list(self, filter: JobFilter, *, cursor: str | None, limit: int) -> Page[Job]:
        """A page of jobs."""

    async def cancel(self, id: str, *, force: bool) -> Outcome:
        """Cancels a job. Raises NotFound, Conflict."""

    async def retry(self, id: str) -> Outcome:
        """Sets a job going again. Raises NotFound, Conflict."""

    def events(self, id: str, *, after: int) -> AsyncGenerator[Event, None]:
        """A job's events above an id until it has ended, resumed where it breaks off. Raises NotFound."""

    async def end(self, id: str) -> End:
        """Waits until a job has ended. Raises NotFound."""

    async def create_pipeline(
        self, name: str, steps: Sequence[NewStep], *, key: str | None, owner: str
    ) -> PipelineCreated:
        """Makes all jobs of a pipeline, or none. `key`: its idempotency key. Raises as `enqueue` does."""

    async def create_pipeline_on(
        self, connection: Any, name: str, steps: Sequence[NewStep], *, key: str | None, owner: str
    ) -> PipelineCreated:
        """Makes them on the caller's connection, in its transaction. Raises TypeError for what is none."""

    async def get_pipeline(self, id: str) -> PipelineWithJobs:
        """One pipeline with its jobs. Raises NotFound."""

    async def cancel_pipeline(self, id: str) -> PipelineOutcome:
        """Cancels what has not ended. Raises NotFound."""

    async def retry_pipeline(self, id: str) -> PipelineOutcome:
        """Starts anew what failed and what it held up. Raises NotFound, Conflict."""

    def pipeline_events(self, id: str) -> AsyncGenerator[Event, None]:
        """A pipeline's events from its beginning until it has ended, resumed where it breaks off. Raises NotFound."""
