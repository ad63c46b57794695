"""Callers whom the host knows: its users, sessions and keys instead of our tokens."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from litestar.connection import ASGIConnection
from msgspec import Struct

from jobstream.api.access import AnyConnection, Authenticator, method_of, signed_in_from_here
from jobstream.api.mounting import HOST
from jobstream.domain.token import SCOPES, Identity

_LONGEST: Final = 256


class Principal(Struct, frozen=True):
    """Whoever sends a request, as the host knows them.

    `name` is what events say in `by`, and the owner of what they make; give `owner` where several people share their
    jobs. `scopes`: read, write, work, operate, admin. `queues` limits `work`; None for no limit.
    """

    name: str
    scopes: tuple[str, ...] = ("read", "write")
    owner: str | None = None
    queues: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= _LONGEST:
            raise ValueError(f"a principal's name has 1 to {_LONGEST} characters")
        if unknown := [scope for scope in self.scopes if scope not in SCOPES]:
            raise ValueError(f"{unknown[0]!r} is no scope; these are: {', '.join(SCOPES)}")


IdentifyCaller: TypeAlias = Callable[[AnyConnection], Principal | Awaitable[Principal | None] | None]
"""Says who sends a request; None for nobody it knows. `connection.scope` is the host's, as it was passed on.

May raise `jobstream.errors.Forbidden` or `Unauthorized`, or Litestar's HTTP exceptions.
"""


class HostAuthenticator:
    """Asks the host first, then whoever was asked before."""

    def __init__(self, identify: IdentifyCaller, *, otherwise: Authenticator) -> None:
        """`otherwise` knows our own tokens."""
        self._identify = identify
        self._otherwise = otherwise

    async def __call__(self, connection: AnyConnection, *, query: bool) -> Identity:
        """Whom the request stands for. Raises Unauthorized, Forbidden."""
        found = self._identify(ASGIConnection(connection.scope[HOST]))  # type: ignore[typeddict-item]
        principal = await found if inspect.isawaitable(found) else found
        if principal is None:
            return await self._otherwise(connection, query=query)
        _check_intent(connection)
        return Identity(
            id="",
            principal=principal.name,
            # In one order: whether it is still the same is asked by comparing.
            scopes=tuple(sorted(set(principal.scopes))),
            queues=None if principal.queues is None else tuple(sorted(set(principal.queues))),
            expires_at=None,
            owner=principal.owner,
        )


def _check_intent(connection: AnyConnection) -> None:
    """Raises Forbidden for a write that a page of another site may have had a browser send along with the host's cookie.

    A browser asks before it sends JSON, a header of ours or any method but POST to another site, and the host's CORS
    rules have answered; only what a plain form can send comes unasked.
    """
    media_type = connection.headers.get("content-type", "").partition(";")[0].strip().lower()
    asked = media_type == "application/json" or "authorization" in connection.headers
    if method_of(connection) == "POST" and not asked:
        signed_in_from_here(connection)
