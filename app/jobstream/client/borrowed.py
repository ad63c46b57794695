"""Enqueue on a connection of the caller's, in the caller's transaction: never gathered, never repeated.

A driver is added here: what tells its connections, and how the one statement runs on them.
"""

from collections.abc import Sequence
from typing import Any

from jobstream.domain.job import Enqueued, NewJob
from jobstream.store.jobs import JobStore
from jobstream.store.pool import is_connection


async def enqueue_on(jobs: JobStore, connection: Any, new_jobs: Sequence[NewJob]) -> list[Enqueued]:
    """Makes the jobs where and if the connection's transaction commits. Raises TypeError for an unknown driver."""
    if is_connection(connection):
        return await jobs.enqueue_many(new_jobs, connection=connection)
    kind = type(connection)
    raise TypeError(
        f"connection is of {kind.__module__}.{kind.__qualname__}; known are connections of asyncpg"
    )
