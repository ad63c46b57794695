"""A reverse proxy that serves a site under a prefix, as many put it: it takes the prefix away and passes bytes on.

It can have addresses of its own beside, as a product that serves its own pages has.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx

from tests.support import free_port

PREFIX = "/tools/queue"
_HOP = {"connection", "transfer-encoding", "keep-alive", "content-length", "content-encoding"}


Own = tuple[str, str]
"""What an address of its own answers: media type and text."""


@contextmanager
def product(target: str, own: Mapping[str, Callable[[], Own]]) -> Iterator[str]:
    """A product's site in front of the server: what it does not answer itself it passes on. Its origin."""
    server = Proxy(free_port(), target, "", own)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Proxy(ThreadingHTTPServer):
    """Passes on to `target`."""

    daemon_threads = True

    def __init__(
        self, port: int, target: str, prefix: str = PREFIX, own: Mapping[str, Callable[[], Own]] | None = None
    ) -> None:
        self.target = target.rstrip("/")
        self.prefix = prefix
        self.own = own or {}
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        self._pass()

    def do_POST(self) -> None:
        self._pass()

    def _pass(self) -> None:
        assert isinstance(self.server, Proxy)
        own = self.server.own.get(self.path)
        if own is not None:
            self._tell(*own())
            return
        if not self.path.startswith(f"{self.server.prefix}/"):
            self.send_error(404)
            return
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        url = self.server.target + self.path.removeprefix(self.server.prefix)
        timeout = httpx.Timeout(10, read=None)
        try:
            with httpx.stream(self.command, url, headers=headers, content=body, timeout=timeout) as answer:
                self._answer(answer)
        except (httpx.HTTPError, OSError):
            self.close_connection = True

    def _tell(self, media_type: str, text: str) -> None:
        body = text.encode()
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer(self, answer: httpx.Response) -> None:
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            if name not in _HOP:
                self.send_header(name, value)
        self.end_headers()
        for piece in answer.iter_raw():
            self.wfile.write(piece)
            self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
