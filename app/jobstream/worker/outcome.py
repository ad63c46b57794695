"""How an attempt ended, and what the database is to be told about it: the only place that decides.

Pure: an `Ending` and the reason of an interruption go in, an `Outcome` comes out; the completer does the rest.
"""

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from jobstream.errors import InvalidArgument, TooLarge
from jobstream.worker.report import ErrorReport, report_error
from jobstream.worker.signals import Discard, HandlerSignal, Retry, Snooze


class Interruption(Enum):
    """Why a handler was asked to stop before it ended by itself."""

    CANCELLED = auto()
    """Somebody asked for the job's cancellation."""
    LOST = auto()
    """The lease is another's by now."""
    TIMED_OUT = auto()
    """The attempt took longer than it may."""
    SHUTDOWN = auto()
    """The worker stops and its grace is over."""


class Returned(Struct, frozen=True):
    """The handler returned."""

    value: Any


class Raised(Struct, frozen=True):
    """The handler raised."""

    error: BaseException


class Complete(Struct, frozen=True, tag="complete"):
    """Done. `result` is JSON, None for none."""

    result: bytes | None


class Fail(Struct, frozen=True, tag="fail"):
    """This attempt failed. `delay` in seconds until the next, None for the job's own backoff."""

    error: ErrorReport
    retryable: bool = True
    delay: float | None = None


class Release(Struct, frozen=True, tag="release"):
    """Given back without a failure, to be claimed again after `delay` seconds."""

    delay: float = 0.0


class Reject(Struct, frozen=True, tag="reject"):
    """Done, but the result cannot be stored."""

    error: str


class Drop(Struct, frozen=True, tag="drop"):
    """Nothing to tell: the job is another's."""


Outcome = Complete | Fail | Release | Reject | Drop


class Decided(Struct, frozen=True):
    """The handler ended in another process, which decided. `is_signal`: it asked for that itself."""

    outcome: Outcome
    is_signal: bool = False


Ending = Returned | Raised | Decided

EncodeResult = Callable[[Any], bytes | None]


def decide(ending: Ending, interruption: Interruption | None, encode: EncodeResult) -> Outcome:
    """What to report about an attempt that ended so.

    `interruption` is what the handler was asked to stop for, None if it was not. A handler that returns in spite of
    being asked to stop has done its work, and that counts, unless the lease is lost.
    """
    match interruption, ending:
        case Interruption.LOST, _:
            return Drop()
        case _, Raised(error=HandlerFailed(decided=decided)):
            return decide(decided, interruption, encode)
        case _, Decided(outcome=Complete() | Reject() as outcome):
            return outcome
        case _, Decided(outcome=outcome, is_signal=True):
            return outcome
        case _, Returned(value=HandlerSignal() as signal):
            return _obey(signal)
        case _, Returned(value=value):
            return _complete(value, encode)
        case _, Raised(error=HandlerSignal() as signal):
            return _obey(signal)
        case Interruption.SHUTDOWN, _:
            # Whatever it raised, it did so because it was stopped: the attempt costs the job nothing.
            return Release()
        case Interruption.CANCELLED, Raised(error=asyncio.CancelledError()):
            # The database makes it `cancelled`, since the request is pending there.
            return Release()
        case Interruption.TIMED_OUT, Decided(outcome=Fail(error=report)):
            return Fail(error=replace(report, type="TimeoutError", message="the attempt timed out"))
        case _, Decided(outcome=outcome):
            return outcome
        case Interruption.TIMED_OUT, Raised(error=error):
            return Fail(error=report_error(error, message="the attempt timed out", type="TimeoutError"))
        case _, Raised(error=error):
            return Fail(error=report_error(error))


class HandlerFailed(Exception):
    """A handler in another process failed: what middleware sees of it. `report` is the error as it is kept."""

    def __init__(self, decided: Decided, report: ErrorReport) -> None:
        """The traceback of the other process is a note of this error."""
        super().__init__(f"{report.type}: {report.message}")
        self.decided = decided
        self.report = report
        if report.traceback is not None:
            self.add_note(report.traceback)


def open_up(decided: Decided, decode: Callable[[bytes], Any]) -> Any:
    """What the handler of another process returned; raises what it raised, an error of its own as HandlerFailed."""
    match decided.outcome:
        case Complete(result=result):
            return None if result is None else decode(result)
        case Release(delay=delay):
            raise Snooze(delay)
        case Fail(error=report, retryable=retryable, delay=delay) if decided.is_signal:
            raise Retry(delay, report.message) if retryable else Discard(report.message)
        case Fail(error=report):
            raise HandlerFailed(decided, report)
        case Reject(error=message):
            raise HandlerFailed(decided, ErrorReport(type="InvalidArgument", message=message))


def refuse_args(error: BaseException, type_name: str) -> Fail:
    """The arguments do not fit the handler's type: no attempt will ever do better."""
    message = f"the arguments do not fit {type_name}: {error}"
    return Fail(error=ErrorReport(type="InvalidArguments", message=message), retryable=False)


def _obey(signal: HandlerSignal) -> Outcome:
    match signal:
        case Retry(delay=delay):
            return Fail(error=report_error(signal), delay=delay)
        case Snooze(delay=delay):
            return Release(delay=delay)
        case Discard():
            return Fail(error=report_error(signal), retryable=False)
        case _:
            return Fail(error=report_error(signal))


def _complete(value: Any, encode: EncodeResult) -> Outcome:
    try:
        return Complete(encode(value))
    except (InvalidArgument, TooLarge) as error:
        return Reject(error=str(error))
    except Exception as error:  # noqa: BLE001  (a value that writes itself may raise anything)
        report = report_error(error)
        return Reject(error=f"the result cannot be written: {report.type}: {report.message}")
