"""Settings: contract §6, read once by the entry point and handed down.

Unset is not default: a field is None where nobody set it and whoever composes the process decides what that means.
"""

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from jobstream.errors import SettingsError

Auth = Literal["token", "off"]


class Settings(Struct, frozen=True, kw_only=True):
    """What the environment and the command line said. Durations in seconds."""

    database_url: str | None = None
    listen_url: str | None = None
    auth: Auth | None = None
    secret_key: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    pool_size: int = 10
    heartbeat_seconds: float = 15.0
    event_retention_days: int | None = None
    cors_origins: tuple[str, ...] = ()
    drain_seconds: float = 10.0
    write_rate: float = 1_000.0
    """Writes a second that one principal may ask of one web process; 0 for no limit."""
    url: str | None = None
    token: str | None = None

    @property
    def is_loopback(self) -> bool:
        """Whether the host to serve on is reached from this machine only."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether that host name or address is this machine's own and no other's."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def load_settings(environ: Mapping[str, str], **overrides: Any) -> Settings:
    """The settings of an environment (`JOBSTREAM_…`), with the overrides that are not None put over it.

    An empty variable counts as unset. Raises SettingsError with every fault at once.
    """
    values: dict[str, Any] = {}
    faults = []
    for field, parse in _PARSERS.items():
        variable = f"JOBSTREAM_{field.upper()}"
        given = overrides.pop(field, None)
        text = environ.get(variable, "") if given is None else given
        if text in ("", None):
            continue
        try:
            values[field] = parse(text)
        except ValueError as error:
            faults.append(f"{variable} {error}")
    faults += [f"{name} is no setting" for name in overrides]
    if faults:
        raise SettingsError(faults)
    return msgspec.convert(values, Settings)


def _database_url(text: str) -> str:
    if urlsplit(text).scheme.partition("+")[0] not in ("postgresql", "postgres"):
        raise ValueError("must be a URL that begins with postgresql://")
    return text


def _web_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError("must be a URL that begins with http:// or https://")
    return text.rstrip("/")


def _auth(text: str) -> str:
    if text not in ("token", "off"):
        raise ValueError("must be token or off")
    return text


def _secret(text: str) -> str:
    if len(text) < 16:
        raise ValueError("must have at least 16 characters")
    return text


def _text(text: str) -> str:
    return text.strip()


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        try:
            number = int(value)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return number

    return parse


def _number(least: float, most: float, of: str) -> Callable[[Any], float]:
    def parse(value: Any) -> float:
        try:
            number = float(value)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise ValueError(f"must be {of} from {least:g} to {most:g}")
        return number

    return parse


def _origins(value: Any) -> tuple[str, ...]:
    origins = value if isinstance(value, list | tuple) else str(value).split(",")
    found = tuple(origin.strip().rstrip("/") for origin in origins if origin.strip())
    for origin in found:
        parts = urlsplit(origin)
        if origin != "*" and (parts.scheme not in ("http", "https") or not parts.netloc or parts.path):
            raise ValueError(
                f"must be origins such as https://example.org, parted by commas; {origin!r} is none"
            )
    return found


_PARSERS: Final[dict[str, Callable[[Any], Any]]] = {
    "database_url": _database_url,
    "listen_url": _database_url,
    "auth": _auth,
    "secret_key": _secret,
    "host": _text,
    "port": _whole(0, 65_535),
    "pool_size": _whole(1, 1_000),
    "heartbeat_seconds": _number(0.05, 3_600, "seconds"),
    "event_retention_days": _whole(1, 3_650),
    "cors_origins": _origins,
    "drain_seconds": _number(0, 3_600, "seconds"),
    "write_rate": _number(0, 1_000_000, "writes a second"),
    "url": _web_url,
    "token": _text,
}
