"""How many streams may be open: in one process, and of them for one principal."""

import resource
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from jobstream.errors import RateLimited

_MOST: Final = 20_000
"""At 20 KiB each, and half a second of one core for an event that all of them want."""


def at_most() -> int:
    """How many streams may be open and leave files for requests and the database: each is one."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return min(_MOST, files * 4 // 5)


class Overloaded(RateLimited):
    """There is no place for this stream now, or it would wait for too long: it had better come back later."""

    def __init__(self) -> None:
        """Nothing to tell apart."""
        super().__init__("too many streams are open, or begin just now", retry_after=5.0)


class Places:
    """Counts who is here. Nobody is asked to go: whoever comes and finds no place is told to come back."""

    def __init__(self, *, most: int, each: int) -> None:
        """`most` in all, `each` for one principal."""
        self.most = most
        self._each = each
        self._taken: Counter[str] = Counter()
        self._all = 0
        self.refused = 0

    def __len__(self) -> int:
        """How many are taken."""
        return self._all

    @contextmanager
    def taken(self, principal: str) -> Iterator[None]:
        """One place while inside. Raises Overloaded if there is none."""
        if self._all >= self.most or self._taken[principal] >= self._each:
            self.refused += 1
            raise Overloaded
        self._taken[principal] += 1
        self._all += 1
        try:
            yield
        finally:
            self._all -= 1
            self._taken[principal] -= 1
            if not self._taken[principal]:
                del self._taken[principal]
