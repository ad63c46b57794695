"""The server of `jobstream serve`: uvicorn, told what it cannot know by itself.

No server tells open streams that a shutdown began. Here a signal first starts the drain: readiness falls, streams end
one after the other, new requests are still served. When the last stream is gone, or the window is over, the socket
closes, what is in flight ends, and the process exits. A second signal ends it at once.
"""

import asyncio
import gc
import resource
import signal
import socket
import struct
from collections.abc import Callable
from types import FrameType
from typing import Final

import uvicorn
from litestar import Litestar
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from jobstream.api.access_log import configure as configure_access_log
from jobstream.api.app import app_for
from jobstream.api.services import Services, running
from jobstream.api.streams.response import EXTENSION
from jobstream.settings import Settings

Announce = Callable[[str], None]
_UNSENT_LIMIT: Final[int | None] = getattr(socket, "TCP_NOTSENT_LOWAT", None)
_KERNEL_HOLDS: Final = 128 * 1024
"""Bytes unsent, of one stream. What is on its way is not counted, so a distant client is as fast as ever."""
_LAST_REQUESTS: Final = 2.0
"""Seconds for requests in flight once the streams are gone."""
_FILES: Final = 65_536
_HEAD_SECONDS: Final = 20.0
_LONGEST_HEAD: Final = 64 * 1024
_HEAD_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)


async def serve(settings: Settings, *, announce: Announce) -> signal.Signals | None:
    """Serve until a signal, which is returned; None if it ended otherwise.

    `announce` is told the address once requests are answered. Raises SettingsError, DatabaseUnavailable,
    SchemaOutdated, OSError (the address is taken) before that.
    """
    raise_file_limit()
    async with running(settings) as services:
        return await serve_with(services, announce=announce)


async def serve_with(services: Services, *, announce: Announce) -> signal.Signals | None:
    """As `serve`, with services that somebody else keeps running."""
    settings = services.settings
    _spare_long_lives()
    # Bound here, so that a taken port is an error of ours and not an exit from within uvicorn.
    listening = bind(settings.host, settings.port)
    try:
        server = Server(services, app=app_for(services), announce=lambda: announce(address_of(listening)))
        await server.serve(sockets=[listening])
    finally:
        listening.close()
    return server.stopped_by


def raise_file_limit() -> None:
    """Each stream is an open file, and the usual limit of 1,024 is there for programs that use select()."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _spare_long_lives() -> None:
    """Thousands of streams are objects that live long. To look through them again and again for garbage took 9 % of a
    delivery [measured], and everything stood still for as long as each look took.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


class Protocol(HttpToolsProtocol):
    """HTTP/1.1, with the connection within reach of the streams that run on it.

    A request's head must come within a time and a size, of which the parser knows nothing.
    """

    _in_head = True
    _head_size = 0
    _head_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._stop_expecting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some of a request, or of several."""
        if self._in_head:
            self._head_size += len(data)
        super().data_received(data)
        if self._in_head and self._head_size > _LONGEST_HEAD and not self.transport.is_closing():
            self.transport.write(_HEAD_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._expect_head()
        self.scope["extensions"] = {EXTENSION: self}  # type: ignore[dict-item]

    def on_headers_complete(self) -> None:
        """Its head is there."""
        self._in_head = False
        self._stop_expecting()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of it is there; the next may follow."""
        super().on_message_complete()
        self._in_head, self._head_size = True, 0

    def _expect_head(self) -> None:
        if self._head_due is None:
            self._head_due = self.loop.call_later(_HEAD_SECONDS, self.transport.close)

    def _stop_expecting(self) -> None:
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None

    def pass_on(self, piece: bytes) -> bool:
        """Write a piece of the answer that is under way, if nothing is in its way: what `send` would do, without a task."""
        cycle = self.cycle
        if (
            self.pipeline
            or not cycle.chunked_encoding
            or cycle.response_complete
            or cycle.disconnected
            or self.transport.is_closing()
            or self.transport.get_write_buffer_size()
        ):
            return False
        self.transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        return True

    def unsent(self) -> int:
        """Bytes that the client has yet to take."""
        return int(self.transport.get_write_buffer_size())

    def spare(self) -> None:
        """Have the kernel hold little that the client has not asked for yet: it would take 4 MB from us [measured]."""
        if _UNSENT_LIMIT is not None and (connected := self._socket()) is not None:
            connected.setsockopt(socket.IPPROTO_TCP, _UNSENT_LIMIT, _KERNEL_HOLDS)

    def abort(self) -> None:
        """Drop the connection with everything unsent, in the kernel too."""
        if (connected := self._socket()) is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _socket(self) -> socket.socket | None:
        found = self.transport.get_extra_info("socket")
        return found if found is not None and found.family in (socket.AF_INET, socket.AF_INET6) else None


class Server(uvicorn.Server):
    """A uvicorn server whose exit begins with a drain."""

    def __init__(self, services: Services, *, app: Litestar, announce: Callable[[], None]) -> None:
        """`serve` runs it; `announce` is called once requests are answered."""
        self._services = services
        self._announce = announce
        self.stopped_by: signal.Signals | None = None
        super().__init__(
            uvicorn.Config(
                app,
                http=Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=True,
                # Who the client is comes from the connection, never from a header that anybody can send.
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=round(_LAST_REQUESTS),
            )
        )
        configure_access_log()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self._announce()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal begins the drain, a second one ends it."""
        if self.stopped_by is None:
            self.stopped_by = signal.Signals(sig)
            # A signal may come in the middle of anything, the loop's own work included.
            self._loop.call_soon_threadsafe(self._services.drain)
        else:
            self.should_exit = self.force_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Every 0.1 s: whether to stop."""
        if self.stopped_by is not None and self._drained():
            self.should_exit = True
        return await super().on_tick(counter)

    def _drained(self) -> bool:
        return self._services.drained


def bind(host: str, port: int) -> socket.socket:
    """A socket for a server, not yet listening; port 0 takes any free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host.strip("[]"), port))
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening


def address_of(listening: socket.socket) -> str:
    """The URL under which a socket is reached."""
    host, port, *_ = listening.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
