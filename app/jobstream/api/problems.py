"""Errors as `application/problem+json` (RFC 9457).

One table says which class of error is which problem. Nothing that a client sends ends as a 500; what does is a
fault of ours, and is logged with its traceback while the client is told nothing of it.
"""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from math import ceil
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.types import ExceptionHandlersMap
from msgspec import Struct

from jobstream.api.negotiation import Form, stream_form, wants
from jobstream.api.streams import blocks
from jobstream.api.streams.places import Overloaded
from jobstream.errors import (
    Conflict,
    DatabaseUnavailable,
    Forbidden,
    InvalidArgument,
    JobStreamError,
    KeyBusy,
    KeyReused,
    LeaseLost,
    NotFound,
    RateLimited,
    SchemaOutdated,
    TooLarge,
    Unauthorized,
)

MEDIA_TYPE: Final = "application/problem+json"
_URN: Final = "urn:jobstream:problem:"
_log = logging.getLogger("jobstream.api")


class Fault(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One place at fault in a request: in the body by JSON pointer, else a query parameter or a header by name."""

    pointer: str | None = None
    parameter: str | None = None
    header: str | None = None
    detail: str


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem document. `job_id` is there where another job is the cause."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[Fault] = []
    job_id: str | None = None


class Rejected(InvalidArgument):
    """The request is refused as it stands; `faults` names every place at fault that was found."""

    def __init__(self, message: str, *faults: Fault) -> None:
        """`message`: a sentence for people about the whole request."""
        super().__init__(message)
        self.faults = faults


class TicketOver(Unauthorized):
    """A ticket that was good once. `position` is where its stream would have gone on."""

    def __init__(self, position: str) -> None:
        """`position` may stand in an `id:` line."""
        super().__init__("this ticket has expired")
        self.position = position


class UnsupportedMediaType(Rejected):
    """The body is not JSON, or does not say so."""


class Kind(Struct, frozen=True):
    """What a class of errors is to a client."""

    status: int
    name: str
    title: str


_INVALID = Kind(400, "invalid", "The request is not valid")

KINDS: Final[dict[type[JobStreamError], Kind]] = {
    InvalidArgument: _INVALID,
    UnsupportedMediaType: Kind(415, "invalid", "The body must be JSON"),
    NotFound: Kind(404, "not-found", "There is no such thing"),
    Conflict: Kind(409, "conflict", "The state does not allow it"),
    LeaseLost: Kind(409, "lease-lost", "The lease is lost"),
    KeyReused: Kind(422, "key-reused", "The idempotency key was used with another request"),
    KeyBusy: Kind(409, "idempotency-key-busy", "The idempotency key is held by an open transaction"),
    Unauthorized: Kind(401, "unauthorized", "A credential is needed"),
    Forbidden: Kind(403, "forbidden", "The credential does not reach this far"),
    TooLarge: Kind(413, "too-large", "The request is too large"),
    RateLimited: Kind(429, "rate-limited", "Too many requests"),
    DatabaseUnavailable: Kind(503, "unavailable", "The database cannot be reached"),
    SchemaOutdated: Kind(503, "unavailable", "The database's schema is not the one that is needed"),
}
"""One row a class; a subclass without its own row takes its parent's."""

_BY_STATUS: Final[dict[int, Kind]] = {
    400: _INVALID,
    401: KINDS[Unauthorized],
    403: KINDS[Forbidden],
    404: KINDS[NotFound],
    405: Kind(405, "invalid", "The method is not allowed here"),
    413: KINDS[TooLarge],
    415: KINDS[UnsupportedMediaType],
    429: KINDS[RateLimited],
}


def kind_of(error: JobStreamError) -> Kind | None:
    """The row of the nearest class in the table; None for errors that are no client's business."""
    return next((KINDS[cls] for cls in type(error).__mro__ if cls in KINDS), None)


def response(
    kind: Kind,
    detail: str,
    *,
    errors: Sequence[Fault] = (),
    job_id: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response[bytes]:
    """The answer that states a problem."""
    problem = Problem(
        type=_URN + kind.name,
        title=kind.title,
        status=kind.status,
        detail=detail,
        errors=list(errors),
        job_id=job_id,
    )
    return Response(
        msgspec.json.encode(problem),
        status_code=kind.status,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def overloaded() -> Response[bytes]:
    """The answer to a stream that cannot be had now. Any status but 200 would end an EventSource for good."""
    return Response(
        blocks.overloaded(),
        media_type=blocks.MEDIA_TYPE,
        headers={"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"},
    )


def ended(position: str) -> Response[bytes]:
    """The answer to a stream whose ticket has expired: a 401 would keep an EventSource from ever asking again."""
    body = blocks.retry() + blocks.control("end", {"reason": "ticket"}, id=position)
    return Response(
        body,
        media_type=blocks.MEDIA_TYPE,
        headers={"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"},
    )


def _is_event_stream(request: Request[Any, Any, Any]) -> bool:
    # Where no route was found there is no handler.
    handler: BaseRouteHandler | None = dict(request.scope).get("route_handler")  # type: ignore[assignment]
    if handler is None or not handler.opt.get("jobstream.stream"):
        return False
    accept = request.headers.get("accept")
    if handler.opt.get("jobstream.by_name"):
        return wants(accept, blocks.MEDIA_TYPE)
    return stream_form(accept) is Form.SSE


def answer_error(request: Request[Any, Any, Any], error: JobStreamError) -> Response[bytes]:
    """A refusal of ours, as the table has it."""
    kind = kind_of(error)
    if kind is None:
        return answer_failure(request, error)
    if isinstance(error, TicketOver) and _is_event_stream(request):
        return ended(error.position)
    if isinstance(error, Overloaded) and _is_event_stream(request):
        return overloaded()
    if kind.status == HTTPStatus.SERVICE_UNAVAILABLE:
        _log.warning("unavailable: %s", error)
        if _is_event_stream(request):
            return overloaded()
    return response(
        kind,
        # What the driver says of hosts and users is for the log.
        kind.title if kind.status == HTTPStatus.SERVICE_UNAVAILABLE else error.message,
        errors=_faults(error, in_query=request.method in ("GET", "HEAD")),
        job_id=error.detail.id if error.detail else None,
        headers=_headers(error),
    )


def answer_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """A refusal of the framework: no such route or method, a body over the limit."""
    if error.status_code >= 500:
        return answer_failure(request, error)
    kind = _BY_STATUS.get(error.status_code) or Kind(
        error.status_code, "invalid", HTTPStatus(error.status_code).phrase
    )
    headers = {str(name): str(value) for name, value in (error.headers or {}).items()}
    return response(kind, error.detail, errors=_http_faults(error), headers=headers)


def answer_failure(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """A fault of ours."""
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return response(
        Kind(500, "internal", "The server failed"),
        "The server failed at this request; the cause is in its log.",
    )


HANDLERS: Final[ExceptionHandlersMap] = {
    JobStreamError: answer_error,
    HTTPException: answer_http,
    Exception: answer_failure,
}


def _http_faults(error: HTTPException) -> list[Fault]:
    """What the framework's own checks of parameters found."""
    found = error.extra if isinstance(error.extra, list) else []
    return [_http_fault(each) for each in found if isinstance(each, dict) and "key" in each]


def _http_fault(found: dict[str, Any]) -> Fault:
    name = str(found["key"])
    if name == "data":  # what the framework calls a body
        return Fault(pointer="", detail="a body is needed")
    return Fault(parameter=name, detail=str(found.get("message", "")))


def _faults(error: JobStreamError, *, in_query: bool) -> Sequence[Fault]:
    if isinstance(error, Rejected):
        return error.faults
    detail = error.detail
    if detail is None or (detail.field is None and detail.pointer is None):
        return ()
    if in_query:
        return (Fault(parameter=detail.field, detail=error.message),)
    pointer = (f"/{detail.field}" if detail.field else "") + (detail.pointer or "")
    return (Fault(pointer=pointer, detail=error.message),)


def _headers(error: JobStreamError) -> dict[str, str]:
    match error:
        case Unauthorized():
            return {"WWW-Authenticate": "Bearer"}
        case RateLimited():
            return {"Retry-After": str(max(1, ceil(error.retry_after)))}
        case KeyBusy() | DatabaseUnavailable() | SchemaOutdated():
            return {"Retry-After": "1"}
    return {}
