"""Access tokens. No cache: a revocation counts at once."""

from collections.abc import Sequence
from datetime import datetime

from jobstream.domain.token import Identity, TokenInfo
from jobstream.store.pool import Database


class TokenStore:
    """Authenticate, create, list and revoke."""

    def __init__(self, db: Database) -> None:
        """Statements run on `db`."""
        self._db = db

    async def authenticate(self, token: str) -> Identity:
        """Whom the token stands for. Raises Unauthorized when it is unknown, expired or revoked."""
        raise NotImplementedError

    async def is_valid(self, token_id: str) -> bool:
        """Whether the token with that id still counts: what an open stream asks once a second."""
        raise NotImplementedError

    async def create(
        self,
        principal: str,
        scopes: Sequence[str],
        *,
        expires_at: datetime | None = None,
        queues: Sequence[str] | None = None,
    ) -> str:
        """The new token's text: the only time it is shown. Raises InvalidArgument."""
        raise NotImplementedError

    async def list(self) -> list[TokenInfo]:
        """All tokens, the newest first, without their secrets."""
        raise NotImplementedError

    async def revoke(self, id: str) -> None:
        """Ends the token. Raises NotFound."""
        raise NotImplementedError

    async def secret_key(self) -> str:
        """The database's own secret for signing tickets, made once."""
        raise NotImplementedError
