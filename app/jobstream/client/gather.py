"""Single enqueues that are made at the same time, as one statement.

While one statement is in flight what else is asked for gathers for the next, so that a lone enqueue waits for nobody
and a thousand take a few statements. Each caller gets its own answer or its own error.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from jobstream.client.background import Home
from jobstream.domain.job import Enqueued, NewJob
from jobstream.errors import DatabaseUnavailable, JobStreamError, KeyBusy
from jobstream.pacing import Wake

MOST: Final = 500
"""Jobs of one statement."""

_REPAIRS: Final = 3
"""How many jobs at fault are taken out of a statement before each is sent alone."""

_SINGLES: Final = 4
"""Statements at a time when each job is sent alone: one that waits for a busy key holds up no other."""

EnqueueMany = Callable[[Sequence[NewJob]], Awaitable[list[Enqueued]]]


class _Request:
    __slots__ = ("answer", "job")

    def __init__(self, job: NewJob, answer: asyncio.Future[Enqueued]) -> None:
        self.job = job
        self.answer = answer


class Gatherer:
    """Gathers. `run` belongs into a TaskGroup."""

    def __init__(self, *, enqueue_many: EnqueueMany) -> None:
        """`enqueue_many` makes all jobs or none; its errors name the one at fault by `detail.ordinal`."""
        self._enqueue_many = enqueue_many
        self._waiting: deque[_Request] = deque()
        self._wake = Wake()
        self._home = Home()

    async def enqueue(self, job: NewJob) -> Enqueued:
        """This job's answer. A caller that is cancelled before its statement was sent enqueues nothing."""
        self._home.require()
        request = _Request(job, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        self._wake.ring()
        return await request.answer

    async def run(self) -> None:
        """Sends what gathers until cancelled; whoever waits then is told that the client was closed."""
        try:
            while True:
                await self._wake.wait()
                while self._waiting:
                    await self.run_once()
        finally:
            self._home.close()
            for request in self._waiting:
                _refuse(request, DatabaseUnavailable("the client was closed"))

    async def run_once(self) -> None:
        """Sends one statement with what has gathered."""
        requests: list[_Request] = []
        while self._waiting and len(requests) < MOST:
            request = self._waiting.popleft()
            if not request.answer.done():
                requests.append(request)
        # Rivals in other processes take keys in the same order, else two gathers deadlock. Sorting keeps the order of
        # calls among jobs without a key.
        requests.sort(key=lambda request: (request.job.owner, request.job.idempotency_key or ""))
        try:
            await self._send(requests)
        finally:
            for request in requests:
                _refuse(request, DatabaseUnavailable("the client was closed before the answer came"))

    async def _send(self, requests: list[_Request]) -> None:
        for _ in range(_REPAIRS):
            if not requests:
                return
            try:
                answers = await self._enqueue_many([request.job for request in requests])
            except Exception as error:  # noqa: BLE001  (whoever asked for what cannot be sent is told, and no other)
                if len(requests) == 1 or isinstance(error, DatabaseUnavailable):
                    _refuse_all(requests, error)
                    return
                place = _fault(error, len(requests))
                if place is None:
                    break
                _refuse(requests[place], error)
                requests = requests[:place] + requests[place + 1 :]
            else:
                for request, answer in zip(requests, answers, strict=True):
                    if not request.answer.done():
                        request.answer.set_result(answer)
                return
        await self._send_singly(requests)

    async def _send_singly(self, requests: list[_Request]) -> None:
        places = asyncio.Semaphore(_SINGLES)

        async def send(request: _Request) -> None:
            async with places:
                await self._send([request])

        async with asyncio.TaskGroup() as group:
            for request in requests:
                group.create_task(send(request))


def _fault(error: Exception, count: int) -> int | None:
    """The place of the job at fault, if the error says which; a busy key is nobody's fault and is not said."""
    if not isinstance(error, JobStreamError) or isinstance(error, KeyBusy):
        return None
    if error.detail is None or error.detail.ordinal is None:
        return None
    return error.detail.ordinal - 1 if 1 <= error.detail.ordinal <= count else None


def _refuse_all(requests: Sequence[_Request], error: Exception) -> None:
    for request in requests:
        _refuse(request, error)


def _refuse(request: _Request, error: Exception) -> None:
    if not request.answer.done():
        request.answer.set_exception(error.for_one() if isinstance(error, JobStreamError) else error)
