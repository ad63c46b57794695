"""Ports that cannot be had, in words."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from jobstream.cli.exits import CommandFailed
from jobstream.settings import Settings


@contextmanager
def explained(settings: Settings) -> Iterator[None]:
    """Raises CommandFailed for an address that cannot be listened on, with what to do about it."""
    try:
        yield
    except OSError as error:
        place = f"{settings.host}:{settings.port}"
        match error.errno:
            case errno.EADDRINUSE:
                raise CommandFailed(f"{place} is taken; --port 0 takes any free one") from error
            case errno.EACCES:
                raise CommandFailed(
                    f"{place} may not be used by this user; ports below 1024 are root's"
                ) from error
            case errno.EADDRNOTAVAIL:
                raise CommandFailed(f"{settings.host} is no address of this machine") from error
            case _:
                raise
