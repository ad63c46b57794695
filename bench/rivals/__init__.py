"""One module for each queue that `bench.peers` measures, all of the same shape.

    PACKAGE     what `pip install` calls it, or "" for our own
    NOTE        how its worker is set up, as its own documentation offers
    LEFT        SQL: is anything left to be done
    install     makes its tables
    producer    a connected producer: `one()` enqueues a job and commits, `many(n)` a batch in one call
    work        runs one worker for ever, whose handler does nothing but call `begun`

Each does what the README of that queue does; `LEFT` is all the SQL.
"""

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Protocol

RIVALS = ("jobstream", "pgqueuer", "procrastinate", "oban", "chancy")
CONCURRENCY = 100
"""Jobs at a time, where nothing speaks for another number."""

Begun = Callable[[], None]


class Producer(Protocol):
    """What enqueues."""

    async def one(self) -> object:
        """Enqueue a job, committed on return."""

    async def many(self, jobs: int) -> object:
        """Enqueue so many in one call."""


def load(name: str) -> ModuleType:
    """Import one; ImportError where its package is missing."""
    return importlib.import_module(f"bench.rivals.{name}")
