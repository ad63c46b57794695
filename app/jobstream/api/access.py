"""Who may do what (contract §2): the caller behind a request, the scope that a route needs, whose jobs are whose.

A route names its scope in its `opt`; one that names none is closed to everybody, so that forgetting it opens nothing.
Ownership is never checked here: `Caller.owner` goes into the statements themselves.
"""

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Final, Protocol

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from msgspec import Struct

from jobstream.api.mounting import HOST
from jobstream.api.problems import Fault, Rejected
from jobstream.domain.ticket import Ticket
from jobstream.domain.token import SCOPES, Identity
from jobstream.errors import Forbidden, Unauthorized

AnyConnection = ASGIConnection[Any, Any, Any, Any]

LOCAL: Final = Identity(id="", principal="local", scopes=SCOPES, queues=None, expires_at=None)
"""Who everybody is with auth off."""

SESSION_COOKIE: Final = "jobstream_session"
"""Where the dashboard's token is: HttpOnly, SameSite=Strict."""

_IN_QUERY: Final = Fault(parameter="owner", detail="takes `operate`")
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_SCOPE: Final = "jobstream.scope"
_OPEN: Final = "open"


class Caller(Struct, frozen=True):
    """Whoever sent a request, and the ticket by which that was said, which bounds what may be followed."""

    identity: Identity
    ticket: Ticket | None = None
    seconds: float | None = None
    """How long the ticket lasts yet."""
    again: Callable[[], Awaitable[Identity]] | None = None
    """Asks who sent the request once more, where nobody tells us when that ends."""

    @property
    def principal(self) -> str:
        """What events say in `by`."""
        return self.identity.principal

    @property
    def owner(self) -> str | None:
        """The owner to whose jobs the caller is confined; None for all jobs."""
        return None if self.operates else self.own

    @property
    def own(self) -> str:
        """Who owns what the caller makes."""
        return self.identity.principal if self.identity.owner is None else self.identity.owner

    @property
    def operates(self) -> bool:
        """Whether the caller may do everything on every job."""
        return self.identity.has("operate")

    def owner_for(self, owner: str | None, *, place: Fault) -> str:
        """Who will own what the caller makes."""
        if owner is None:
            return self.own
        self._refuse_others((owner,), place)
        return owner

    def owners_among(self, owners: Iterable[str], *, place: Fault = _IN_QUERY) -> tuple[str, ...]:
        """Whose jobs a filter is about: those it names, if the caller may see them; nobody named: all it may see."""
        named = tuple(owners)
        self._refuse_others(named, place)
        return named or (() if self.operates else (self.own,))

    def check_queues(self, queues: Iterable[str]) -> None:
        """Raises Forbidden for a queue that the credential does not reach."""
        reach = self.identity.queues
        beyond = [] if reach is None else [queue for queue in queues if queue not in reach]
        if beyond:
            raise Forbidden(f"the credential does not reach the queue {beyond[0]}")

    def _refuse_others(self, owners: Iterable[str], place: Fault) -> None:
        if not self.operates and any(owner != self.own for owner in owners):
            where = place.pointer or place.parameter
            raise Forbidden(f"{where}: another owner than yourself takes the scope `operate`")


class TicketClerk(Protocol):
    """Finds out who comes with a ticket."""

    async def admit(self, connection: AnyConnection, text: str, *, from_beginning: bool) -> Caller:
        """The caller behind the ticket. Raises Unauthorized; TicketOver for one that has expired."""
        ...


class Authenticator(Protocol):
    """Finds out who sends a request."""

    async def __call__(self, connection: AnyConnection, *, query: bool) -> Identity:
        """The caller's identity; `query` where the credential may stand in the URL. Raises Unauthorized."""
        ...


def needs(scope: str, *, stream: bool = False, by_name: bool = False) -> dict[str, Any]:
    """A route's `opt`: the scope it needs; a `stream` also takes its credential from the URL.

    `by_name`: it is a stream only to those who ask for `text/event-stream`.
    """
    if scope not in SCOPES:
        raise ValueError(f"{scope} is no scope")
    return {_SCOPE: scope, "jobstream.stream": stream, "jobstream.by_name": by_name}


def open_to_all(*, inside: str | None = None) -> dict[str, Any]:
    """The `opt` of a route that needs no credential; `inside` of another application it may need a scope.

    What a proxy can keep from strangers where the server is ours, it does not know of there.
    """
    return {_SCOPE: _OPEN, "jobstream.inside": inside}


def scope_of(handler: BaseRouteHandler) -> str | None:
    """The scope that a route needs; None for one that is open."""
    scope = handler.opt.get(_SCOPE)
    if scope is None:
        raise Forbidden("this route is closed")
    return None if scope == _OPEN else str(scope)


async def admit(connection: AnyConnection, handler: BaseRouteHandler) -> None:
    """The guard in front of every route: finds out who it is and whether that suffices."""
    if method_of(connection) == "OPTIONS":
        return
    scope = scope_of(handler) or (handler.opt.get("jobstream.inside") if HOST in connection.scope else None)
    if scope is None:
        return
    caller = await _caller(connection, handler)
    if not caller.identity.has(scope):
        raise Forbidden(f"the credential lacks the scope `{scope}`")
    connection.scope["user"] = caller


async def _caller(connection: AnyConnection, handler: BaseRouteHandler) -> Caller:
    services = connection.app.state.jobstream
    is_stream = bool(handler.opt.get("jobstream.stream"))
    ticket = connection.query_params.get("ticket") if is_stream else None
    if ticket is None:
        authenticate: Authenticator = services.authenticate
        identity = await authenticate(connection, query=is_stream)
        again = (
            None if identity.id or identity is LOCAL else partial(authenticate, connection, query=is_stream)
        )
        return Caller(identity, again=again)
    clerk: TicketClerk = services.tickets
    return await clerk.admit(connection, str(ticket), from_beginning="id" in connection.path_params)


def method_of(connection: AnyConnection) -> str:
    """The request's method; there are no websockets here."""
    return str(connection.scope.get("method", ""))


def bearer(connection: AnyConnection, *, query: bool) -> str:
    """The token that a request bears. Raises Unauthorized without one; Rejected for one in the wrong place."""
    header = connection.headers.get("authorization")
    in_query = connection.query_params.get("token")
    if in_query is not None and not query:
        raise Rejected(
            "token: only streams take a credential from the URL",
            Fault(parameter="token", detail="send it as `Authorization: Bearer`"),
        )
    if header is not None:
        kind, _, token = header.partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise Unauthorized("send the token as `Authorization: Bearer <token>`")
        return token.strip()
    if in_query:
        return str(in_query)
    cookie = connection.cookies.get(SESSION_COOKIE)
    if cookie:
        if method_of(connection) not in _SAFE:
            signed_in_from_here(connection)
        return cookie
    raise Unauthorized("send a token as `Authorization: Bearer <token>`")


def signed_in_from_here(connection: AnyConnection) -> None:
    """Raises Forbidden for a write that a page of another site had a browser send along with the cookie.

    What the browser says of itself counts first: the Host may be one that a proxy has put there.
    """
    site = connection.headers.get("sec-fetch-site")
    origin = connection.headers.get("origin")
    if site is None:
        is_ours = origin is None or origin.partition("://")[2] == connection.headers.get("host", "")
    else:
        is_ours = site in ("same-origin", "none")
    if not is_ours:
        raise Forbidden("a write with the cookie must come from the page itself")
