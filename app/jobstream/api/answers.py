"""Answers that are more than a value: status, headers, pages."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlencode

import msgspec
from litestar import Response
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Struct

from jobstream.api.access import Caller
from jobstream.api.dependencies import AnyRequest
from jobstream.api.negotiation import matches
from jobstream.api.services import Services
from jobstream.api.streams import blocks
from jobstream.api.streams.outlet import Outlet
from jobstream.api.streams.places import Overloaded
from jobstream.api.streams.response import EventStream, Script
from jobstream.domain.job import Enqueued, Job, Outcome, Page, Seen

T = TypeVar("T")


class Items(Struct, Generic[T], frozen=True):
    """Some things, in order."""

    items: list[T]


class List(Struct, Generic[T], frozen=True):
    """A page of things; `next_cursor` is null only at the end, and a page before it may be short."""

    items: list[T]
    next_cursor: str | None


class Result(Struct, frozen=True):
    """How a job ended, or where it stands."""

    status: str
    result: Any
    error: str | None


CREATED: Final = {200: ResponseSpec(Enqueued, description="An earlier request with this key made the job.")}
NOT_MODIFIED: Final = {304: ResponseSpec(None, description="It is as you have it.")}
NOT_YET: Final = {202: ResponseSpec(Result, description="The job has not ended.")}
ASKED: Final = {202: ResponseSpec(Outcome, description="The worker is told to stop.")}


def created(request: AnyRequest, made: Enqueued) -> Response[Enqueued]:
    """202 for a new job, 200 for one that was there."""
    headers = {"Location": f"{request.url.path.rstrip('/')}/{made.id}"}
    if made.idempotent:
        return Response(made, status_code=200, headers={**headers, "Idempotent-Replayed": "true"})
    return Response(made, status_code=202, headers=headers)


def page(request: AnyRequest, found: Page[T]) -> Response[List[T]]:
    """A page of a list, with a link to the next."""
    headers = {"Event-Cursor": found.event_cursor, "Cache-Control": "no-store"}
    if found.next_cursor is not None:
        headers["Link"] = f'<{_next(request, found.next_cursor)}>; rel="next"'
    return Response(List(found.items, found.next_cursor), headers=headers)


def whole(items: list[T]) -> Response[List[T]]:
    """A list that is short enough to be given at once."""
    return Response(List(items, None), headers={"Cache-Control": "no-store"})


def seen(request: AnyRequest, found: Seen[T]) -> Response[T | None]:
    """One thing, or 304 to whoever has it already."""
    etag = f'"{hashlib.blake2b(msgspec.json.encode(found.value), digest_size=12).hexdigest()}"'
    headers = {"ETag": etag, "Event-Cursor": found.event_cursor, "Cache-Control": "no-cache"}
    if matches(request.headers.get("if-none-match"), etag):
        return Response(None, status_code=304, headers=headers)
    return Response(found.value, headers=headers)


def result(job: Job) -> Response[Result]:
    """200 when the job has ended, 202 when not."""
    lifecycle = job.lifecycle
    return Response(
        Result(lifecycle.status, lifecycle.result, job.retry.last_error),
        status_code=200 if lifecycle.status.terminal else 202,
        headers={"Cache-Control": "no-store"},
    )


def stream(services: Services, caller: Caller, script: Script) -> Response[bytes]:
    """A stream that also ends with its caller's credential, and that does not begin where there is no place for it."""

    async def watched(outlet: Outlet) -> None:
        if caller.seconds is not None:
            outlet.expire(caller.seconds)
        async with services.credentials.watching(caller, outlet.dismiss):
            await script(outlet)
        if outlet.expired:
            await outlet.control("end", {"reason": "ticket"}, id=outlet.position)

    async def placed(outlet: Outlet) -> None:
        try:
            with services.places.taken(caller.principal):
                await watched(outlet)
        except Overloaded:
            await outlet.write([blocks.overloaded()])

    return EventStream(placed, ticker=services.ticker)


@asynccontextmanager
async def place(services: Services, caller: Caller, seconds: float) -> AsyncIterator[None]:
    """The place of a request that waits for so long. Raises Overloaded if there is none, Unauthorized when its caller's
    credential ends meanwhile.
    """
    if seconds <= 0:
        yield
        return
    with services.places.taken(caller.principal):
        async with services.credentials.lasting(caller):
            yield


def _next(request: AnyRequest, cursor: str) -> str:
    query: list[tuple[str, Any]] = [
        (name, value) for name, value in request.query_params.multi_items() if name not in ("cursor", "token")
    ]
    return f"{request.url.path}?{urlencode([*query, ('cursor', cursor)])}"
