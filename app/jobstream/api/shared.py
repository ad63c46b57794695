"""One answer for all who ask the same at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from math import inf
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Shared(Generic[K, V]):
    """Asks at most every so often for each key, however many wait for the answer.

    An answer is always to a question that was put after the caller came: what the caller knows of is in it.
    """

    def __init__(self, ask: Callable[[K], Awaitable[V]], *, every: float) -> None:
        """`every`: seconds between two questions with one key."""
        self._ask = ask
        self._every = every
        self._next: dict[K, asyncio.Future[V]] = {}
        self._asked_at: dict[K, float] = {}

    async def get(self, key: K) -> V:
        """The answer to the next question. The first to come puts it; if it goes, the next in line does."""
        while True:
            waiting = self._next.get(key)
            if waiting is None:
                return await self._put(key)
            try:
                return await asyncio.shield(waiting)
            except asyncio.CancelledError:
                if not waiting.cancelled():
                    raise

    async def _put(self, key: K) -> V:
        loop = asyncio.get_running_loop()
        answer = self._next[key] = loop.create_future()
        try:
            await asyncio.sleep(self._asked_at.get(key, -inf) + self._every - loop.time())
        except BaseException:
            del self._next[key]
            answer.cancel()
            raise
        # From here on whoever comes waits for the next one.
        del self._next[key]
        self._asked_at[key] = loop.time()
        loop.call_later(self._every, self._forget, key)
        try:
            value = await self._ask(key)
        except asyncio.CancelledError:
            answer.cancel()
            raise
        except BaseException as error:
            answer.set_exception(error)
            answer.exception()  # seen: nobody may be waiting
            raise
        answer.set_result(value)
        return value

    def _forget(self, key: K) -> None:
        if asyncio.get_running_loop().time() >= self._asked_at.get(key, 0.0) + self._every:
            self._asked_at.pop(key, None)
