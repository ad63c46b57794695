"""The response that is a stream: headers by the framework, the ASGI part by us."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from litestar import Litestar, Request, Response
from litestar.background_tasks import BackgroundTask, BackgroundTasks
from litestar.datastructures import Cookie
from litestar.enums import MediaType
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send, TypeEncodersMap

from jobstream.api.streams import blocks
from jobstream.api.streams.outlet import Connection, Outlet, Stalled, Ticker
from jobstream.errors import DatabaseUnavailable, NotFound

_log = logging.getLogger("jobstream.api")

HEADERS: Final = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}
EXTENSION: Final = "jobstream.connection"
"""Where our server leaves the `Connection` in the scope's extensions."""

Script = Callable[[Outlet], Awaitable[None]]
"""What a stream sends, from its first block to its last. It is cancelled when the client hangs up."""


class EventStream(Response[bytes]):
    """A stream of server-sent events."""

    def __init__(self, script: Script, *, ticker: Ticker, headers: dict[str, str] | None = None) -> None:
        """The script runs once the headers are sent."""
        super().__init__(
            b"", status_code=200, media_type=blocks.MEDIA_TYPE, headers={**HEADERS, **(headers or {})}
        )
        self._script = script
        self._ticker = ticker

    def to_asgi_response(
        self,
        app: Litestar | None,
        request: Request[Any, Any, Any],
        *,
        background: BackgroundTask | BackgroundTasks | None = None,
        cookies: Iterable[Cookie] | None = None,
        encoded_headers: Iterable[tuple[bytes, bytes]] | None = None,
        headers: dict[str, str] | None = None,
        is_head_response: bool = False,
        media_type: MediaType | str | None = None,
        status_code: int | None = None,
        type_encoders: "TypeEncodersMap | None" = None,
    ) -> ASGIResponse:
        """The ASGI part; what the framework would add besides headers has no place in a stream."""
        return _ASGIEventStream(
            self._script,
            self._ticker,
            connection_of(request.scope),
            headers={**(headers or {}), **self.headers},
        )


class _ASGIEventStream(ASGIResponse):
    _should_set_content_length = False

    def __init__(
        self, script: Script, ticker: Ticker, connection: Connection | None, *, headers: dict[str, str]
    ) -> None:
        super().__init__(headers=headers, media_type=blocks.MEDIA_TYPE, status_code=200)
        self._script = script
        self._ticker = ticker
        self._connection = connection

    async def send_body(self, send: Send, receive: Receive) -> None:
        outlet = Outlet(send, pace=self._ticker.pace, connection=self._connection)
        self._ticker.add(outlet)
        try:
            async with asyncio.TaskGroup() as tasks:
                watch = tasks.create_task(_until_hung_up(receive))
                await self._run(outlet)
                watch.cancel()
        except* (_HungUp, Stalled):
            pass
        finally:
            self._ticker.remove(outlet)

    async def _run(self, outlet: Outlet) -> None:
        try:
            await self._script(outlet)
        except (DatabaseUnavailable, NotFound) as error:
            # A close without `end` says: come back. Then a job that is there no more is a 404.
            _log.warning("a stream was closed: %s", error)
        await outlet.finish()


class _HungUp(Exception):
    """The client is gone."""


async def _until_hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    raise _HungUp


def connection_of(scope: Scope) -> Connection | None:
    """The connection, if the server tells of it."""
    extensions: dict[str, Any] = scope.get("extensions") or {}
    connection: Connection | None = extensions.get(EXTENSION)
    return connection
