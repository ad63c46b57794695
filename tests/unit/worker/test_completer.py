"""What is done about a report that was refused."""

import pytest

from jobstream.errors import DatabaseUnavailable, Forbidden, InvalidArgument, LeaseLost, NotFound
from jobstream.worker.completer import Step, next_step


@pytest.mark.parametrize(
    ("error", "size", "step"),
    [
        (DatabaseUnavailable(), 1, Step.WAIT),
        (DatabaseUnavailable(), 1000, Step.WAIT),
        (LeaseLost(), 2, Step.SPLIT),
        (InvalidArgument(), 1000, Step.SPLIT),
        (TimeoutError(), 2, Step.SPLIT),
        (LeaseLost(), 1, Step.LOST),
        (NotFound(), 1, Step.LOST),
        (InvalidArgument(), 1, Step.REFUSED),
        (TimeoutError(), 1, Step.WAIT),
        (Forbidden(), 1, Step.WAIT),
    ],
)
def test_next_step(error: Exception, size: int, step: Step) -> None:
    assert next_step(error, size) is step


def test_in_a_hurry_nothing_is_cut_in_halves_because_it_takes_long() -> None:
    assert next_step(TimeoutError(), 1000, hurry=True) is Step.WAIT
    assert next_step(LeaseLost(), 1000, hurry=True) is Step.SPLIT
