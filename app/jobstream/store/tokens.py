"""Access tokens. No cache: a revocation counts at once."""

import builtins
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from jobstream.domain.token import Identity, TokenInfo
from jobstream.errors import Unauthorized
from jobstream.store.pool import Database

_MOST: Final = 256
_AUTHENTICATE: Final = """
select a.id, a.principal, a.scopes, a.queues, a.expires_at
from jobstream.authenticate($1::text) as a
"""
_VALID: Final = """
select t.id
from jobstream.tokens as t
where t.id = any ($1::text[])
    and t.revoked_at is null
    and (t.expires_at is null or t.expires_at > jobstream.clock())
"""
_CREATE: Final = "select jobstream.create_token($1::text, $2::text[], $3::timestamptz, $4::text[])"
_LIST: Final = """
select t.id, t.principal, t.scopes, t.queues, t.created_at, t.expires_at, t.last_used_at, t.revoked_at
from jobstream.tokens as t
order by t.id desc
"""


class TokenStore:
    """Authenticate, create, list and revoke."""

    def __init__(self, db: Database) -> None:
        """Statements run on `db`."""
        self._db = db

    async def authenticate(self, token: str) -> Identity:
        """Whom the token stands for. Raises Unauthorized when it is unknown, expired or revoked."""
        # What could not be a token is not sent: NUL characters or megabytes are no question for the database.
        sound = len(token) <= _MOST and token.isascii() and token.isprintable()
        row = await self._db.fetchrow(_AUTHENTICATE, token) if sound else None
        if row is None:
            raise Unauthorized("this token is unknown, expired or revoked")
        return Identity(
            id=row["id"],
            principal=row["principal"],
            scopes=tuple(row["scopes"]),
            queues=None if row["queues"] is None else tuple(row["queues"]),
            expires_at=row["expires_at"],
        )

    async def valid(self, ids: Sequence[str]) -> frozenset[str]:
        """Those of the tokens that still count: what open streams ask once a second. Notes no use."""
        return frozenset(row["id"] for row in await self._db.fetch(_VALID, list(ids)))

    async def create(
        self,
        principal: str,
        scopes: Sequence[str],
        *,
        expires_at: datetime | None = None,
        queues: Sequence[str] | None = None,
    ) -> str:
        """The new token's text: the only time it is shown. Raises InvalidArgument."""
        limits = None if queues is None else list(queues)
        text: str = await self._db.fetchval(_CREATE, principal, list(scopes), expires_at, limits)
        return text

    async def list(self) -> builtins.list[TokenInfo]:
        """All tokens, the newest first, without their secrets."""
        return [TokenInfo(**row) for row in await self._db.fetch(_LIST)]

    async def revoke(self, id: str) -> None:
        """Ends the token. Raises NotFound."""
        await self._db.fetch("select jobstream.revoke_token($1::text)", id)

    async def secret_key(self) -> str:
        """The database's own secret for signing tickets, made once."""
        key: str = await self._db.fetchval("select jobstream.secret_key()")
        return key
