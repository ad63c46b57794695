"""Tokens at the door and inside what is open. Nothing is remembered between requests: a revocation counts at once."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from litestar.exceptions import HTTPException

from jobstream.api.access import AnyConnection, Caller, bearer
from jobstream.api.beside import beside
from jobstream.domain.token import Identity
from jobstream.errors import DatabaseUnavailable, Forbidden, Unauthorized
from jobstream.store.tokens import TokenStore

_EVERY: Final = 0.5
_DENIED: Final = frozenset({401, 403})
_log = logging.getLogger("jobstream.api")

End = Callable[[], None]
"""Ends what is open; may be called more than once."""


class TokenAuthenticator:
    """Knows callers by their tokens."""

    def __init__(self, tokens: TokenStore) -> None:
        """Each request is one question to the database."""
        self._tokens = tokens

    async def __call__(self, connection: AnyConnection, *, query: bool) -> Identity:
        """Whom the request's token stands for. Raises Unauthorized."""
        return await self._tokens.authenticate(bearer(connection, query=query))


class CredentialWatch:
    """Ends what is open when its caller's credential does: streams, and requests that wait.

    Of tokens one question a half second tells for all together. A host is asked about each of its callers every so often.
    """

    def __init__(self, tokens: TokenStore, *, host_every: float) -> None:
        """Nothing runs before `run`. `host_every`: seconds between two questions to a host about one caller."""
        self._tokens = tokens
        self._host_every = host_every
        self._open: defaultdict[str, dict[object, End]] = defaultdict(dict)

    @asynccontextmanager
    async def watching(self, caller: Caller, end: End) -> AsyncIterator[None]:
        """Inside, `end` is called once the caller's credential has ended."""
        if caller.again is not None:
            async with beside(self._ask_host(caller, end)):
                yield
        elif caller.identity.id:
            mark = object()
            self._open[caller.identity.id][mark] = end
            try:
                yield
            finally:
                self._forget(caller.identity.id, mark)
        else:
            yield

    @asynccontextmanager
    async def lasting(self, caller: Caller) -> AsyncIterator[None]:
        """Inside, Unauthorized is raised once the caller's credential has ended."""
        try:
            async with (
                asyncio.timeout(caller.seconds) as limit,
                self.watching(caller, partial(_expire, limit)),
            ):
                yield
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise Unauthorized("the credential has ended") from error

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(_EVERY)
            try:
                await self.run_once()
            except DatabaseUnavailable as error:
                _log.debug("tokens of what is open not checked: %s", error)

    async def run_once(self) -> None:
        """Ask for all tokens with something open, and end what belongs to those that have ended."""
        asked = list(self._open)
        if not asked:
            return
        valid = await self._tokens.valid(asked)
        for token_id in asked:
            if token_id not in valid:
                for end in tuple(self._open.get(token_id, {}).values()):
                    end()

    def _forget(self, token_id: str, mark: object) -> None:
        held = self._open[token_id]
        del held[mark]
        if not held:
            del self._open[token_id]

    async def _ask_host(self, caller: Caller, end: End) -> None:
        while await self._still(caller):
            pass
        end()

    async def _still(self, caller: Caller) -> bool:
        """Whether the host says the same of the caller after a while. A host that fails says nothing."""
        await asyncio.sleep(self._host_every)
        assert caller.again is not None
        try:
            return await caller.again() == caller.identity
        except (Unauthorized, Forbidden):
            return False
        except HTTPException as error:
            return error.status_code not in _DENIED
        except Exception as error:  # noqa: BLE001  (whatever it is, it does not say that the access has ended)
            _log.warning("the host could not be asked about %s again: %r", caller.principal, error)
            return True


def _expire(limit: asyncio.Timeout) -> None:
    if not limit.expired():
        limit.reschedule(0)
