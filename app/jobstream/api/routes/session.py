"""Signing in with a token, for the dashboard: a cookie that scripts cannot read and other sites cannot send."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from litestar import Controller, Response, delete, get, post
from litestar.datastructures import Cookie
from litestar.params import JSONBody
from msgspec import Meta, Struct

from jobstream.api.access import SESSION_COOKIE, needs, open_to_all, signed_in_from_here
from jobstream.api.dependencies import AnyRequest, By, Shared
from jobstream.api.requests import Body
from jobstream.domain.token import Identity

_LONGEST: Final = 30 * 86_400


class SignIn(Body, frozen=True, kw_only=True):
    """A token."""

    token: Annotated[str, Meta(min_length=1, max_length=256)]


class Session(Struct, frozen=True, kw_only=True):
    """Who asks, and what they may do.

    `auth` is how that is known: `token`, `host` (the application around us says so), or `off`: everybody on this machine
    may do everything. `heartbeat_seconds`: how often a stream speaks at least.
    """

    principal: str
    scopes: tuple[str, ...]
    expires_at: datetime | None
    auth: str
    heartbeat_seconds: float


class SessionController(Controller):
    """`/session`."""

    path = "/session"
    tags = ("session",)

    @get("/", opt=needs("read"))
    async def show(self, services: Shared, caller: By) -> Response[Session]:
        """Who asks."""
        return Response(
            _session(services, caller.identity, _known_by(services, caller.identity)),
            headers={"Cache-Control": "no-store"},
        )

    @post("/", status_code=200, opt=open_to_all())
    async def sign_in(
        self, request: AnyRequest, services: Shared, data: JSONBody[SignIn]
    ) -> Response[Session]:
        """Keep a token in a cookie. 401 for one that does not count."""
        signed_in_from_here(request)
        if _auth(services) == "off":
            identity = await services.authenticate(request, query=False)
            return Response(_session(services, identity, "off"), headers={"Cache-Control": "no-store"})
        identity = await services.tokens.authenticate(data.token)
        return Response(
            _session(services, identity, "token"),
            headers={"Cache-Control": "no-store"},
            cookies=[_cookie(request, data.token, _age(identity))],
        )

    @delete("/", status_code=204, opt=open_to_all())
    async def sign_out(self, request: AnyRequest) -> Response[None]:
        """Take the cookie back; the token goes on to count."""
        signed_in_from_here(request)
        return Response(None, status_code=204, cookies=[_cookie(request, "", 0)])


def _auth(services: Any) -> str:
    return "off" if services.settings.auth == "off" else "token"


def _known_by(services: Any, identity: Identity) -> str:
    # A token has an id; what a host says of its users has none.
    return _auth(services) if identity.id or _auth(services) == "off" else "host"


def _session(services: Any, identity: Identity, auth: str) -> Session:
    return Session(
        principal=identity.principal,
        scopes=tuple(sorted(identity.scopes)),
        expires_at=identity.expires_at,
        auth=auth,
        heartbeat_seconds=services.settings.heartbeat_seconds,
    )


def _age(identity: Identity) -> int:
    if identity.expires_at is None:
        return _LONGEST
    return max(0, min(_LONGEST, int((identity.expires_at - datetime.now(UTC)).total_seconds())))


def _cookie(request: AnyRequest, value: str, seconds: int) -> Cookie:
    path = str(request.scope.get("root_path") or "").rstrip("/") + "/"
    return Cookie(
        key=SESSION_COOKIE,
        value=value,
        max_age=seconds,
        path=path,
        secure=_is_encrypted(request),
        httponly=True,
        samesite="strict",
    )


def _is_encrypted(request: AnyRequest) -> bool:
    """Whether the browser speaks TLS, if only with a proxy. Who claims so falsely only binds a cookie of their own to it."""
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))
