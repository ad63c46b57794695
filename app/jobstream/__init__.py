"""jobstream: a PostgreSQL-native job queue with live, resumable event streams.

The public names are imported when they are first used: a command line that only prints its help loads no driver.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobstream.api.embedding import asgi
    from jobstream.api.hosts import Principal
    from jobstream.application import JobStream
    from jobstream.client import Client, JobHandle, Pipeline, PipelineHandle, Step, SyncClient, SyncJobHandle
    from jobstream.domain.backoff import Backoff
    from jobstream.domain.event import Event
    from jobstream.domain.job import Job, Status
    from jobstream.errors import JobCancelled, JobFailed, JobStreamError
    from jobstream.worker.context import JobContext
    from jobstream.worker.handler import Handler
    from jobstream.worker.middleware import Middleware, Proceed
    from jobstream.worker.signals import Discard, Retry, Snooze

__all__ = [
    "Backoff",
    "Client",
    "Discard",
    "Event",
    "Handler",
    "Job",
    "JobCancelled",
    "JobContext",
    "JobFailed",
    "JobHandle",
    "JobStream",
    "JobStreamError",
    "Middleware",
    "Pipeline",
    "PipelineHandle",
    "Principal",
    "Proceed",
    "Retry",
    "Snooze",
    "Status",
    "Step",
    "SyncClient",
    "SyncJobHandle",
    "asgi",
]

_HOMES = {
    "Backoff": "jobstream.domain.backoff",
    "Client": "jobstream.client",
    "Discard": "jobstream.worker.signals",
    "Event": "jobstream.domain.event",
    "Handler": "jobstream.worker.handler",
    "Job": "jobstream.domain.job",
    "JobCancelled": "jobstream.errors",
    "JobContext": "jobstream.worker.context",
    "JobFailed": "jobstream.errors",
    "JobHandle": "jobstream.client",
    "JobStream": "jobstream.application",
    "JobStreamError": "jobstream.errors",
    "Middleware": "jobstream.worker.middleware",
    "Pipeline": "jobstream.client",
    "PipelineHandle": "jobstream.client",
    "Principal": "jobstream.api.hosts",
    "Proceed": "jobstream.worker.middleware",
    "Retry": "jobstream.worker.signals",
    "Snooze": "jobstream.worker.signals",
    "Status": "jobstream.domain.job",
    "Step": "jobstream.client",
    "SyncClient": "jobstream.client",
    "SyncJobHandle": "jobstream.client",
    "asgi": "jobstream.api.embedding",
}


def __getattr__(name: str) -> Any:
    """Import a public name from where it lives."""
    if name not in _HOMES:
        raise AttributeError(f"module 'jobstream' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*globals(), *__all__})
