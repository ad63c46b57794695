import pytest

from jobstream.domain.backoff import DEFAULT_BACKOFF, Backoff
from jobstream.errors import InvalidArgument


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 5), (1, 5), (2, 10), (3, 20), (5, 80), (6, 120), (10_000, 120)]
)
def test_the_default_doubles_from_five_seconds_to_two_minutes(failures: int, seconds: float) -> None:
    assert DEFAULT_BACKOFF.seconds(failures) == seconds


def test_linear_grows_by_its_base() -> None:
    assert [Backoff(type="linear", base=3, max=8).seconds(n) for n in (1, 2, 3)] == [3, 6, 8]


def test_fixed_stays() -> None:
    assert {Backoff(type="fixed", base=7).seconds(n) for n in range(1, 9)} == {7}


def test_jitter_spreads_to_either_side() -> None:
    policy = Backoff(type="fixed", base=10, jitter=0.5)
    assert [policy.seconds(1, spread=spread) for spread in (-1, 0, 1)] == [5, 10, 15]


@pytest.mark.parametrize(
    "policy", [Backoff(base=-1), Backoff(max=1e12), Backoff(jitter=1.5), Backoff(base=float("nan"))]
)
def test_numbers_that_make_no_policy_are_refused(policy: Backoff) -> None:
    with pytest.raises(InvalidArgument, match="backoff"):
        policy.check()


def test_a_sound_policy_passes_its_check() -> None:
    assert DEFAULT_BACKOFF.check() is DEFAULT_BACKOFF
