"""A reverse proxy that serves a site under a prefix, as many put it: it takes the prefix away and passes bytes on."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

PREFIX = "/tools/queue"
_HOP = {"connection", "transfer-encoding", "keep-alive", "content-length", "content-encoding"}


class Proxy(ThreadingHTTPServer):
    """Passes on to `target`."""

    daemon_threads = True

    def __init__(self, port: int, target: str) -> None:
        self.target = target.rstrip("/")
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        self._pass()

    def do_POST(self) -> None:
        self._pass()

    def _pass(self) -> None:
        assert isinstance(self.server, Proxy)
        if not self.path.startswith(f"{PREFIX}/"):
            self.send_error(404)
            return
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        url = self.server.target + self.path.removeprefix(PREFIX)
        timeout = httpx.Timeout(10, read=None)
        try:
            with httpx.stream(self.command, url, headers=headers, content=body, timeout=timeout) as answer:
                self._answer(answer)
        except (httpx.HTTPError, OSError):
            self.close_connection = True

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
