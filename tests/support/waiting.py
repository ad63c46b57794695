"""Waiting on a condition, with a bound: the only waiting that tests do."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")

INTERVAL = 0.01


@overload
async def eventually(predicate: Callable[[], Awaitable[T]], timeout: float = 20.0) -> T: ...


@overload
async def eventually(predicate: Callable[[], T], timeout: float = 20.0) -> T: ...


async def eventually(predicate: Callable[[], Any], timeout: float = 20.0) -> Any:
    """Ask until the answer is truthy and return it; fail after `timeout` seconds.

    An AssertionError counts as not yet, so a predicate may consist of asserts and return True; the last one is raised
    at the end.
    """
    deadline = time.monotonic() + timeout
    while True:
        failure: AssertionError | None = None
        answer = None
        try:
            asked = predicate()
            answer = await asked if inspect.isawaitable(asked) else asked
        except AssertionError as error:
            failure = error
        if answer and failure is None:
            return answer
        if time.monotonic() > deadline:
            raise failure or AssertionError(f"not so within {timeout} s; the last answer was {answer!r}")
        await asyncio.sleep(INTERVAL)


def eventually_sync(predicate: Callable[[], T], timeout: float = 20.0) -> T:
    """Do the same where there is no event loop."""
    deadline = time.monotonic() + timeout
    while not (answer := predicate()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not so within {timeout} s; the last answer was {answer!r}")
        time.sleep(INTERVAL)
    return answer
