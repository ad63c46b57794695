"""Access tokens: who the bearer is and how far the token reaches (contract §2)."""

from datetime import datetime
from typing import Final

from msgspec import Struct

SCOPES: Final = ("read", "write", "work", "operate", "admin")
"""Every scope. `operate` includes read and write."""


class Identity(Struct, frozen=True, kw_only=True):
    """Whom a valid token stands for. `queues` limits `work`; None for no limit. `owner`: None for the principal."""

    id: str
    principal: str
    scopes: tuple[str, ...]
    queues: tuple[str, ...] | None
    expires_at: datetime | None
    owner: str | None = None

    def has(self, scope: str) -> bool:
        """Whether the scope was granted, by itself or within `operate`."""
        return scope in self.scopes or (scope in ("read", "write") and "operate" in self.scopes)


class TokenInfo(Struct, frozen=True, kw_only=True):
    """A token as a list shows it: everything but the secret."""

    id: str
    principal: str
    scopes: list[str]
    queues: list[str] | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
