"""Problem documents (RFC 9457) as the errors that they stand for."""

import re
from typing import Any, Final

import httpx
import msgspec
from msgspec import Struct

from jobstream import errors
from jobstream.errors import ErrorDetail, JobStreamError

_URN: Final = "urn:jobstream:problem:"
_BY_NAME: Final[dict[str, type[JobStreamError]]] = {
    "invalid": errors.InvalidArgument,
    "not-found": errors.NotFound,
    "conflict": errors.Conflict,
    "lease-lost": errors.LeaseLost,
    "key-reused": errors.KeyReused,
    "idempotency-key-busy": errors.KeyBusy,
    "unauthorized": errors.Unauthorized,
    "forbidden": errors.Forbidden,
    "too-large": errors.TooLarge,
    "rate-limited": errors.RateLimited,
}
_BY_STATUS: Final[dict[int, type[JobStreamError]]] = {
    400: errors.InvalidArgument,
    401: errors.Unauthorized,
    403: errors.Forbidden,
    404: errors.NotFound,
    409: errors.Conflict,
    413: errors.TooLarge,
    422: errors.KeyReused,
    429: errors.RateLimited,
}
_ITEM: Final = re.compile(r"/items/([0-9]{1,6})(?:/|\Z)")


class _Fault(Struct):
    pointer: str | None = None
    detail: str = ""


class _Problem(Struct):
    type: str = ""
    detail: str = ""
    title: str = ""
    errors: list[_Fault] = []
    job_id: str | None = None


def error_of(response: httpx.Response) -> JobStreamError:
    """The error that an answer means; DatabaseUnavailable for what passes by itself."""
    try:
        problem = msgspec.json.decode(response.content, type=_Problem)
    except msgspec.MsgspecError:
        problem = _Problem()
    kind = _BY_NAME.get(problem.type.removeprefix(_URN)) or _BY_STATUS.get(response.status_code)
    message = problem.detail or problem.title
    # A proxy, a server of something else, a wrong path.
    if not problem.type.startswith(_URN) or message in ("", response.reason_phrase):
        place = response.url.copy_with(query=None, username=None, password=None)
        answer = f"{place} answered {response.status_code} {response.reason_phrase}"
        message = answer if message in ("", response.reason_phrase) else f"{answer}: {message}"
    if kind is None:
        return errors.DatabaseUnavailable(message)
    options: dict[str, Any] = {}
    if kind is errors.RateLimited:
        after = response.headers.get("Retry-After", "")
        return errors.RateLimited(message, retry_after=float(after) if after.isdigit() else 1.0)
    if problem.errors or problem.job_id:
        options["detail"] = _detail(problem)
    return kind(message, **options)


def _detail(problem: _Problem) -> ErrorDetail:
    pointer = next((fault.pointer for fault in problem.errors if fault.pointer), None)
    item = _ITEM.match(pointer or "")
    ordinal = int(item[1]) + 1 if item else None
    return ErrorDetail(ordinal=ordinal, id=problem.job_id, pointer=pointer)
