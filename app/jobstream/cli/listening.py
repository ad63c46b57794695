"""Ports that cannot be had, in words."""

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from jobstream.cli.exits import CommandFailed, only_cause
from jobstream.settings import Settings


@contextmanager
def explained(settings: Settings) -> Iterator[None]:
    """Raises CommandFailed for an address that cannot be listened on, with what to do about it."""
    try:
        yield
    except Exception as error:
        cause = only_cause(error)
        remedy = _remedy(settings, cause) if isinstance(cause, OSError) else None
        if remedy is None:
            raise
        raise CommandFailed(remedy) from error


def _remedy(settings: Settings, error: OSError) -> str | None:
    if isinstance(error, socket.gaierror):
        return f"{settings.host} is no address of this machine"
    match error.errno:
        case errno.EADDRINUSE:
            return f"{settings.host}:{settings.port} is taken; --port 0 takes any free one"
        case errno.EACCES:
            return f"port {settings.port} may not be used by this user; those below 1024 are root's"
        case errno.EADDRNOTAVAIL:
            return f"{settings.host} is no address of this machine"
        case _:
            return None
