"""Components that run beside a block of the caller's, for as long as that lasts."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from jobstream.errors import DatabaseUnavailable


class Background:
    """A TaskGroup that ends with its block, not with its tasks."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        """See `background`."""
        self._group = group
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, component: Coroutine[Any, Any, None]) -> None:
        """Runs a component until the block is left."""
        self._tasks.append(self._group.create_task(component))

    def stop(self) -> None:
        """Ends what runs."""
        for task in self._tasks:
            task.cancel()


class Home:
    """The event loop in which something was made, until it is closed. Elsewhere, or later, a wait would never end."""

    def __init__(self) -> None:
        """The loop that runs."""
        self._loop = asyncio.get_running_loop()
        self._closed = False

    def close(self) -> None:
        """From now on nothing is to be waited for."""
        self._closed = True

    def require(self) -> None:
        """Raises DatabaseUnavailable once closed, RuntimeError in another event loop."""
        if self._closed:
            raise DatabaseUnavailable("the client was closed")
        if asyncio.get_running_loop() is not self._loop:
            raise RuntimeError(
                "a client belongs to the event loop that it was made in; app.connect_sync() has none"
            )


@asynccontextmanager
async def background() -> AsyncIterator[Background]:
    """Where components run. What the block raises comes out as it is, not in an ExceptionGroup."""
    raised: BaseException | None = None
    async with asyncio.TaskGroup() as group:
        running = Background(group)
        try:
            yield running
        except BaseException as error:  # noqa: BLE001 - raised again below, once the group is left
            raised = error
        running.stop()
    if raised is not None:
        try:
            raise raised
        finally:
            del raised  # else its traceback's frame and it would hold each other
