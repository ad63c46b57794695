"""What the OpenAPI document says of refusals: each route's problems, and what a stream is.

The framework knows what a handler returns. What guards, bodies and the database refuse is the same for whole classes of
routes, so it is said here once, by their scope, method and path.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

from jobstream.api.examples import add_examples
from jobstream.api.problems import MEDIA_TYPE
from jobstream.api.shapes import complete_requests, reference
from jobstream.api.streams.pages import EventPage
from jobstream.domain.job import Summary

_PREFIX: Final = "/api/v1"
_TEXTS: Final = {
    400: "The request is not valid; `errors` points to what is at fault.",
    401: "No credential, or one that is unknown, expired or revoked.",
    403: "The credential does not reach this far, or the request came from elsewhere.",
    408: "The body did not come in time.",
    404: "There is no such thing, or it is another owner's.",
    409: "The state does not allow it (`conflict`), the lease is lost (`lease-lost`), "
    "or the idempotency key is held by an open transaction (`idempotency-key-busy`).",
    413: "The body, or what is in it, is too large.",
    415: "The body must be JSON, and say so.",
    422: "The idempotency key was used with another request.",
    429: "More writes than one principal may ask for, or more that wait: come back after `Retry-After` seconds.",
    503: "The database cannot be reached.",
}
_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "RFC 9457.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:jobstream:problem:not-found"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "job_id": {"type": "string", "description": "Another job that is the cause."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "In the body, as a JSON pointer."},
                    "parameter": {"type": "string"},
                    "header": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
_STREAM: Final[dict[str, Any]] = {
    "schema": {"type": "string", "description": "Server-sent events: `event:`, `data:` (JSON), `id:`."},
    "example": 'event: status\ndata: {"id": 4711, "type": "status", "status": "pending"}\nid: 4711\n\n',
}
_BULK_PAGE: Final = {"type": "object", "description": "`items`, `next_cursor`, `reset`, `complete`."}
_MAKES: Final = frozenset({"/jobs", "/jobs/batch", "/pipelines"})
_VERBS: Final = frozenset({"heartbeat", "progress", "log", "emit", "complete", "fail", "release"})
_WAIT: Final = frozenset({"events", "result"})
_STEERS: Final = frozenset({"cancel", "retry", "run-now", "reschedule"})
# What is put there comes into being where there was nothing.
_NEVER_MISSING: Final = frozenset({("put", "/schedules/{name}"), ("patch", "/queues/{name}")})


def with_refusals(document: dict[str, Any]) -> dict[str, Any]:
    """The document with every refusal and every stream in it; the one given stays as it is."""
    told = deepcopy(document)
    told.setdefault("components", {}).setdefault("schemas", {})["Problem"] = _PROBLEM
    for path, operations in told.get("paths", {}).items():
        for method, operation in operations.items():
            if isinstance(operation, dict) and "responses" in operation:
                _complete(path, method, operation)
    complete_requests(told)
    add_examples(told)
    _write_patterns_for_all(told)
    return told


def _write_patterns_for_all(part: Any) -> None:
    """Elsewhere `$` matches at the very end alone; what Python wants besides is no business of other languages."""
    if isinstance(part, dict):
        if isinstance(pattern := part.get("pattern"), str):
            part["pattern"] = pattern.replace(r"(?!\n)", "")
        for each in part.values():
            _write_patterns_for_all(each)
    elif isinstance(part, list):
        for each in part:
            _write_patterns_for_all(each)


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    responses.pop("400", None)
    if "204" in responses:
        responses["204"].pop("content", None)
    if not path.startswith(_PREFIX):
        if path == "/readyz":
            responses["503"] = {
                **responses["200"],
                "description": "Something is missing, or the process is going.",
            }
        return
    short = path.removeprefix(_PREFIX)
    for status in _statuses(short, method, has_body="requestBody" in operation):
        problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        responses[str(status)] = {"description": _TEXTS[status], "content": problem, **_headers(status)}
    if short.endswith("/events"):
        page = {"schema": _BULK_PAGE if short.startswith("/bulk") else reference(EventPage)}
        description = "The stream; with `Accept: application/json` a page of it."
        content = {"text/event-stream": _STREAM, "application/json": page}
        responses["200"] = {"description": description, "content": content}
    elif short == "/summary":
        content = {"application/json": {"schema": reference(Summary)}, "text/event-stream": _STREAM}
        responses["200"]["content"] = content


def _headers(status: int) -> dict[str, Any]:
    match status:
        case 401:
            header, text = "WWW-Authenticate", "How to say who it is."
        case 429 | 503:
            header, text = "Retry-After", "Seconds to wait."
        case _:
            return {}
    return {"headers": {header: {"description": text, "required": True, "schema": {"type": "string"}}}}


def _statuses(path: str, method: str, *, has_body: bool) -> Iterator[int]:
    is_session = path == "/session" and method != "get"
    yield from (400, 403)
    if not (is_session and method == "delete"):
        yield from (401, 503)
    if ("{" in path and (method, path) not in _NEVER_MISSING) or (method == "post" and path in _MAKES):
        yield 404
    if has_body:
        yield from (408, 413, 415)
    if method == "post" and _may_conflict(path):
        yield 409
    if method == "post" and path in _MAKES:
        yield 422
    is_bounded = method != "get" and not is_session and path != "/leases" and _last(path) not in _VERBS
    if is_bounded or _last(path) in _WAIT:
        yield 429


def _may_conflict(path: str) -> bool:
    return path in _MAKES or (path.startswith(("/jobs/", "/pipelines/")) and _last(path) in _STEERS | _VERBS)


def _last(path: str) -> str:
    return path.rpartition("/")[2]
