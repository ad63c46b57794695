"""Following one job to its end, over as many connections as it takes.

Guarantees: every event is shown once, in order; a connection that breaks off is made again from the last event that
was shown, for as long as it takes. What an end means is decided here, how things look in `views`.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from msgspec import Struct

from jobstream.cli.exits import CommandFailed
from jobstream.cli.gateway import Ended, Gateway, Happened, Hello, Reset, StreamItem, StreamLost
from jobstream.cli.output import error_text
from jobstream.cli.views import Broken, Verdict, View
from jobstream.domain.job import Status

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0


class _Pauses:
    """Growing pauses between attempts to come back, so that a restarted server is not stormed."""

    def __init__(self) -> None:
        self._next = FIRST_PAUSE

    def reset(self) -> None:
        self._next = FIRST_PAUSE

    def take(self, *, at_least: float) -> float:
        pause = max(self._next * random.uniform(0.75, 1.25), at_least)
        self._next = min(self._next * 2, LONGEST_PAUSE)
        return pause


Open = Callable[[str | None], AsyncGenerator[StreamItem, None]]
"""Connects once, to go on behind a position."""


async def follow(open_stream: Open, place: str) -> AsyncGenerator[StreamItem | Broken, None]:
    """All events up to `Ended`, if there is one. The first connection must succeed, later ones may fail."""
    position: str | None = None
    connected = False
    pauses = _Pauses()
    while True:
        try:
            async with aclosing(open_stream(position)) as items:
                async for item in items:
                    connected = True
                    pauses.reset()
                    if isinstance(item, Happened | Reset):
                        position = item.position
                    yield item
                    if isinstance(item, Ended):
                        return
        except StreamLost as lost:
            if not connected:
                raise CommandFailed(f"cannot follow on {place}: {lost}") from lost
            pause = pauses.take(at_least=lost.retry_after or 0)
            yield Broken(why=str(lost), again_in=pause)
            await asyncio.sleep(pause)


class _Course(Struct):
    """What is known of the job so far, from its events."""

    status: str = ""
    reason: str | None = None
    error: str | None = None
    result: object = None

    def note(self, item: StreamItem | Broken) -> None:
        match item:
            case Hello():
                self.status = item.status or self.status
            case Happened() if item.event.type == "status":
                data = item.event.data if isinstance(item.event.data, dict) else {}
                self.status = item.event.status or self.status
                self.reason = data.get("reason")
                self.error = error_text(data.get("error")) or self.error
                self.result = data.get("result")


async def follow_to_end(gateway: Gateway, job_id: str, view: View) -> None:
    """Show the job in `view` until it ends. Raises CommandFailed where it ended otherwise than done."""
    course = _Course()
    with view:
        events = follow(lambda after: gateway.stream(job_id, after=after), gateway.place)
        async with aclosing(events) as items:
            async for item in items:
                course.note(item)
                view.show(item)
        verdict = await _verdict(gateway, job_id, course)
        view.conclude(verdict)
    if verdict.status != Status.DONE:
        reason = f" ({verdict.reason})" if verdict.reason else ""
        error = f": {verdict.error}" if verdict.error else ""
        raise CommandFailed(f"job {job_id} ended as {verdict.status}{reason}{error}")


async def follow_queue(gateway: Gateway, queue: str, view: View) -> None:
    """Show what happens to the jobs of a queue, from now on, until somebody has had enough."""
    events = follow(lambda after: gateway.stream_queue(queue, after=after), gateway.place)
    with view:
        async with aclosing(events) as items:
            async for item in items:
                view.show(item)


async def _verdict(gateway: Gateway, job_id: str, course: _Course) -> Verdict:
    """From the events; asked for where they do not tell, because the history was pruned."""
    if course.status in (Status.DONE, Status.DLQ, Status.CANCELLED):
        return Verdict(status=course.status, reason=course.reason, error=course.error, result=course.result)
    job = await gateway.get(job_id)
    return Verdict(
        status=job.status,
        reason=job.lifecycle.reason,
        error=job.retry.last_error,
        result=job.lifecycle.result,
    )
