"""The client for code without an event loop, behind `app.connect_sync(url)`: Django, Flask, scripts, `def` handlers.

There is one implementation: every call runs the asynchronous client's in a background thread. Only what is enqueued on a
connection of the caller's runs in the caller's own thread, since such a connection belongs to it.
"""

import builtins
import os
import threading
import weakref
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Self, TypeVar, Unpack, overload

from jobstream.client.client import Client, connect
from jobstream.client.handle import JobHandle
from jobstream.client.options import EnqueueOptions
from jobstream.client.pipelines import PipelineHandle
from jobstream.client.portal import Caller, LoopCaller, Portal
from jobstream.client.sync_handle import SyncJobHandle
from jobstream.client.sync_pipelines import SyncPipeline, SyncPipelineHandle
from jobstream.domain.definition import JobDefinition
from jobstream.domain.job import EVERY_JOB, Job, JobFilter, NewJob, Page, Status
from jobstream.store.borrowed import require_blocking

ArgsT = TypeVar("ArgsT")
ResultT = TypeVar("ResultT")
T = TypeVar("T")

_inherited: list[Portal] = []
"""Portals of the process that this one was forked from. Kept, because to collect them would close what the parent uses."""


def connect_sync(
    url: str,
    *,
    size: int = 10,
    application_name: str = "jobstream client",
    listen_url: str | None = None,
    token: str | None = None,
) -> "SyncClient":
    """A client for code without an event loop; it connects when it is first used. See `connect` for the parameters."""

    def open_client() -> AbstractAsyncContextManager[Client]:
        return connect(url, size=size, application_name=application_name, listen_url=listen_url, token=token)

    return SyncClient(open_client)


class SyncClient:
    """Enqueues jobs and follows them, from any thread; every call waits for its answer.

    One for the whole process is right, made at import: it connects when it is first used, a process that is forked off
    gets connections of its own, and what is open is closed at exit. `with` closes it earlier.
    """

    def __init__(self, open_client: Callable[[], AbstractAsyncContextManager[Client]]) -> None:
        """Use `connect_sync`."""
        self._open_client = open_client
        self._lock = threading.Lock()
        self._portal: Portal | None = None
        self._closed = False
        _clients.add(self)

    def __enter__(self) -> Self:
        """Connects. Raises DatabaseUnavailable."""
        self._caller()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Closes."""
        self.close()

    def close(self) -> None:
        """Closes its connections. Calls that wait for an answer are told so, later ones raise RuntimeError."""
        with self._lock:
            self._closed = True
            portal, self._portal = self._portal, None
        if portal is not None:
            portal.close()

    @overload
    def enqueue(
        self,
        job: JobDefinition[None, ResultT],
        args: None = None,
        *,
        connection: Any = None,
        **options: Unpack[EnqueueOptions],
    ) -> SyncJobHandle[ResultT]: ...

    @overload
    def enqueue(
        self,
        job: JobDefinition[ArgsT, ResultT],
        args: ArgsT,
        *,
        connection: Any = None,
        **options: Unpack[EnqueueOptions],
    ) -> SyncJobHandle[ResultT]: ...

    @overload
    def enqueue(
        self, job: str, args: Any = None, *, connection: Any = None, **options: Unpack[EnqueueOptions]
    ) -> SyncJobHandle[Any]: ...

    def enqueue(
        self,
        job: JobDefinition[Any, Any] | str,
        args: Any = None,
        *,
        connection: Any = None,
        **options: Unpack[EnqueueOptions],
    ) -> SyncJobHandle[Any]:
        """Enqueues a job, by its handler or by the name of its kind.

        With `connection` (of psycopg 3, SQLAlchemy 2 or Django) the job is made in the caller's own transaction and is
        there only if that commits. Raises InvalidArgument, NotFound, KeyReused, KeyBusy, TooLarge.
        """

        async def enqueue(client: Client) -> JobHandle[Any]:
            return await client.enqueue(job, args, connection=connection, **options)

        return SyncJobHandle(self._caller(), self._run(enqueue, connection))

    def enqueue_many(
        self, jobs: Sequence[NewJob], *, connection: Any = None
    ) -> builtins.list[SyncJobHandle[Any]]:
        """All of the jobs, in order, or none of them. An error's `detail.ordinal` names the one."""

        async def enqueue_many(client: Client) -> builtins.list[JobHandle[Any]]:
            return await client.enqueue_many(jobs, connection=connection)

        return [SyncJobHandle(self._caller(), handle) for handle in self._run(enqueue_many, connection)]

    def pipeline(
        self,
        name: str,
        *,
        idempotency_key: str | None = None,
        owner: str | None = None,
        connection: Any = None,
    ) -> SyncPipeline:
        """Jobs that depend on each other: `with client.pipeline(name) as p: a = p.step(…)`. See `Client.pipeline`."""
        pipeline = self._client().pipeline(
            name, idempotency_key=idempotency_key, owner=owner, connection=connection
        )
        return SyncPipeline(
            self._caller(), pipeline, lambda: self._run(lambda _: pipeline.create(), connection)
        )

    def pipeline_handle(self, id: str) -> SyncPipelineHandle:
        """A handle on a pipeline that was made elsewhere. Asks nothing yet."""
        handle: PipelineHandle = self._client().pipeline_handle(id)
        return SyncPipelineHandle(self._caller(), handle)

    @overload
    def handle(self, id: str) -> SyncJobHandle[Any]: ...

    @overload
    def handle(self, id: str, job: JobDefinition[Any, ResultT]) -> SyncJobHandle[ResultT]: ...

    def handle(self, id: str, job: JobDefinition[Any, Any] | None = None) -> SyncJobHandle[Any]:
        """A handle on a job that was enqueued elsewhere; with its handler the result is typed. Asks nothing yet."""
        client = self._client()
        return SyncJobHandle(self._caller(), client.handle(id) if job is None else client.handle(id, job))

    def get(self, id: str) -> Job:
        """The job. Raises NotFound."""
        return self._run(lambda client: client.get(id))

    def list(self, filter: JobFilter = EVERY_JOB, *, cursor: str | None = None, limit: int = 50) -> Page[Job]:
        """A page of jobs, the newest first."""
        return self._run(lambda client: client.list(filter, cursor=cursor, limit=limit))

    def cancel(self, id: str, *, force: bool = False) -> Status:
        """Cancels a job. The status after. Raises NotFound, Conflict."""
        return self._run(lambda client: client.cancel(id, force=force))

    def retry(self, id: str) -> Status:
        """Sets a job going again. The status after. Raises NotFound, Conflict."""
        return self._run(lambda client: client.retry(id))

    def _run(self, work: Callable[[Client], Coroutine[Any, Any, T]], connection: Any = None) -> T:
        client = self._client()
        if connection is None:
            return self._caller().call(lambda: work(client))
        require_blocking(connection)
        return _without_loop(work(client))

    def _client(self) -> Client:
        client: Client = self._opened().value
        return client

    def _caller(self) -> Caller:
        return self._opened()

    def _opened(self) -> Portal:
        with self._lock:
            if self._closed:
                raise RuntimeError("this client was closed")
            portal = self._portal
            if portal is None or not portal.is_open:
                self._portal = portal = Portal(self._open_client)
                weakref.finalize(self, portal.close)
            return portal

    def _forked(self) -> None:
        """In a new process: the thread stayed behind, and nobody holds the lock."""
        self._lock = threading.Lock()
        if self._portal is not None:
            _inherited.append(self._portal)
            self._portal = None


class WorkerSyncClient(SyncClient):
    """The worker's own client, for handlers that run in threads."""

    def __init__(self, client: Client, caller: LoopCaller) -> None:
        """`caller` calls into the worker's event loop."""
        super().__init__(_cannot_open)
        self._its_client = client
        self._its_caller = caller

    def close(self) -> None:
        """Stays open: it is the worker's."""

    def _client(self) -> Client:
        return self._its_client

    def _caller(self) -> Caller:
        return self._its_caller


def _without_loop(work: Coroutine[Any, Any, T]) -> T:
    """Runs what waits for nothing: the asynchronous client on a connection that blocks."""
    try:
        work.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    work.close()
    raise RuntimeError("this cannot be done without an event loop")


def _cannot_open() -> AbstractAsyncContextManager[Client]:
    raise RuntimeError("the worker's client is open already")


_clients: "weakref.WeakSet[SyncClient]" = weakref.WeakSet()


def _after_fork() -> None:
    for client in list(_clients):
        client._forked()  # noqa: SLF001 - of this module


with suppress(AttributeError):  # where processes cannot be forked there is nothing to mend
    os.register_at_fork(after_in_child=_after_fork)
