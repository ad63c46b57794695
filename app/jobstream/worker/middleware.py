"""Middleware: what an application wraps around its jobs, such as tracing, error trackers, a session for each job.

A middleware is `async def around(ctx, proceed)`: it runs in the handler's own task, sees what `await proceed()` returns or
raises, and decides by its own return or exception how the attempt ends.
"""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    from jobstream.worker.context import JobContext

Proceed: TypeAlias = Callable[[], Awaitable[Any]]
"""Runs what is further inside; gives the handler's result, raises what it raised."""

Middleware: TypeAlias = "Callable[[JobContext, Proceed], Awaitable[Any]]"
"""Is given the job's context and `proceed`. What it returns is the job's result."""

MiddlewareT = TypeVar("MiddlewareT", bound="Callable[[JobContext, Proceed], Awaitable[Any]]")


def check_middleware(layer: MiddlewareT) -> MiddlewareT:
    """The middleware, if it is `async`. Raises TypeError."""
    if inspect.iscoroutinefunction(layer) or inspect.iscoroutinefunction(getattr(layer, "__call__", None)):  # noqa: B004  (its kind is asked)
        return layer
    raise TypeError(f"a middleware is `async def (ctx, proceed)`, not {layer!r}")


def wrapped(layers: Sequence[Middleware], ctx: "JobContext", call: Proceed) -> Proceed:
    """The call inside all layers, the first of them outermost."""
    for layer in reversed(layers):
        call = partial(layer, ctx, call)
    return call
