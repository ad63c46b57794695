"""What long-running commands share: log lines, the event loop, and an orderly end on SIGTERM and Ctrl-C.

Both signals ask to stop; the same again asks to hurry. Ctrl-C is remembered for the exit code.
"""

import asyncio
import importlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import rich_click as click
from msgspec import Struct

from jobstream.cli.exits import DONE, INTERRUPTED

LAST_SECONDS = 3.0
"""What tasks that handlers left behind have to end."""

TERMINATED = 128 + signal.SIGTERM

SIGNALS = (signal.SIGINT, signal.SIGTERM)

log_level_option = click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="The least that is logged, on stderr.",
)


CHATTY_LIBRARIES = ("alembic", "asyncio", "httpcore", "httpx", "uvicorn.error")


def start_logging(level: str) -> None:
    """Log to stderr; libraries only what is worth a warning."""
    from jobstream.worker.logs import configure_logging

    configure_logging(level=level.upper())
    for name in CHATTY_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    # While the database is away it tells each second, with a traceback, what our own lines tell in words.
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)


class Ending(Struct, frozen=True, kw_only=True):
    """How a long-running command ended. `stuck`: a handler ignored its cancellation; its loop cannot be closed."""

    code: int
    stuck: bool = False


def run_process(main: Callable[[], Coroutine[Any, Any, Ending]]) -> int:
    """Run `main` in an event loop, uvloop's where it is installed; the exit code."""
    with suppress(ImportError):
        uvloop = importlib.import_module("uvloop")
        return _run(main, asyncio.Runner(loop_factory=uvloop.new_event_loop))
    return _run(main, asyncio.Runner())


def _run(main: Callable[[], Coroutine[Any, Any, Ending]], runner: asyncio.Runner) -> int:
    with runner:
        ending = runner.run(main())
        if ending.stuck or runner.run(_tasks_that_stay()):
            # Closing the loop would wait for them for ever; a handler's job has been given back already.
            leave_at_once(ending.code)
        return ending.code


async def _tasks_that_stay() -> bool:
    """Whether something that handlers have started ignores that it is cancelled."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    pending = (await asyncio.wait(left, timeout=LAST_SECONDS))[1] if left else ()
    for task in pending:
        logging.getLogger("jobstream.worker").error("a task does not stop: %r", task)
    return bool(pending)


def leave_at_once(code: int) -> None:
    """End the process without another word from anybody but the streams."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@contextmanager
def unwinding_on_sigterm() -> Iterator[None]:
    """Inside, SIGTERM leads out through every `with`, as Ctrl-C does; where a Stopper is installed, that rules."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Stopper:
    """Calls `stop` on each signal that asks for an end, and knows how to exit afterwards."""

    def __init__(self, stop: Callable[[], None]) -> None:
        """`stop` is called in the event loop."""
        self._stop = stop
        self._interrupted = False

    @property
    def exit_code(self) -> int:
        """130 after Ctrl-C, else 0."""
        return INTERRUPTED if self._interrupted else DONE

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Inside, signals come here."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._asked, number)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    def _asked(self, number: signal.Signals) -> None:
        self._interrupted = self._interrupted or number == signal.SIGINT
        self._stop()
