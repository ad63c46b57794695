"""API, streams and dashboard as a guest in somebody else's application, under any prefix (contract §7).

A host passes requests on; `Embedded` finds out where it was put, which frameworks say in different ways, and keeps
what the host left in the scope away from our own application. What runs beside the requests (pool, listener, hub,
maintenance) lives in `Embedded.lifespan`: servers start it where they see us, and hosts that pass no lifespan on to
what they mount have to.
"""

import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from litestar import Litestar
from litestar.types import Receive, Scope, Send

from jobstream.api.app import app_for
from jobstream.api.hosts import HostAuthenticator, IdentifyCaller
from jobstream.api.leaving import draining_on_signals
from jobstream.api.mounting import Mount, scope_within
from jobstream.api.services import Services, running
from jobstream.client import Client
from jobstream.settings import Settings, load_settings

_NOT_STARTED: Final = (
    "jobstream is mounted but was not started: this host passes no lifespan on to what it mounts. Give it ours, "
    "`FastAPI(lifespan=jobs.lifespan)`, or enter it in yours: `async with jobs.lifespan(): yield`"
)
_log = logging.getLogger("jobstream.api")

AnyASGIApp = Callable[[Any, Any, Any], Awaitable[None]]


def asgi(
    url: str | None = None,
    *,
    prefix: str = "",
    principal: IdentifyCaller | None = None,
    otherwise: AnyASGIApp | None = None,
    settings: Settings | None = None,
) -> "Embedded":
    """The whole of HTTP as one ASGI application: to serve alone, or to mount in FastAPI, Starlette, Django.

    `url`: the database, else JOBSTREAM_DATABASE_URL; the other settings come from the environment, unless `settings`
    are given. `principal` says who sends a request; where it says None, and without it, our own tokens count.
    `prefix` is for hosts that mount nothing: what lies below it is ours, the rest goes to `otherwise`, else it is a 404.
    Raises SettingsError.
    """
    chosen = settings or load_settings(os.environ, database_url=url)
    return Embedded(chosen, prefix=prefix, principal=principal, otherwise=otherwise)


class Embedded:
    """An ASGI application. `lifespan` is entered once at a time, by the server or by the host."""

    def __init__(
        self,
        settings: Settings,
        *,
        prefix: str = "",
        principal: IdentifyCaller | None = None,
        otherwise: AnyASGIApp | None = None,
    ) -> None:
        """Nothing runs yet."""
        self._settings = settings
        self._prefix = checked_prefix(prefix)
        self._principal = principal
        self._otherwise = otherwise
        self._running: tuple[Litestar, Services, Client] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """As ASGI has it; frameworks type it in ways that exclude each other."""
        kind: str = scope["type"]
        if kind == "lifespan":
            await self._live(receive, send)
            return
        mount = Mount.of(scope, self._prefix)
        if mount is None:
            await self._pass_on(kind, scope, receive, send)
        elif kind == "http":
            await self.serve(mount, scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000, "reason": ""})

    async def serve(self, mount: Mount, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that was found to be ours."""
        if self._running is None:
            _log.error(_NOT_STARTED)
            await _answer(send, 503, b"jobstream was not started; the server's log says why\n")
        elif mount.lacks_slash:
            await _answer(send, 308, b"", (b"location", mount.with_slash(scope)))
        else:
            inner, receive = scope_within(scope, mount, receive)
            await self._running[0](inner, receive, send)

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncIterator[None]:
        """What runs as long as the host does; a host's own `lifespan=` takes it as it is.

        On SIGTERM and SIGINT open streams are ended, so that the host's server has nothing to wait for.
        Raises SettingsError, DatabaseUnavailable, SchemaOutdated; RuntimeError where it is entered already.
        """
        if self._running is not None:
            raise RuntimeError("jobstream was started already: its lifespan is entered twice")
        async with (
            running(self._settings) as services,
            Client.over(services.database, listener=services.listener) as client,
        ):
            if self._principal is not None:
                services.authenticate = HostAuthenticator(self._principal, otherwise=services.authenticate)
            self._running = app_for(services), services, client
            try:
                with draining_on_signals(services.drain):
                    yield
            finally:
                self._running = None

    @property
    def client(self) -> Client:
        """A client on the same connections, to enqueue from the host's own code. Raises RuntimeError before the start."""
        return self._started()[2]

    def drain(self) -> None:
        """End open streams one after the other and answer no more `ready`: for servers that stop without a signal."""
        self._started()[1].drain()

    def _started(self) -> tuple[Litestar, Services, Client]:
        if self._running is None:
            raise RuntimeError(_NOT_STARTED)
        return self._running

    async def _pass_on(self, kind: str, scope: Scope, receive: Receive, send: Send) -> None:
        if self._otherwise is not None:
            await self._otherwise(scope, receive, send)
        elif kind == "http":
            await _answer(send, 404, b"there is nothing here\n")
        else:
            await send({"type": "websocket.close", "code": 1000, "reason": ""})

    async def _live(self, receive: Any, send: Any) -> None:
        """The server's lifespan, for as long as it has one."""
        await receive()
        entered = False
        try:
            async with self.lifespan():
                entered = True
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except Exception as error:  # noqa: BLE001  (told to the server, which ends with it)
            _log.exception("jobstream %s", "stopped badly" if entered else "could not be started")
            stage = "shutdown" if entered else "startup"
            await send({"type": f"lifespan.{stage}.failed", "message": str(error)})
        else:
            await send({"type": "lifespan.shutdown.complete"})


def checked_prefix(prefix: str) -> str:
    """The prefix as `/a/b`, nothing for the root. Raises ValueError for what is no path."""
    found = prefix.strip("/")
    if any(sign in found for sign in "?#{}% ") or "//" in found:
        raise ValueError(f"a prefix is a plain path such as /queue, not {prefix!r}")
    return f"/{found}" if found else ""


async def _answer(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    plain = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": [*plain, *headers]})
    await send({"type": "http.response.body", "body": body, "more_body": False})
