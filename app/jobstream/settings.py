"""Settings: contract §6, read once by the entry point and handed down.

Unset is not default: a field is None where nobody set it, and whoever composes the process decides what that means.
"""

from collections.abc import Mapping
from typing import Any, Literal

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
    url: str | None = None
    token: str | None = None


def load_settings(environ: Mapping[str, str], **overrides: Any) -> Settings:
    """The settings of an environment (`JOBSTREAM_…`), with the overrides that are not None put over it.

    Raises SettingsError with every fault at once.
    """
    raise NotImplementedError
