"""`JobStream`: what an application declares once, at import, and everybody else asks: jobs, schedules, a client."""

import math
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Protocol, TypeVar, overload

import msgspec

from jobstream.client import Client, SyncClient, connect, connect_sync
from jobstream.domain.backoff import Backoff
from jobstream.domain.schedule import CatchUp, Schedule
from jobstream.maintenance.cron import check_cron
from jobstream.worker.context import JobContext
from jobstream.worker.handler import ExecutorKind, Handler, JobOptions, check_name
from jobstream.worker.middleware import Middleware, MiddlewareT, check_middleware

ArgsT = TypeVar("ArgsT")
ResultT = TypeVar("ResultT")
HandlerT = TypeVar("HandlerT", bound=Handler[Any, Any])


class JobDecorator(Protocol):
    """What `@app.job(…)` gives: it turns a function into a Handler of its own types."""

    @overload
    def __call__(
        self, function: Callable[[JobContext, ArgsT], Awaitable[ResultT]], /
    ) -> Handler[ArgsT, ResultT]: ...

    @overload
    def __call__(self, function: Callable[[JobContext], Awaitable[ResultT]], /) -> Handler[None, ResultT]: ...

    @overload
    def __call__(self, function: Callable[[JobContext, ArgsT], ResultT], /) -> Handler[ArgsT, ResultT]: ...

    @overload
    def __call__(self, function: Callable[[JobContext], ResultT], /) -> Handler[None, ResultT]: ...


class JobStream:
    """The registry of an application's jobs and schedules.

    Declaring needs no database and no event loop; `connect` gives a client, `jobstream worker MODULE:app` runs the jobs.
    """

    def __init__(self) -> None:
        """Empty."""
        self._handlers: dict[str, Handler[Any, Any]] = {}
        self._schedules: dict[str, Schedule] = {}
        self._middleware: list[Middleware] = []

    @property
    def handlers(self) -> Mapping[str, Handler[Any, Any]]:
        """The declared jobs by name."""
        return MappingProxyType(self._handlers)

    @property
    def schedules(self) -> Mapping[str, Schedule]:
        """The declared schedules by name."""
        return MappingProxyType(self._schedules)

    def __iter__(self) -> Iterator[Handler[Any, Any]]:
        """The declared jobs, in the order of their declaration."""
        return iter(self._handlers.values())

    def job(
        self,
        name: str,
        *,
        queue: str = "default",
        priority: int = 0,
        max_attempts: int = 3,
        timeout: float | timedelta | None = None,
        backoff: Backoff | Mapping[str, Any] | None = None,
        executor: ExecutorKind | None = None,
        middleware: Sequence[Middleware] = (),
    ) -> JobDecorator:
        """Declares a job: `handler(ctx)` or `handler(ctx, args)`, `async def` or `def` (which runs in a thread).

        The arguments are decoded into the annotation of `args`: msgspec structs, dataclasses, TypedDicts, pydantic
        models, plain types. `timeout` for one attempt. `middleware` is wrapped around this job alone, inside the
        application's. Raises ValueError for a name that is taken or cannot be.
        """
        options = JobOptions(
            queue=queue,
            priority=priority,
            max_attempts=max_attempts,
            timeout=timeout.total_seconds() if isinstance(timeout, timedelta) else timeout,
            backoff=_backoff(backoff),
        )

        def declare(function: Callable[..., Any], /) -> Handler[Any, Any]:
            handler: Handler[Any, Any] = Handler(
                name, function, options, executor=executor, middleware=middleware, around=self._middleware
            )
            return self._add(handler)

        return declare

    def schedule(
        self, cron: str, *, timezone: str = "UTC", name: str | None = None, catch_up: CatchUp = "last"
    ) -> Callable[[HandlerT], HandlerT]:
        """Declares that a job is enqueued at the times of a cron expression; stands above `@app.job`.

        The schedule's name is the job's unless given; `catch_up` is for due times that passed while nothing ran. Workers
        write it into the database when they start; there it can be paused. Raises ValueError for an expression or a zone that is none.
        """
        check_cron(cron, timezone)

        def declare(handler: HandlerT) -> HandlerT:
            if not isinstance(handler, Handler):
                raise TypeError("@app.schedule stands above @app.job")
            own = name or handler.name
            if own in self._schedules:
                raise ValueError(f"schedule {own!r} is declared twice")
            self._schedules[check_name(own, "a schedule's name")] = Schedule(
                name=own, cron=cron, timezone=timezone, spec=_spec(handler), catch_up=catch_up
            )
            return handler

        return declare

    def middleware(self, layer: MiddlewareT) -> MiddlewareT:
        """Declares `async def around(ctx, proceed)`, wrapped around every job of this application.

        The first one declared is outermost. It runs in the handler's task: context variables that it sets reach the
        handler, in a thread too. Raises TypeError for what is not async.
        """
        self._middleware.append(check_middleware(layer))
        return layer

    def connect(
        self, url: str, *, size: int = 10, listen_url: str | None = None, token: str | None = None
    ) -> AbstractAsyncContextManager[Client]:
        """A client: `async with app.connect(url) as client`. A PostgreSQL URL, or http(s) with a token."""
        return connect(url, size=size, listen_url=listen_url, token=token)

    def connect_sync(
        self, url: str, *, size: int = 10, listen_url: str | None = None, token: str | None = None
    ) -> SyncClient:
        """A client for code without an event loop, for any thread: one for the whole process, made at import.

        It connects when it is first used, also in processes forked off later; `with`, `close` and the end of the process
        close it.
        """
        return connect_sync(url, size=size, listen_url=listen_url, token=token)

    def _add(self, handler: Handler[Any, Any]) -> Handler[Any, Any]:
        if handler.name in self._handlers:
            raise ValueError(f"job {handler.name!r} is declared twice")
        self._handlers[handler.name] = handler
        return handler


def _spec(handler: Handler[Any, Any]) -> dict[str, Any]:
    """What a schedule enqueues, without what would be the database's default anyway."""
    options = handler.options
    spec: dict[str, Any] = {"kind": handler.name, "queue": options.queue}
    if options.priority:
        spec["priority"] = options.priority
    if options.max_attempts != JobOptions().max_attempts:
        spec["max_attempts"] = options.max_attempts
    if options.timeout is not None:
        spec["timeout_seconds"] = math.ceil(options.timeout)
    if options.backoff is not None:
        spec["backoff"] = msgspec.to_builtins(options.backoff)
    return spec


def _backoff(given: Backoff | Mapping[str, Any] | None) -> Backoff | None:
    if given is None:
        return None
    policy = given if isinstance(given, Backoff) else msgspec.convert(dict(given), Backoff)
    return policy.check()
