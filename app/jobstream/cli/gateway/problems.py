"""Answers of the HTTP server that are no success, as the errors that the database would have raised."""

import httpx
import msgspec

from jobstream.cli.exits import CommandFailed
from jobstream.errors import (
    Conflict,
    Forbidden,
    InvalidArgument,
    JobStreamError,
    KeyBusy,
    KeyReused,
    LeaseLost,
    NotFound,
    RateLimited,
    TooLarge,
    Unauthorized,
)

URN = "urn:jobstream:problem:"
_ERRORS: dict[str, type[JobStreamError]] = {
    "invalid": InvalidArgument,
    "not-found": NotFound,
    "conflict": Conflict,
    "lease-lost": LeaseLost,
    "key-reused": KeyReused,
    "idempotency-key-busy": KeyBusy,
    "unauthorized": Unauthorized,
    "forbidden": Forbidden,
    "too-large": TooLarge,
    "rate-limited": RateLimited,
}


class _Fault(msgspec.Struct):
    pointer: str = ""
    detail: str = ""


class _Problem(msgspec.Struct):
    type: str = ""
    title: str = ""
    detail: str | None = None
    errors: list[_Fault] = []


def error_of(response: httpx.Response) -> Exception:
    """The error that stands for this answer; its body must have been read."""
    try:
        problem = msgspec.json.decode(response.content, type=_Problem)
    except msgspec.MsgspecError:
        problem = _Problem()
    error = _ERRORS.get(problem.type.removeprefix(URN))
    if error is None:
        place, said = response.url.copy_with(query=None), _sentence(problem)
        answer = f"{place} answered {response.status_code} {response.reason_phrase}"
        return CommandFailed(f"{answer}: {said}" if said else answer)
    return error(_sentence(problem))


def _sentence(problem: _Problem) -> str:
    faults = "; ".join(f"{fault.pointer} {fault.detail}".strip() for fault in problem.errors)
    summary = problem.detail or problem.title
    if faults and faults not in summary:
        return f"{summary.rstrip('.')}: {faults}"
    return summary
