"""For the tests of those who use jobstream: run a job inline, drain queues, say what was enqueued, a clean database.

`run_inline` needs no database. `drain` runs with the worker's own executor on a real one, which the pytest plugin brings:
the fixture `jobstream_url`. Nothing here pretends to be PostgreSQL. The names are imported when they are first used: every run of
pytest loads the plugin, also where no test needs it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobstream.testing.draining import Drained, Ran, drain, drain_sync
    from jobstream.testing.enqueued import (
        assert_enqueued,
        assert_enqueued_sync,
        refute_enqueued,
        refute_enqueued_sync,
    )
    from jobstream.testing.inline import InlineRun, run_inline, run_inline_sync

__all__ = [
    "Drained",
    "InlineRun",
    "Ran",
    "assert_enqueued",
    "assert_enqueued_sync",
    "drain",
    "drain_sync",
    "refute_enqueued",
    "refute_enqueued_sync",
    "run_inline",
    "run_inline_sync",
]

_HOMES = {
    "Drained": "draining",
    "InlineRun": "inline",
    "Ran": "draining",
    "assert_enqueued": "enqueued",
    "assert_enqueued_sync": "enqueued",
    "drain": "draining",
    "drain_sync": "draining",
    "refute_enqueued": "enqueued",
    "refute_enqueued_sync": "enqueued",
    "run_inline": "inline",
    "run_inline_sync": "inline",
}


def __getattr__(name: str) -> Any:
    """Import a name from where it lives."""
    if name not in _HOMES:
        raise AttributeError(f"module 'jobstream.testing' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"jobstream.testing.{_HOMES[name]}"), name)
    return value
