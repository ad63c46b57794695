import copy
import pickle

import pytest

from jobstream.errors import (
    Conflict,
    ErrorDetail,
    JobCancelled,
    JobFailed,
    JobStreamError,
    KeyReused,
    LeaseLost,
    RateLimited,
    SettingsError,
)

EVERY = [
    Conflict("no"),
    KeyReused("used", detail=ErrorDetail(ordinal=3, id="x")),
    JobFailed("id", reason="attempts", last_error="broken"),
    JobCancelled("id", reason="requested", last_error=None),
    RateLimited("slow", retry_after=2.5),
    SettingsError(["A is missing", "B is wrong"]),
]


@pytest.mark.parametrize("error", EVERY)
def test_errors_cross_to_other_processes(error: JobStreamError) -> None:
    for same in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (type(same), str(same), vars(same)) == (type(error), str(error), vars(error))


def test_an_error_without_a_word_says_what_its_class_means() -> None:
    assert LeaseLost().message == "The attempt that was named no longer holds the job. Drop the work."


def test_each_of_several_callers_gets_an_error_of_its_own_without_a_place_in_the_batch() -> None:
    error = KeyReused("used", detail=ErrorDetail(ordinal=3, field="idempotency_key", id="x"))
    own = error.for_one()
    assert own is not error
    assert (type(own), own.message) == (KeyReused, "used")
    assert own.detail == ErrorDetail(field="idempotency_key", id="x")
    assert error.detail is not None
    assert error.detail.ordinal == 3


def test_a_failed_job_says_why() -> None:
    error = EVERY[2]
    assert isinstance(error, JobFailed)
    assert (error.job_id, error.reason, error.last_error) == ("id", "attempts", "broken")
    assert str(error) == "job id failed (attempts): broken"
    assert str(EVERY[3]) == "job id was cancelled (requested)"
