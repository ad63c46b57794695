"""Ten a second, and always the last."""

from jobstream.worker.throttle import Throttle


def test_the_first_goes_at_once() -> None:
    assert Throttle[int](0.1).offer(1, now=5.0) == 1


def test_the_latest_of_an_interval_is_held() -> None:
    throttle = Throttle[int](0.1)
    throttle.offer(1, now=0.0)
    assert throttle.offer(2, now=0.01) is None
    assert throttle.offer(3, now=0.02) is None
    assert throttle.held == 3
    assert throttle.due_in(0.04) == 0.1 - 0.04


def test_what_was_held_goes_when_it_is_taken() -> None:
    throttle = Throttle[int](0.1)
    throttle.offer(1, now=0.0)
    throttle.offer(2, now=0.05)
    assert throttle.take(now=0.1) == 2
    assert throttle.take(now=0.1) is None
    assert throttle.due_in(0.1) is None


def test_after_a_held_one_was_taken_the_interval_begins_anew() -> None:
    throttle = Throttle[int](0.1)
    throttle.offer(1, now=0.0)
    throttle.offer(2, now=0.05)
    throttle.take(now=0.1)
    assert throttle.offer(3, now=0.15) is None
    assert throttle.offer(4, now=0.25) == 4


def test_a_later_value_replaces_a_held_one_that_is_overdue() -> None:
    throttle = Throttle[int](0.1)
    throttle.offer(1, now=0.0)
    throttle.offer(2, now=0.05)
    assert throttle.offer(3, now=0.2) == 3
    assert throttle.held is None


def test_never_more_than_ten_in_a_second() -> None:
    throttle = Throttle[int]()
    sent = [now / 1000 for now in range(10_000) if throttle.offer(now, now / 1000) is not None]
    assert all(later - earlier >= 0.1 for earlier, later in zip(sent, sent[10:], strict=False))
    assert max(sum(start <= at < start + 1 for at in sent) for start in sent) <= 10
