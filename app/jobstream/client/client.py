"""The client behind `app.connect(url)`."""

import builtins
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Self, TypeVar, Unpack, overload

from msgspec import structs

from jobstream.client.handle import JobHandle
from jobstream.client.options import EnqueueOptions, new_job
from jobstream.client.pipelines import Pipeline, PipelineHandle
from jobstream.client.postgres import open_postgres
from jobstream.client.transport import Transport
from jobstream.domain.definition import JobDefinition
from jobstream.domain.job import EVERY_JOB, Job, JobFilter, NewJob, Page, Status
from jobstream.errors import InvalidArgument, JobStreamError
from jobstream.store.listener import Listener
from jobstream.store.pool import Database
from jobstream.store.rows import read_json
from jobstream.tracing import current_traceparent

_SCHEMES: Final = ("postgresql", "postgres", "http", "https")

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

    `size`: connections at most. `listen_url`: a direct connection where `url` goes through PgBouncer. `token` is for
    HTTP. Raises DatabaseUnavailable; InvalidArgument for a URL of something else.
    """
    scheme = url.partition("://")[0].partition("+")[0] if "://" in url else ""
    if scheme not in _SCHEMES:
        given = f"not {scheme}://…" if scheme else "and this has no scheme"
        raise InvalidArgument(
            f"a client takes a database's URL, postgresql://…, or a server's, http(s)://…, {given}"
        )
    if url.startswith(("http://", "https://")):
        from jobstream.client.http import open_http  # noqa: PLC0415 - httpx is heavy and seldom needed

        async with open_http(url, token=token, size=size) as transport:
            yield Client(transport)
        return
    async with (
        Database.connect(
            url, size=size, application_name=application_name, is_direct=listen_url is None
        ) as db,
        Client.over(db, listen_url=listen_url) as client,
    ):
        yield client


class Client:
    """Enqueues jobs and follows them. Made by `connect`, or over a pool that exists by `Client.over`."""

    def __init__(self, transport: Transport, defaults: EnqueueOptions | None = None) -> None:
        """Speaks through `transport`, which stays its owner's. `defaults` are for every enqueue that says nothing else."""
        self._transport = transport
        self._defaults = defaults or EnqueueOptions()

    def with_defaults(self, **options: Unpack[EnqueueOptions]) -> "Client":
        """The same client with options for every `enqueue` that does not say otherwise.

        What a handler enqueues by `ctx.client` belongs so to its job's owner, and is its job's child.
        """
        return Client(self._transport, self._defaults | options)

    @classmethod
    @asynccontextmanager
    async def over(
        cls, db: Database, *, listener: Listener | None = None, listen_url: str | None = None
    ) -> AsyncIterator[Self]:
        """A client that shares a pool.

        It hears of events by `listener`, which its owner runs; else, once something is followed, by a connection of its
        own to `listen_url` or the pool's URL.
        """
        async with open_postgres(db, listener=listener, listen_url=listen_url) as transport:
            yield cls(transport)

    @overload
    async def enqueue(
        self,
        job: JobDefinition[None, ResultT],
        args: None = None,
        *,
        connection: Any = None,
        **options: Unpack[EnqueueOptions],
    ) -> JobHandle[ResultT]: ...

    @overload
    async def enqueue(
        self,
        job: JobDefinition[ArgsT, ResultT],
        args: ArgsT,
        *,
        connection: Any = None,
        **options: Unpack[EnqueueOptions],
    ) -> JobHandle[ResultT]: ...

    @overload
    async def enqueue(
        self, job: str, args: Any = None, *, connection: Any = None, **options: Unpack[EnqueueOptions]
    ) -> JobHandle[Any]: ...

    async def enqueue(
        self,
        job: JobDefinition[Any, Any] | str,
        args: Any = None,
        *,
        connection: Any = None,
        **options: Unpack[EnqueueOptions],
    ) -> JobHandle[Any]:
        """Enqueues a job, by its handler or by the name of its kind.

        With `connection` (of asyncpg, psycopg 3 or SQLAlchemy 2) the job is made in the caller's own transaction and is
        there only if that commits; otherwise enqueues that are made at the same time share a statement.
        Raises InvalidArgument, NotFound, KeyReused, KeyBusy, TooLarge.
        """
        request = new_job(job, args, self._defaults | options)
        if connection is None:
            made = await self._transport.enqueue(request)
        else:
            try:
                [made] = await self._transport.enqueue_on(connection, [request])
            except JobStreamError as error:
                raise error.for_one() from error
        return JobHandle(
            transport=self._transport,
            decode=read_json if isinstance(job, str) else job.decode_result,
            id=made.id,
            status=made.status,
            idempotent=made.idempotent,
        )

    async def enqueue_many(
        self, jobs: Sequence[NewJob], *, connection: Any = None
    ) -> builtins.list[JobHandle[Any]]:
        """All of the jobs, in order, in one statement, or none of them. An error's `detail.ordinal` names the one."""
        if (traceparent := current_traceparent()) is not None:
            jobs = [structs.replace(job, traceparent=job.traceparent or traceparent) for job in jobs]
        if connection is None:
            answers = await self._transport.enqueue_many(jobs)
        else:
            answers = await self._transport.enqueue_on(connection, jobs)
        return [
            JobHandle(
                transport=self._transport,
                decode=read_json,
                id=made.id,
                status=made.status,
                idempotent=made.idempotent,
            )
            for made in answers
        ]

    @overload
    def handle(self, id: str) -> JobHandle[Any]: ...

    @overload
    def handle(self, id: str, job: JobDefinition[Any, ResultT]) -> JobHandle[ResultT]: ...

    def handle(self, id: str, job: JobDefinition[Any, Any] | None = None) -> JobHandle[Any]:
        """A handle on a job that was enqueued elsewhere; with its handler the result is typed. Asks nothing yet."""
        return JobHandle(
            transport=self._transport, decode=read_json if job is None else job.decode_result, id=id
        )

    def pipeline(
        self,
        name: str,
        *,
        idempotency_key: str | None = None,
        owner: str | None = None,
        connection: Any = None,
    ) -> Pipeline:
        """Jobs that depend on each other, made together when the block is left without an error.

        `async with client.pipeline("import") as p: a = p.step(fetch, …); b = p.step(parse, …, after=[a])`. With
        `connection`, as of `enqueue`, they are made in the caller's own transaction. Leaving it raises InvalidArgument,
        NotFound, KeyReused, KeyBusy.
        """
        return Pipeline(
            self._transport,
            name,
            idempotency_key=idempotency_key,
            owner=owner,
            connection=connection,
            defaults=self._defaults,
        )

    def pipeline_handle(self, id: str) -> PipelineHandle:
        """A handle on a pipeline that was made elsewhere. Asks nothing yet."""
        return PipelineHandle(self._transport, id)

    async def get(self, id: str) -> Job:
        """The job. Raises NotFound."""
        return await self._transport.get(id)

    async def list(
        self, filter: JobFilter = EVERY_JOB, *, cursor: str | None = None, limit: int = 50
    ) -> Page[Job]:
        """A page of jobs, the newest first."""
        return await self._transport.list(filter, cursor=cursor, limit=limit)

    async def cancel(self, id: str, *, force: bool = False) -> Status:
        """Cancels a job. The status after. Raises NotFound, Conflict."""
        return (await self._transport.cancel(id, force=force)).status

    async def retry(self, id: str) -> Status:
        """Sets a job going again. The status after. Raises NotFound, Conflict."""
        return (await self._transport.retry(id)).status
