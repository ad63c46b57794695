"""What handlers ask for by name."""

import re
from typing import Annotated, Any, Final

from litestar import Request
from litestar.di import NamedDependency, Provide
from litestar.params import HeaderParameter, PathParameter, QueryParameter

from jobstream.api.access import Caller
from jobstream.api.problems import Fault, Rejected
from jobstream.api.services import Services

AnyRequest = Request[Any, Any, Any]

JobId = Annotated[
    str,
    PathParameter(
        description="The id: a ULID in upper case.",
        # For the document: what is none is refused by `read_id`, with a sentence of its own.
        schema_extra={"pattern": "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"},
    ),
]
Limit = Annotated[
    str | None, QueryParameter(name="limit", description="Items a page: clamped to 1 to 200; default 50.")
]
ListCursor = Annotated[
    str | None, QueryParameter(name="cursor", description="`next_cursor` of the page before.")
]


Shared = NamedDependency[Services]
By = NamedDependency[Caller]
Key = NamedDependency[str]

_KEY: Final = re.compile(r"[!-~]{1,256}\Z")
_KEY_IS: Final = "1 to 256 visible ASCII characters"


def provide_services(request: AnyRequest) -> Services:
    """The process's collaborators."""
    services: Services = request.app.state.jobstream
    return services


def provide_caller(request: AnyRequest) -> Caller:
    """Whoever the guard let in."""
    caller: Caller = request.user
    return caller


def provide_key(
    request: AnyRequest,
    idempotency_key: Annotated[  # noqa: ARG001  (for the document: twice is not once, and that it does not tell)
        str | None,
        HeaderParameter(
            name="Idempotency-Key",
            description=f"{_KEY_IS}. The same key with the same request makes nothing new.",
        ),
    ] = None,
) -> str:
    """The key of a request that makes something, as it stands. Raises Rejected."""
    header = "Idempotency-Key"
    found: list[str] = request.headers.getall(header, [])
    if len(found) != 1 or not _KEY.match(found[0]):
        raise Rejected(f"{header}: needed once, {_KEY_IS}", Fault(header=header, detail=f"{_KEY_IS}, once"))
    return found[0]


COMMON = {
    "services": Provide(provide_services, sync_to_thread=False),
    "caller": Provide(provide_caller, sync_to_thread=False),
    "key": Provide(provide_key, sync_to_thread=False),
}
