"""What a handler raises, or returns, to say that it ended otherwise than done or failed.

They are values as much as exceptions: `raise Retry(60)` and `return Retry(60)` mean the same.
"""

from datetime import timedelta

Delay = float | timedelta


class HandlerSignal(Exception):
    """The common base; not for handlers to raise."""


class Retry(HandlerSignal):
    """This attempt failed; try again after `delay` instead of the job's own backoff. Counts as a failure."""

    def __init__(self, delay: Delay | None = None, message: str = "the handler asked for a retry") -> None:
        """`delay` in seconds, or a timedelta; None for the job's backoff. `message` is kept as the error."""
        super().__init__(message)
        self.delay = None if delay is None else to_seconds(delay)


class Snooze(HandlerSignal):
    """Not now: the job comes back after `delay`. Counts neither as a failure nor against `max_attempts`."""

    def __init__(self, delay: Delay) -> None:
        """`delay` in seconds, or a timedelta."""
        super().__init__("the handler asked to be called later")
        self.delay = to_seconds(delay)


class Discard(HandlerSignal):
    """No attempt will help: the job goes to `dlq` at once, with `reason` as its error."""

    def __init__(self, reason: str = "the handler discarded the job") -> None:
        """`reason` is for people; it becomes the job's `last_error`."""
        super().__init__(reason)


def to_seconds(delay: Delay) -> float:
    """A delay in seconds. Raises ValueError where it is negative or no number."""
    seconds = delay.total_seconds() if isinstance(delay, timedelta) else float(delay)
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"a delay is a number of seconds from 0 on, not {delay!r}")
    return seconds
