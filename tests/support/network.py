"""Ports for servers under test."""

import socket


def free_port() -> int:
    """Return a TCP port on 127.0.0.1 that nobody has just now. Prefer `--port 0` and the printed address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
