"""What handlers ask for by name."""

from typing import Annotated, Any

from litestar import Request
from litestar.di import NamedDependency, Provide
from litestar.params import HeaderParameter, PathParameter, QueryParameter

from jobstream.api.access import Caller
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
IdempotencyKey = Annotated[
    str,
    HeaderParameter(
        name="Idempotency-Key",
        pattern=r"^[!-~]{1,256}(?!\n)$",
        description="1 to 256 visible ASCII characters. The same key with the same request gives the same job.",
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


def provide_services(request: AnyRequest) -> Services:
    """The process's collaborators."""
    services: Services = request.app.state.jobstream
    return services


def provide_caller(request: AnyRequest) -> Caller:
    """Whoever the guard let in."""
    caller: Caller = request.user
    return caller


COMMON = {
    "services": Provide(provide_services, sync_to_thread=False),
    "caller": Provide(provide_caller, sync_to_thread=False),
}
