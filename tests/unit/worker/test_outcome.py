"""How each way to end is reported."""

import asyncio
from typing import Any

import pytest

from jobstream.errors import InvalidArgument
from jobstream.worker.outcome import (
    Complete,
    Drop,
    Ending,
    Fail,
    Interruption,
    Outcome,
    Raised,
    Reject,
    Release,
    Returned,
    decide,
    refuse_args,
)
from jobstream.worker.signals import Discard, Retry, Snooze


def encode(value: Any) -> bytes | None:
    if value == "unstorable":
        raise InvalidArgument("result: a NUL character cannot be stored")
    return None if value is None else repr(value).encode()


def decided(ending: Ending, interruption: Interruption | None = None) -> Outcome:
    return decide(ending, interruption, encode)


def failed(ending: Ending, interruption: Interruption | None = None) -> Fail:
    outcome = decided(ending, interruption)
    assert isinstance(outcome, Fail)
    return outcome


def test_a_value_is_done() -> None:
    assert decided(Returned(1)) == Complete(b"1")


def test_no_value_is_done_without_result() -> None:
    assert decided(Returned(None)) == Complete(None)


def test_a_value_that_cannot_be_stored_is_rejected() -> None:
    assert decided(Returned("unstorable")) == Reject("result: a NUL character cannot be stored")


def test_an_exception_is_a_failure_with_type_and_message() -> None:
    outcome = failed(Raised(LookupError("gone")))
    assert (outcome.error.type, outcome.error.message) == ("LookupError", "gone")
    assert outcome.retryable and outcome.delay is None


@pytest.mark.parametrize("ending", [Raised(Retry(7, "busy")), Returned(Retry(7, "busy"))])
def test_retry_is_a_failure_with_its_own_delay(ending: Ending) -> None:
    outcome = failed(ending)
    assert (outcome.delay, outcome.retryable, outcome.error.message) == (7.0, True, "busy")


@pytest.mark.parametrize("ending", [Raised(Snooze(7)), Returned(Snooze(7))])
def test_snooze_is_no_failure(ending: Ending) -> None:
    assert decided(ending) == Release(delay=7.0)


@pytest.mark.parametrize("ending", [Raised(Discard("no use")), Returned(Discard("no use"))])
def test_discard_is_not_retryable(ending: Ending) -> None:
    outcome = failed(ending)
    assert not outcome.retryable and outcome.error.message == "no use"


def test_a_handler_that_cancels_itself_has_failed() -> None:
    assert failed(Raised(asyncio.CancelledError())).retryable


def test_system_exit_is_a_failure() -> None:
    assert failed(Raised(SystemExit(3))).error.message == "3"


@pytest.mark.parametrize("ending", [Returned(1), Raised(LookupError()), Raised(asyncio.CancelledError())])
def test_nothing_is_told_of_a_lost_lease(ending: Ending) -> None:
    assert decided(ending, Interruption.LOST) == Drop()


@pytest.mark.parametrize("reason", [r for r in Interruption if r is not Interruption.LOST])
def test_a_handler_that_returns_though_asked_to_stop_is_done(reason: Interruption) -> None:
    assert decided(Returned(1), reason) == Complete(b"1")


@pytest.mark.parametrize("error", [asyncio.CancelledError(), RuntimeError("while unwinding")])
def test_a_shutdown_costs_no_failure(error: BaseException) -> None:
    assert decided(Raised(error), Interruption.SHUTDOWN) == Release()


def test_a_cancelled_job_is_released_for_the_database_to_end() -> None:
    assert decided(Raised(asyncio.CancelledError()), Interruption.CANCELLED) == Release()


def test_an_error_while_being_cancelled_is_kept() -> None:
    assert failed(Raised(OSError("disk")), Interruption.CANCELLED).error.message == "disk"


@pytest.mark.parametrize("error", [asyncio.CancelledError(), RuntimeError("while unwinding")])
def test_a_timeout_is_a_failure_that_says_so(error: BaseException) -> None:
    outcome = failed(Raised(error), Interruption.TIMED_OUT)
    assert (outcome.error.type, outcome.error.message) == ("TimeoutError", "the attempt timed out")


def test_args_that_do_not_fit_are_not_retryable() -> None:
    outcome = refuse_args(InvalidArgument("Expected `int`, got `str` - at `$.x`"), "Point")
    assert not outcome.retryable
    assert outcome.error.message == "the arguments do not fit Point: Expected `int`, got `str` - at `$.x`"
