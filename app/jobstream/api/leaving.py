"""Ending streams when a host's server is told to stop: it would wait for them, and they never end by themselves."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any, Final

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def draining_on_signals(drain: Callable[[], None]) -> Iterator[None]:
    """Inside, a signal first drains and then does what it did before.

    Only where a server has its own way to stop, and only in the main thread, where Python lets signals be handled.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    ours: dict[signal.Signals, tuple[Any, Any]] = {}
    for number in _SIGNALS:
        before = signal.getsignal(number)
        if callable(before):
            handler = partial(_handle, loop, drain, before)
            signal.signal(number, handler)
            ours[number] = handler, before
    try:
        yield
    finally:
        for number, (handler, before) in ours.items():
            if signal.getsignal(number) is handler:
                signal.signal(number, before)


def _handle(
    loop: asyncio.AbstractEventLoop,
    drain: Callable[[], None],
    before: Callable[[int, FrameType | None], Any],
    number: int,
    frame: FrameType | None,
) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(drain)
    before(number, frame)
