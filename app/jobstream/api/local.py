"""The rules of auth off: this machine, its own names, and nobody through a browser from elsewhere.

Without a credential the only thing between a web page and the queue is what the browser says of itself. So Host names
other than the machine's own (DNS rebinding), foreign Origins, and anything that came through a proxy are refused, and
a body must be JSON, which a plain form cannot send.
"""

from typing import Final
from urllib.parse import urlsplit

from jobstream.api.access import LOCAL, AnyConnection, method_of
from jobstream.api.problems import UnsupportedMediaType
from jobstream.domain.token import Identity
from jobstream.errors import Forbidden, SettingsError
from jobstream.settings import Settings, is_loopback

_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def check_bind(settings: Settings) -> None:
    """Raises SettingsError where auth is off and others could reach the server."""
    if settings.auth == "off" and not settings.is_loopback:
        raise SettingsError(
            [f"JOBSTREAM_AUTH off is only for loopback addresses, and JOBSTREAM_HOST is {settings.host}"]
        )


async def authenticate_locally(connection: AnyConnection, *, query: bool) -> Identity:  # noqa: ARG001
    """Everybody on this machine is `local`, with every scope. Raises Forbidden for everybody else."""
    check_local(connection)
    check_json(connection)
    return LOCAL


def check_local(connection: AnyConnection) -> None:
    """Raises Forbidden for what came, or may have come, from elsewhere."""
    if connection.client is not None and not is_loopback(connection.client.host):
        raise Forbidden("auth is off: only this machine is served")
    host = connection.headers.get("host", "")
    if _name_of(host) not in _NAMES:
        raise Forbidden("auth is off: the Host must be localhost, 127.0.0.1 or [::1]")
    origin = connection.headers.get("origin")
    if origin is not None and origin.lower() != f"{connection.url.scheme}://{host}".lower():
        raise Forbidden("auth is off: requests from other origins are refused")
    if any(name == "forwarded" or name.startswith("x-forwarded-") for name in connection.headers):
        raise Forbidden("auth is off: requests through a proxy are refused")


def check_json(connection: AnyConnection) -> None:
    """Raises UnsupportedMediaType for a write whose body does not say that it is JSON."""
    if method_of(connection) in _SAFE or not _has_body(connection):
        return
    media_type = connection.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaType("send the body as application/json")


def _has_body(connection: AnyConnection) -> bool:
    length = connection.headers.get("content-length", "0").strip()
    return length != "0" or "transfer-encoding" in connection.headers or "content-type" in connection.headers


def _name_of(host: str) -> str:
    try:
        parts = urlsplit(f"//{host}")
        parts.port  # noqa: B018  (raises for what is no port)
    except ValueError:
        return ""
    if parts.username is not None or parts.path or parts.query or parts.fragment:
        return ""
    name = (parts.hostname or "").lower()
    return f"[{name}]" if ":" in name else name
