"""`JobStreamPlugin`: API, streams and dashboard in an application of Litestar's (contract §7)."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Response, route
from litestar.config.app import AppConfig
from litestar.di import Provide
from litestar.exceptions import ImproperlyConfiguredException
from litestar.plugins import InitPlugin
from litestar.types import ASGIApp, Guard, Receive, Scope, Send

from jobstream.api.embedding import Embedded, checked_prefix
from jobstream.api.hosts import IdentifyCaller, Principal
from jobstream.api.mounting import Mount, below_prefix
from jobstream.client import Client
from jobstream.settings import Settings, load_settings

__all__ = ["JobStreamPlugin", "Principal"]


class JobStreamPlugin(InitPlugin):
    """Puts jobstream under `path`, starts and stops it with the application.

    Your guards stand before every request below the path, and `principal` says who it is by your own users: it is given
    the connection as your guards see it, and may be async. Where it says None, and without it, our own tokens count.
    Handlers get a client by the name of `client_name`: `job_client: NamedDependency[Client]`.
    """

    def __init__(
        self,
        path: str = "/jobstream",
        *,
        url: str | None = None,
        principal: IdentifyCaller | None = None,
        guards: Sequence[Guard] = (),
        client_name: str = "job_client",
        settings: Settings | None = None,
    ) -> None:
        """As `jobstream.asgi`: the URL, else JOBSTREAM_DATABASE_URL. Raises SettingsError, ValueError.

        A `client_name` that is taken is Litestar's ImproperlyConfiguredException.
        """
        self.path = checked_prefix(path)
        self._guards = list(guards)
        self._client_name = client_name
        self._root = self.path
        self._embedded = Embedded(
            settings or load_settings(os.environ, database_url=url), principal=principal
        )

    @property
    def client(self) -> Client:
        """A client on the same connections. Raises RuntimeError before the application has started."""
        return self._embedded.client

    def drain(self) -> None:
        """End open streams: for servers that stop without a signal."""
        self._embedded.drain()

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Litestar calls this."""
        self._root = checked_prefix(f"{app_config.path or ''}/{self.path}".replace("//", "/"))
        app_config.lifespan.append(self._lifespan)
        app_config.route_handlers.append(self._handler())
        if self._client_name in app_config.dependencies:
            raise ImproperlyConfiguredException(f"{self._client_name!r} is taken: give another `client_name`")
        app_config.dependencies[self._client_name] = Provide(self._provide_client, sync_to_thread=False)
        return app_config

    @asynccontextmanager
    async def _lifespan(self, app: Litestar) -> AsyncIterator[None]:
        async with self._embedded.lifespan(app):
            yield

    def _provide_client(self) -> Client:
        return self.client

    def _handler(self) -> Any:
        # A mount would also take what only begins like our path: /queues for one at /queue. The host's CSRF tokens are
        # nothing that our callers have; compressed streams would be work for nothing.
        @route(
            [self.path or "/", f"{self.path}/{{rest:path}}"],
            http_method=["GET", "POST", "PUT", "PATCH", "DELETE"],
            guards=self._guards,
            include_in_schema=False,
            dto=None,
            return_dto=None,
            exclude_from_csrf=True,
            exclude_from_compression=True,
        )
        async def jobstream() -> Response[Any]:
            return _PassedOn(self._serve)

        return jobstream

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The root path is what stands before the host's own paths.
        outside = scope.get("root_path", "").rstrip("/")
        local = below_prefix(scope["path"], self._root)
        if not local:
            # Litestar has taken away the slash that relative links depend on, if there was one.
            local = "" if scope.get("raw_path", b"/")[-1:] != b"/" else "/"
        await self._embedded.serve(Mount.at(outside + self._root, local), scope, receive, send)


class _PassedOn(Response[Any]):
    """The answer that our own application gives."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(None)
        self._app = app

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        return self._app
