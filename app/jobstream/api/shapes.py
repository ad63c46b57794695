"""What the OpenAPI document says of requests: bodies, parameters and credentials, as they are really taken.

The framework describes what it converts itself. Bodies are decoded by us and parameters read by us, more strictly than
it knows: so their shapes are said here, once for each.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from jobstream.api.requests import Body
from jobstream.api.streams.pages import EventPage
from jobstream.domain.job import Status, Summary

Schema = dict[str, Any]

_REF: Final = "#/components/schemas/{name}"
_ID: Final = {"type": "string", "pattern": "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"}
_MOMENT: Final = {
    "pattern": r"^([0-9]{1,16}|[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-][01][0-9]:[0-5][0-9]))$",
    "examples": ["2026-01-31T12:00:00Z", "1769860800000"],
}
_WHOLE: Final = {"pattern": "^-?[0-9]+$"}
_PARAMETERS: Final[dict[str, Schema]] = {
    "before": {"pattern": "^[0-9]{1,18}$"},
    "from": {"enum": ["earliest", "now"]},
    "job_id": {"items": _ID},
    "label": {"items": {"type": "string", "pattern": "^[^:]*:"}},
    "limit": _WHOLE,
    "pipeline_id": {"items": _ID},
    "seconds": _WHOLE,
    "since": _MOMENT,
    "status": {"items": {"type": "string", "enum": [status.value for status in Status]}},
    "until": _MOMENT,
    "wait": {"pattern": r"^[0-9]+(\.[0-9]+)?$"},
}
_KEY: Final[Schema] = {"pattern": "^[!-~]{1,256}$", "examples": ["thumbnail-cat-320"]}
_STATUS_OF_PIPELINES: Final[Schema] = {
    "items": {"type": "string", "enum": ["waiting", "running", "done", "failed", "cancelled"]}
}
_PREFER: Final[Schema] = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": "`wait=N`: the same as `wait` (RFC 7240).",
    "schema": {"type": "string"},
}
_CREDENTIALS: Final[Schema] = {
    "token": {"type": "http", "scheme": "bearer", "description": "`jobstream tokens create`"},
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "jobstream_session",
        "description": "The dashboard's, from `POST /session`.",
    },
    "token_in_url": {
        "type": "apiKey",
        "in": "query",
        "name": "token",
        "description": "The token, for clients of streams that cannot set headers.",
    },
    "ticket": {
        "type": "apiKey",
        "in": "query",
        "name": "ticket",
        "description": "A stream ticket, from `POST /stream-tickets`.",
    },
}
_ANYWHERE: Final = ("token", "cookie")
_ON_STREAMS: Final = (*_ANYWHERE, "token_in_url", "ticket")
_IN_URL: Final = ("token", "ticket")


def reference(shape: type[msgspec.Struct]) -> Schema:
    """Where the document has that shape."""
    return {"$ref": _REF.format(name=shape.__name__)}


def complete_requests(document: Schema) -> None:
    """Writes into the document how requests are shaped, and by what they are let in."""
    components = document.setdefault("components", {})
    components.setdefault("schemas", {}).update(_shapes(components.get("schemas", {})))
    components["securitySchemes"] = _CREDENTIALS
    document["security"] = [{name: []} for name in _ANYWHERE]
    for path, operations in document.get("paths", {}).items():
        for method, operation in operations.items():
            if isinstance(operation, dict) and "responses" in operation:
                _complete(path, method, operation)


def _complete(path: str, method: str, operation: Schema) -> None:
    parameters = operation.get("parameters", [])
    if _is_open(path, method):
        operation["security"] = []
    elif any(each["name"] == "ticket" for each in parameters):
        operation["security"] = [{name: []} for name in _ON_STREAMS]
        parameters = [each for each in parameters if each["name"] not in _IN_URL]
    if any(each["name"] == "wait" for each in parameters):
        parameters = [*parameters, _PREFER]
    if parameters:
        operation["parameters"] = [_parameter(path, each) for each in parameters]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        if {"type": "null"} in content["schema"].get("oneOf", []):
            operation["requestBody"]["required"] = False


def _is_open(path: str, method: str) -> bool:
    return not path.startswith("/api/") or (path.endswith("/session") and method != "get")


def _parameter(path: str, parameter: Schema) -> Schema:
    """One that is left out is not null: there is no null in a URL or a header."""
    schema = dict(parameter["schema"])
    options = schema.pop("oneOf", [])
    for option in options:
        if option != {"type": "null"}:
            schema = {**option, **schema}
    known = _PARAMETERS.get(parameter["name"], {}) if parameter["in"] == "query" else {}
    if parameter["name"] == "Idempotency-Key":
        return {**parameter, "required": True, "schema": {**schema, **_KEY}}
    if path.endswith("/pipelines") and parameter["name"] == "status":
        known = _STATUS_OF_PIPELINES
    return {**parameter, "schema": {**schema, **known}}


def _shapes(known: Schema) -> Schema:
    """The shapes of all bodies that the document knows, and of what we encode ourselves, by their names."""
    bodies = [each for each in _below(Body) if each.__name__ in known]
    _, components = msgspec.json.schema_components([*bodies, EventPage, Summary], ref_template=_REF)
    return components


def _below(base: type[Body]) -> Iterator[type[Body]]:
    for each in base.__subclasses__():
        yield each
        yield from _below(each)
