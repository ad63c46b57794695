"""Runs handlers: so many at a time, each in a task of its own, with its timeout and its ways to be stopped.

Owns the tasks of the handlers. It knows no database: outcomes go to the completer, notes to the journal.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from jobstream.client import Client
from jobstream.errors import InvalidArgument
from jobstream.pacing import Wake
from jobstream.worker.completer import Completer
from jobstream.worker.context import JobContext, current_context
from jobstream.worker.handler import Handler
from jobstream.worker.held import HeldJob
from jobstream.worker.journal import Journal
from jobstream.worker.logs import about
from jobstream.worker.middleware import Middleware, Proceed, wrapped
from jobstream.worker.outcome import (
    Decided,
    Ending,
    Fail,
    Interruption,
    Outcome,
    Raised,
    Release,
    Returned,
    decide,
    open_up,
    refuse_args,
)
from jobstream.worker.processes import STARTUP_SECONDS, HandlerProcesses
from jobstream.worker.report import ErrorReport
from jobstream.worker.threads import HandlerThreads
from jobstream.worker.upstream import UpstreamResults

logger = logging.getLogger("jobstream.worker")

UNKNOWN_KIND_DELAY = 10.0
"""Seconds until a job of a kind without a handler here may be claimed again: another worker may have one."""

MAX_WAIT = 1.0
"""Seconds that a claimed job may wait for a free slot before it is given back for others."""

UNWIND_SECONDS = 3.0
"""What an interrupted handler has for its `finally` blocks when its time is over or the worker stops."""

ReadUpstream = Callable[[Sequence[str]], Awaitable[UpstreamResults]]


class Executor:
    """The slots of a worker."""

    def __init__(
        self,
        *,
        handlers: Mapping[str, Handler[Any, Any]],
        concurrency: int,
        completer: Completer,
        journal: Journal,
        upstream: ReadUpstream,
        client: Client | None,
        middleware: Sequence[Middleware] = (),
        max_jobs_per_child: int | None = None,
    ) -> None:
        """`upstream` reads the results of awaited jobs; `client` is what handlers find in their context.

        `middleware` goes around that of the handlers.
        """
        self._handlers = handlers
        self._concurrency = concurrency
        self._completer = completer
        self._journal = journal
        self._upstream = upstream
        self._client = client
        self._layers = {name: (*middleware, *handler.middleware) for name, handler in handlers.items()}
        self.on_freed: Callable[[], None] = _nothing
        """Called when a job has ended: a slot may have become free."""
        self.on_unknown: Callable[[], None] = _nothing
        """Called when a job came without a handler for it here."""
        self._threads = HandlerThreads(freed=self._slot_freed)
        self._processes = HandlerProcesses(journal=journal, max_jobs=max_jobs_per_child)
        self._waiting: deque[HeldJob] = deque()
        self._running: dict[asyncio.Task[None], HeldJob] = {}
        self._given_up: set[HeldJob] = set()
        """Those that run though their attempts have been ended."""
        self._unknown: set[str] = set()
        self._idle = Wake()
        self._hurry = False
        self._loop = asyncio.get_running_loop()

    @property
    def running(self) -> int:
        """Slots that are taken, also by threads that were given up but have not ended."""
        return len(self._running) + self._threads.abandoned

    @property
    def waiting(self) -> int:
        """Jobs claimed that have no slot yet."""
        return len(self._waiting)

    def jobs(self) -> list[HeldJob]:
        """Those whose handlers run."""
        return list(self._running.values())

    def job_of(self, task: asyncio.Task[Any]) -> HeldJob | None:
        """The job whose handler that task runs. May be asked from another thread."""
        return self._running.get(task)

    def submit(self, jobs: Iterable[HeldJob]) -> None:
        """Run these as slots become free."""
        self._waiting.extend(jobs)
        self._fill()

    def return_waiting(self, older_than: float = 0.0) -> int:
        """Give back what has waited for a slot for so many seconds; how many."""
        before = self._loop.time() - older_than
        returned = 0
        while self._waiting and self._waiting[0].claimed_at <= before:
            self._completer.report(self._waiting.popleft(), Release())
            returned += 1
        return returned

    async def drain(self, grace: float) -> None:
        """Let what runs end within `grace` seconds or until `hurry`; then stop the rest and release its jobs."""
        self.return_waiting()
        if self._running and not self._hurry:
            logger.info("the worker stops; %d jobs that run get %.0f s", len(self._running), grace)
        await self._until_ended(grace, patient=True)
        for held in self.jobs():
            held.interrupt(Interruption.SHUTDOWN)
        await self._until_ended(UNWIND_SECONDS, patient=False)
        for held in self.jobs():
            if held not in self._given_up:
                logger.error("the handler does not stop; its job is released", extra=about(held.job))
            self._report(held, Release())
        self._threads.close()
        await self._processes.close()

    def hurry(self) -> None:
        """Cut the grace of `drain` short."""
        self._hurry = True
        self._idle.ring()

    async def _until_ended(self, seconds: float, *, patient: bool) -> None:
        until = self._loop.time() + seconds
        while (
            len(self._running) > len(self._given_up)
            and (left := until - self._loop.time()) > 0
            and not (patient and self._hurry)
        ):
            await self._idle.wait(left)

    def _fill(self) -> None:
        while self._waiting and self.running < self._concurrency:
            self._start(self._waiting.popleft())

    def _start(self, held: HeldJob) -> None:
        handler = self._handlers.get(held.job.kind)
        if handler is None:
            return self._report(held, self._without_handler(held))
        held.started_at = self._loop.time()
        task = self._loop.create_task(self._perform(held, handler))
        held.task = task
        self._running[task] = held
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._given_up.discard(self._running.pop(task))
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
        self._idle.ring()
        self._slot_freed()

    def _slot_freed(self) -> None:
        self._fill()
        self.on_freed()

    async def _perform(self, held: HeldJob, handler: Handler[Any, Any]) -> None:
        """One attempt, from the arguments to the outcome. Raises nothing, whatever the handler does."""
        held.can_be_cancelled = True
        here = handler.executor != "process"
        self._set_alarm(held, handler, after=0.0 if here else STARTUP_SECONDS)
        try:
            if held.interruption is not None:
                raise asyncio.CancelledError
            args = handler.decode_args(held.job.args) if here and handler.takes_args else None
        except InvalidArgument as error:
            outcome: Outcome = refuse_args(error, handler.args_name)
        except BaseException as error:  # noqa: BLE001  (a validator of the user's may raise anything)
            outcome = decide(Raised(error), held.interruption, handler.encode_result)
        else:
            try:
                ending = await self._attempt(held, handler, args)
            except BaseException as error:  # noqa: BLE001  (GeneratorExit of a future passes by whoever waits further inside)
                ending = Raised(error)
            outcome = decide(ending, held.interruption, handler.encode_result)
        held.can_be_cancelled = False
        held.task = None
        if held.alarm is not None:
            held.alarm.cancel()
        self._report(held, outcome)

    async def _attempt(self, held: HeldJob, handler: Handler[Any, Any], args: Any) -> Ending:
        try:
            upstream = await self._upstream(held.job.await_jobs) if held.job.await_jobs else None
            context = JobContext(held, journal=self._journal, client=self._client, upstream=upstream)
            current_context.set(context)
            layers = self._layers[held.job.kind]
            if handler.executor == "async" and not layers:
                # What the others do as well, by the shortest way: it is taken 20,000 times a second.
                call = handler.function
                return Returned(await (call(context, args) if handler.takes_args else call(context)))
            if handler.executor == "process":
                remote = partial(self._in_process, held, handler, upstream)
                if not layers:
                    return await remote()
                proceed: Proceed = partial(_opened, remote, handler)
            else:
                proceed = partial(
                    self._call, held, handler, (context, args) if handler.takes_args else (context,)
                )
            return Returned(await wrapped(layers, context, proceed)())
        except BaseException as error:  # noqa: BLE001  (SystemExit too: a handler cannot end its worker)
            return Raised(error)

    def _call(self, held: HeldJob, handler: Handler[Any, Any], parameters: tuple[Any, ...]) -> Awaitable[Any]:
        if handler.executor == "async":
            value: Awaitable[Any] = handler.function(*parameters)
            return value
        return self._in_thread(held, partial(handler.function, *parameters))

    async def _in_process(
        self, held: HeldJob, handler: Handler[Any, Any], upstream: UpstreamResults | None
    ) -> Decided:
        """The call in a process. Its time begins when the imports are done."""
        return await self._processes.run(
            held, handler, upstream, began=partial(self._set_alarm, held, handler)
        )

    async def _in_thread(self, held: HeldJob, call: Callable[[], Any]) -> Any:
        """The call in a thread. It cannot be cancelled: it is told, and given up where there is nothing to wait for."""
        future = self._threads.call(call)
        while True:
            try:
                return await asyncio.shield(future)
            except asyncio.CancelledError:
                if future.done():
                    return future.result()
                if held.ended or held.interruption not in _WORTH_WAITING:
                    self._threads.abandon(future)
                    logger.warning(
                        "its thread goes on, and keeps its slot until it ends", extra=about(held.job)
                    )
                    raise

    def _set_alarm(self, held: HeldJob, handler: Handler[Any, Any], after: float = 0.0) -> None:
        """The attempt's time begins `after` seconds from now."""
        if held.alarm is not None:
            held.alarm.cancel()
        seconds = held.job.timeout_seconds or handler.timeout
        if seconds is not None:
            held.alarm = self._loop.call_later(after + seconds, self._time_out, held)

    def _time_out(self, held: HeldJob) -> None:
        held.interrupt(Interruption.TIMED_OUT)
        held.alarm = self._loop.call_later(UNWIND_SECONDS, self._give_up, held)

    def _give_up(self, held: HeldJob) -> None:
        """Its time is over and it goes on: the job's attempt ends all the same. The slot stays taken until it does."""
        if held.ended:
            return
        logger.error(
            "the handler does not stop though its time is over; it keeps its slot", extra=about(held.job)
        )
        self._given_up.add(held)
        self._idle.ring()
        error = ErrorReport(
            type="TimeoutError", message="the attempt timed out, and its handler does not stop"
        )
        self._report(held, Fail(error=error))

    def _without_handler(self, held: HeldJob) -> Outcome:
        kind = held.job.kind
        self.on_unknown()
        if kind not in self._unknown:
            self._unknown.add(kind)
            logger.warning(
                "no handler for kind %r here: its jobs are given back, to be claimed again after %d s",
                kind,
                UNKNOWN_KIND_DELAY,
                extra=about(held.job),
            )
        return Release(delay=UNKNOWN_KIND_DELAY)

    def _report(self, held: HeldJob, outcome: Outcome) -> None:
        if held.ended:
            return
        held.ended = True
        if held.notes is None:
            self._completer.report(held, outcome)
        else:
            self._journal.finish(held, held.notes, partial(self._completer.report, held, outcome))


async def _opened(remote: Callable[[], Awaitable[Decided]], handler: Handler[Any, Any]) -> Any:
    """What a middleware sees of a handler in a process: a value or an error, as of any other."""
    return open_up(await remote(), handler.decode_result)


def _nothing() -> None:
    pass


# A thread that was asked to stop for these may yet say how it ended; for the others its word no longer counts.
_WORTH_WAITING = (Interruption.CANCELLED, Interruption.SHUTDOWN)
