"""A thread with an event loop of its own, in which a client is held open for callers that have none.

Calls come from any thread and wait for their answer. A process that was forked off has no such thread: it must open its own.
"""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Final, Protocol, TypeVar

from jobstream.errors import JobStreamError

T = TypeVar("T")
ValueT = TypeVar("ValueT")

CLOSE_SECONDS: Final = 10.0
"""How long a thread that asks for the end waits for it: the database may not answer."""


class Caller(Protocol):
    """Runs coroutines in an event loop that is another thread's."""

    def call(self, work: Callable[[], Coroutine[Any, Any, T]], /) -> T:
        """What the coroutine returns or raises."""


class LoopCaller:
    """Calls into an event loop that somebody else runs."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """`loop` runs in another thread."""
        self._loop = loop

    def call(self, work: Callable[[], Coroutine[Any, Any, T]], /) -> T:
        """What the coroutine returns or raises. An interrupted caller ends the coroutine too."""
        if asyncio._get_running_loop() is self._loop:  # noqa: SLF001 - the public one raises where there is none
            raise RuntimeError(
                "a client for sync code would wait for itself here: in `async def`, await the other one"
            )
        if self._loop.is_closed():
            raise JobStreamError("the client was closed")
        future = asyncio.run_coroutine_threadsafe(work(), self._loop)
        try:
            return future.result()
        except CancelledError:
            raise JobStreamError("the client was closed meanwhile") from None
        except BaseException:
            future.cancel()
            raise


class Portal:
    """Holds an async context manager open in a daemon thread, until `close`."""

    def __init__(self, open: Callable[[], AbstractAsyncContextManager[ValueT]]) -> None:
        """Waits until it is open. Raises what opening it raises."""
        self.pid = os.getpid()
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event
        self._opened: Future[Any] = Future()
        self._thread = threading.Thread(target=self._run, args=(open,), name="jobstream-client", daemon=True)
        self._thread.start()
        self.value: Any = self._opened.result()

    @property
    def is_open(self) -> bool:
        """Whether calls can be made, from this very process."""
        return self.pid == os.getpid() and self._thread.is_alive()

    def call(self, work: Callable[[], Coroutine[Any, Any, T]], /) -> T:
        """What the coroutine returns or raises."""
        return LoopCaller(self._loop).call(work)

    def close(self) -> None:
        """Closes what is open and ends the thread. Nothing in a process that was forked off."""
        if self.is_open and threading.current_thread() is not self._thread:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(CLOSE_SECONDS)

    def _run(self, open: Callable[[], AbstractAsyncContextManager[Any]]) -> None:
        try:
            asyncio.run(self._hold(open))
        except BaseException as error:  # noqa: BLE001 - told to whoever opens; later ones have told their callers
            if not self._opened.done():
                self._opened.set_exception(error)

    async def _hold(self, open: Callable[[], AbstractAsyncContextManager[Any]]) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with open() as value:
            self._opened.set_result(value)
            await self._stop.wait()


def iterate(caller: Caller, stream: AsyncGenerator[T, None]) -> Iterator[T]:
    """What an asynchronous generator yields, one call for each; closed when the iterator is."""

    async def next_one() -> tuple[T] | None:
        try:
            return (await anext(stream),)
        except StopAsyncIteration:
            return None

    try:
        while (found := caller.call(next_one)) is not None:
            yield found[0]
    finally:
        # Closed with its client; or collected in the loop's own thread, which then closes it by itself.
        with suppress(JobStreamError, RuntimeError):
            caller.call(stream.aclose)
