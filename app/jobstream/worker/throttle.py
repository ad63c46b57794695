"""How often one job's progress is passed on (contract §3: at most 10 times a second, the last always)."""

from typing import Generic, TypeVar

T = TypeVar("T")

# A little over a tenth: the database stamps the events, and its clock and the network jitter.
INTERVAL = 0.105


class Throttle(Generic[T]):
    """Lets one value through an interval and keeps the latest of the others. Pure: it is told the time."""

    __slots__ = ("_free_at", "_interval", "held")

    def __init__(self, interval: float = INTERVAL) -> None:
        """`interval` in seconds."""
        self._interval = interval
        self._free_at = float("-inf")
        self.held: T | None = None

    def offer(self, value: T, now: float) -> T | None:
        """The value, if it may go now; else it is held in place of an earlier one, and None."""
        if now < self._free_at:
            self.held = value
            return None
        self._free_at = now + self._interval
        self.held = None
        return value

    def due_in(self, now: float) -> float | None:
        """Seconds until the held value may go; None if none is held."""
        return None if self.held is None else max(0.0, self._free_at - now)

    def take(self, now: float) -> T | None:
        """The held value, due or not (the job ends: its last progress always counts)."""
        value, self.held = self.held, None
        if value is not None:
            self._free_at = now + self._interval
        return value
