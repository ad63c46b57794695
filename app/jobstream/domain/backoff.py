"""How long a failed job waits before its next attempt (contract §1).

The database computes the due time by the same rule; this copy serves what has to show or check it beforehand.
"""

from typing import Literal

from msgspec import Struct

from jobstream.errors import ErrorDetail, InvalidArgument

BackoffType = Literal["exponential", "linear", "fixed"]


class Backoff(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A retry policy. `base` and `max` in seconds; `jitter` is a share of the delay, 0 to 1, to either side."""

    type: BackoffType = "exponential"
    base: float = 5.0
    max: float = 120.0
    jitter: float = 0.1

    def seconds(self, failures: int, *, spread: float = 0.0) -> float:
        """Seconds until the next attempt after that many failures (1 for the first).

        `spread` in [-1, 1] places the delay within the jitter: -1 its lower end, 0 its middle, 1 its upper end.
        """
        return min(self.max, self._plain(max(failures, 1))) * (1.0 + self.jitter * spread)

    def _plain(self, failures: int) -> float:
        match self.type:
            case "fixed":
                return self.base
            case "linear":
                return self.base * failures
            case "exponential":
                # 2 ** 1024 overflows a float; no maximum is anywhere near 2 ** 64 times its base.
                return self.base * 2.0 ** min(failures - 1, 64)

    def check(self) -> "Backoff":
        """This policy, or InvalidArgument if its numbers make none."""
        if not 0 <= self.base <= _YEAR or not 0 <= self.max <= _YEAR:
            raise InvalidArgument(
                "backoff: base and max are seconds between 0 and a year", detail=ErrorDetail(field="backoff")
            )
        if not 0 <= self.jitter <= 1:
            raise InvalidArgument(
                "backoff: jitter is a share between 0 and 1", detail=ErrorDetail(field="backoff")
            )
        return self


_YEAR = 366 * 86_400
DEFAULT_BACKOFF = Backoff()
