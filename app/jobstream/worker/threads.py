"""Threads for `def` handlers.

They are daemons, unlike those of `concurrent.futures`: a handler that never ends cannot keep the process from ending.
"""

import asyncio
import contextvars
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_Call = tuple[Callable[[], Any], "asyncio.Future[Any]", contextvars.Context]


class HandlerThreads:
    """As many threads as calls run at a time, each made when it is first needed."""

    def __init__(self, *, freed: Callable[[], None], name: str = "jobstream-handler") -> None:
        """No thread yet. Only for the event loop that runs now. `freed` is called when an abandoned call ended."""
        self._freed = freed
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._threads = 0
        self._busy = 0
        self.abandoned = 0
        """Calls that run though nobody waits for them any more."""

    def call(self, function: Callable[[], Any]) -> "asyncio.Future[Any]":
        """Run the function in a thread, with a copy of the caller's context variables.

        Cancelling the future does not end the function: nothing can. Who bounds the calls is the caller.
        """
        future: asyncio.Future[Any] = self._loop.create_future()
        self._busy += 1
        if self._busy > self._threads:
            self._threads += 1
            threading.Thread(target=self._work, name=f"{self._name}-{self._threads}", daemon=True).start()
        self._calls.put((function, future, contextvars.copy_context()))
        return future

    def abandon(self, future: "asyncio.Future[Any]") -> None:
        """Wait no more for a call that has not ended. Its thread stays taken until it has."""
        if future.cancel():
            self.abandoned += 1

    def close(self) -> None:
        """Let the idle threads end."""
        for _ in range(self._threads):
            self._calls.put(None)
        self._threads = 0

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            function, future, context = call
            try:
                value, error = context.run(function), None
            except BaseException as raised:  # noqa: BLE001  (told to whoever waits)
                value, error = None, raised
            self._tell(future, value, error)
            del call, function, future, context, value, error

    def _tell(self, future: "asyncio.Future[Any]", value: Any, error: BaseException | None) -> None:
        with suppress(RuntimeError):  # the event loop is closed: nobody waits for it
            self._loop.call_soon_threadsafe(self._settle, future, value, error)

    def _settle(self, future: "asyncio.Future[Any]", value: Any, error: BaseException | None) -> None:
        self._busy -= 1
        if future.done():
            self.abandoned -= 1
            self._freed()
        elif error is None:
            future.set_result(value)
        elif isinstance(error, (StopIteration, GeneratorExit)):
            # Thrown into coroutines these two would end them, not reach whoever waits.
            future.set_exception(RuntimeError(f"the handler raised {type(error).__name__}"))
        else:
            future.set_exception(error)
