"""What the OpenAPI document says of refusals: each route's problems, and what a stream is.

The framework knows what a handler returns. What guards, bodies and the database refuse is the same for whole classes of
routes, so it is said here once, by their scope, method and path.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

from jobstream.api.problems import MEDIA_TYPE

_PREFIX: Final = "/api/v1"
_TEXTS: Final = {
    400: "The request is not valid; `errors` points to what is at fault.",
    401: "No credential, or one that is unknown, expired or revoked.",
    403: "The credential does not reach this far, or the request came from elsewhere.",
    404: "There is no such thing, or it is another owner's.",
    409: "The state does not allow it (`conflict`), the lease is lost (`lease-lost`), "
    "or the idempotency key is held by an open transaction (`idempotency-key-busy`).",
    413: "The body, or what is in it, is too large.",
    415: "The body must be JSON, and say so.",
    422: "The idempotency key was used with another request.",
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
_MAKES: Final = frozenset({"/jobs", "/jobs/batch", "/pipelines"})


def with_refusals(document: dict[str, Any]) -> dict[str, Any]:
    """The document with every refusal and every stream in it; the one given stays as it is."""
    told = deepcopy(document)
    told.setdefault("components", {}).setdefault("schemas", {})["Problem"] = _PROBLEM
    for path, operations in told.get("paths", {}).items():
        for method, operation in operations.items():
            if isinstance(operation, dict) and "responses" in operation:
                _complete(path, method, operation["responses"])
    return told


def _complete(path: str, method: str, responses: dict[str, Any]) -> None:
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
    for status in _statuses(short, method):
        problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        responses[str(status)] = {"description": _TEXTS[status], "content": problem}
    if short.endswith("/events") or short == "/events":
        page = {"schema": {"type": "object", "description": "`items`, `next_cursor`, `reset`, `complete`."}}
        description = "The stream; with `Accept: application/json` a page of it."
        content = {"text/event-stream": _STREAM, "application/json": page}
        responses["200"] = {"description": description, "content": content}
    elif short == "/summary":
        responses["200"]["content"]["text/event-stream"] = _STREAM


def _statuses(path: str, method: str) -> Iterator[int]:
    yield from (400, 401, 403, 503)
    if "{" in path or (method == "post" and path in _MAKES):
        yield 404
    if method in ("post", "put", "patch", "delete"):
        yield from (413, 415)
    if method == "post":
        yield 409
    if method == "post" and path in _MAKES:
        yield 422
