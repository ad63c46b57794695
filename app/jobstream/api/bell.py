"""A bell that many wait for at once."""

import asyncio


class Broadcast:
    """Each ring wakes everybody who waits then. Nothing is remembered: look first, then wait, then look again."""

    def __init__(self) -> None:
        """Silent."""
        self._waiting: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        """Wake all. Only from the event loop's own thread."""
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, seconds: float) -> bool:
        """Until the next ring, at most so long; says whether it rang."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiting.add(waiter)
        alarm = loop.call_later(max(seconds, 0.0), waiter.cancel)
        try:
            await waiter
        except asyncio.CancelledError:
            # Our own alarm cancels the waiter alone; anything else cancels this task.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return False
        finally:
            alarm.cancel()
            self._waiting.discard(waiter)
        return True
