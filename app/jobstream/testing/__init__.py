"""For the tests of those who use jobstream: run a job inline, drain queues, say what was enqueued, a clean database.

`run_inline` needs no database. `drain` runs with the worker's own executor on a real one, which the pytest plugin brings:
the fixture `jobstream_url`. Nothing here pretends to be PostgreSQL.
"""

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
