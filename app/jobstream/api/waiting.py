"""Requests that wait for something, never past the drain of the process."""

import asyncio
from contextlib import suppress
from typing import Final

from jobstream.api.services import Services
from jobstream.api.streams.source import Place
from jobstream.domain.job import TERMINAL, Job
from jobstream.hub import Interest, Subscription

_TERMINAL: Final = frozenset(map(str, TERMINAL))


async def ended(services: Services, id: str, owner: str | None, seconds: float) -> Job:
    """The job once it has ended, or as it is after so many seconds."""
    job = await services.jobs.get(id, owner=owner)
    if job.status.terminal or seconds <= 0 or services.draining.is_set():
        return job
    subscription = await services.feed.join(
        Interest({"job_id": frozenset((id,)), "type": frozenset(("status",)), "status": _TERMINAL})
    )
    assert subscription is not None  # joins that ask for no position are not refused
    try:
        # Between the first look and joining it may have ended; after joining nothing is missed.
        job = await services.jobs.get(id, owner=owner)
        if not job.status.terminal:
            await something(subscription, seconds)
            job = await services.jobs.get(id, owner=owner)
        return job
    finally:
        services.hub.unsubscribe(subscription)


async def something(subscription: Subscription[Place], seconds: float) -> None:
    """Until the subscription wakes, at most so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await subscription.wait()
