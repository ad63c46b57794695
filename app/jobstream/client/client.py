"""The client behind `app.connect(url)`."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar, overload

from jobstream.client.handle import JobHandle
from jobstream.domain.backoff import Backoff
from jobstream.domain.definition import JobDefinition
from jobstream.domain.job import EVERY_JOB, Job, JobFilter, NewJob, Page
from jobstream.store.pool import Database

ArgsT = TypeVar("ArgsT")
ResultT = TypeVar("ResultT")


@asynccontextmanager
async def connect(
    url: str,
    *,
    size: int = 10,
    application_name: str = "jobstream client",
    listen_url: str | None = None,
    token: str | None = None,
) -> AsyncIterator["Client"]:
    """A client over PostgreSQL, or over HTTP where the URL says so.

    `listen_url`: a direct connection where `url` goes through PgBouncer. `token` is for HTTP.
    """
    raise NotImplementedError
    yield


class Client:
    """Enqueues jobs and follows them. Made by `connect`, or over a pool that exists with `Client.over`."""

    @classmethod
    @asynccontextmanager
    async def over(cls, db: Database, *, listen_url: str | None = None) -> AsyncIterator["Client"]:
        """A client that shares a pool. It listens on `listen_url`, else on the pool's own URL."""
        raise NotImplementedError
        yield

    @overload
    async def enqueue(
        self,
        job: JobDefinition[None, ResultT],
        args: None = None,
        *,
        queue: str | None = None,
        priority: int | None = None,
        delay: float | None = None,
        scheduled_at: datetime | None = None,
        deadline: datetime | None = None,
        idempotency_key: str | None = None,
        max_attempts: int | None = None,
        backoff: Backoff | None = None,
        timeout: float | None = None,
        labels: Mapping[str, str] | None = None,
        concurrency_key: str | None = None,
        unique: str | None = None,
        unique_key: str | None = None,
        await_jobs: Sequence[str | JobHandle[Any]] | None = None,
        await_for: str | None = None,
        owner: str | None = None,
        triggered_by: str | None = None,
        parent_job: str | JobHandle[Any] | None = None,
        connection: Any = None,
    ) -> JobHandle[ResultT]: ...

    @overload
    async def enqueue(
        self,
        job: JobDefinition[ArgsT, ResultT],
        args: ArgsT,
        *,
        queue: str | None = None,
        priority: int | None = None,
        delay: float | None = None,
        scheduled_at: datetime | None = None,
        deadline: datetime | None = None,
        idempotency_key: str | None = None,
        max_attempts: int | None = None,
        backoff: Backoff | None = None,
        timeout: float | None = None,
        labels: Mapping[str, str] | None = None,
        concurrency_key: str | None = None,
        unique: str | None = None,
        unique_key: str | None = None,
        await_jobs: Sequence[str | JobHandle[Any]] | None = None,
        await_for: str | None = None,
        owner: str | None = None,
        triggered_by: str | None = None,
        parent_job: str | JobHandle[Any] | None = None,
        connection: Any = None,
    ) -> JobHandle[ResultT]: ...

    @overload
    async def enqueue(
        self,
        job: str,
        args: Any = None,
        *,
        queue: str | None = None,
        priority: int | None = None,
        delay: float | None = None,
        scheduled_at: datetime | None = None,
        deadline: datetime | None = None,
        idempotency_key: str | None = None,
        max_attempts: int | None = None,
        backoff: Backoff | None = None,
        timeout: float | None = None,
        labels: Mapping[str, str] | None = None,
        concurrency_key: str | None = None,
        unique: str | None = None,
        unique_key: str | None = None,
        await_jobs: Sequence[str | JobHandle[Any]] | None = None,
        await_for: str | None = None,
        owner: str | None = None,
        triggered_by: str | None = None,
        parent_job: str | JobHandle[Any] | None = None,
        connection: Any = None,
    ) -> JobHandle[Any]: ...

    async def enqueue(self, job: Any, args: Any = None, **options: Any) -> JobHandle[Any]:
        """Enqueues a job, by its handler or by the name of its kind.

        What is not given comes from the handler's declaration, then from the database's defaults. `delay` and
        `timeout` in seconds. With `connection` the job is made in the caller's own transaction and is not visible
        unless that commits; otherwise enqueues that are made at the same time share a statement.
        Raises InvalidArgument, NotFound, KeyReused, KeyBusy, TooLarge.
        """
        raise NotImplementedError

    async def enqueue_many(self, jobs: Sequence[NewJob], *, connection: Any = None) -> list[JobHandle[Any]]:
        """All of the jobs, in order, in one statement, or none of them."""
        raise NotImplementedError

    def handle(self, id: str) -> JobHandle[Any]:
        """A handle on a job that was enqueued elsewhere. Asks nothing yet."""
        raise NotImplementedError

    async def get(self, id: str) -> Job:
        """The job. Raises NotFound."""
        raise NotImplementedError

    async def list(
        self, filter: JobFilter = EVERY_JOB, *, cursor: str | None = None, limit: int = 50
    ) -> Page[Job]:
        """A page of jobs, the newest first."""
        raise NotImplementedError

    async def cancel(self, id: str, *, force: bool = False) -> str:
        """Cancels a job. The status after. Raises NotFound, Conflict."""
        raise NotImplementedError

    async def retry(self, id: str) -> str:
        """Sets a job going again. The status after. Raises NotFound, Conflict."""
        raise NotImplementedError
