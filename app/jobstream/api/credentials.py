"""Tokens at the door and inside open streams. Nothing is remembered between requests: a revocation counts at once."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from jobstream.api.access import AnyConnection, bearer
from jobstream.api.streams.outlet import Outlet
from jobstream.domain.token import Identity
from jobstream.errors import DatabaseUnavailable
from jobstream.store.tokens import TokenStore

_EVERY: Final = 0.5
_log = logging.getLogger("jobstream.api")


class TokenAuthenticator:
    """Knows callers by their tokens."""

    def __init__(self, tokens: TokenStore) -> None:
        """Each request is one question to the database."""
        self._tokens = tokens

    async def __call__(self, connection: AnyConnection, *, query: bool) -> Identity:
        """Whom the request's token stands for. Raises Unauthorized."""
        return await self._tokens.authenticate(bearer(connection, query=query))


class CredentialWatch:
    """Ends streams whose token has ended: one question a half second for all of them together."""

    def __init__(self, tokens: TokenStore) -> None:
        """Nothing runs before `run`."""
        self._tokens = tokens
        self._outlets: defaultdict[str, dict[Outlet, None]] = defaultdict(dict)

    @contextmanager
    def watching(self, token_id: str, outlet: Outlet) -> Iterator[None]:
        """Dismiss that outlet when the token ends. Without a token there is nothing to end."""
        if not token_id:
            yield
            return
        self._outlets[token_id][outlet] = None
        try:
            yield
        finally:
            outlets = self._outlets[token_id]
            outlets.pop(outlet, None)
            if not outlets:
                del self._outlets[token_id]

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(_EVERY)
            try:
                await self.run_once()
            except DatabaseUnavailable as error:
                _log.debug("tokens of open streams not checked: %s", error)

    async def run_once(self) -> None:
        """Ask for all tokens with open streams, and dismiss what has ended."""
        asked = list(self._outlets)
        if not asked:
            return
        valid = await self._tokens.valid(asked)
        for token_id in asked:
            if token_id not in valid:
                for outlet in tuple(self._outlets.get(token_id, ())):
                    outlet.dismiss()
