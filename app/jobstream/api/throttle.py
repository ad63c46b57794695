"""How many writes one principal may ask of this process in a second. A batch is one; what workers say is not counted.

A leaky bucket each: so many at once, and as many again every second.
"""

from collections import OrderedDict
from typing import Any, Final

from aiolimiter import AsyncLimiter
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from jobstream.api.access import Caller, method_of
from jobstream.errors import RateLimited

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_KEPT: Final = 10_000
"""Principals; of more, whoever was here longest ago begins anew."""


class Throttle:
    """The buckets of one process."""

    def __init__(self, rate: float) -> None:
        """`rate`: writes a second; 0 for no limit."""
        self._rate = rate
        self._buckets: OrderedDict[str, AsyncLimiter] = OrderedDict()

    async def take(self, principal: str) -> None:
        """Count one write. Raises RateLimited, without counting it, for one too many."""
        if not self._rate:
            return
        bucket = self._buckets.get(principal)
        if bucket is None:
            bucket = self._buckets[principal] = AsyncLimiter(max(1.0, self._rate), max(1.0, 1 / self._rate))
            if len(self._buckets) > _KEPT:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(principal)
        if not bucket.has_capacity():
            raise RateLimited(
                f"more than {self._rate:g} writes a second: send batches, or wait", retry_after=1 / self._rate
            )
        await bucket.acquire()


async def throttle(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """The guard behind that which finds out who it is."""
    caller = connection.scope.get("user")
    # Workers' verbs are bounded by the jobs that there are, and one that is refused would cost a lease.
    if isinstance(caller, Caller) and method_of(connection) not in _SAFE and is_counted(handler):
        await connection.app.state.jobstream.throttle.take(caller.principal)


def is_counted(handler: BaseRouteHandler) -> bool:
    """Whether a write through this route counts."""
    return handler.opt.get("jobstream.scope") in ("read", "write", "operate")
