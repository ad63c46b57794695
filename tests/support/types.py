"""Names for annotations of fixtures."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import asyncpg  # noqa: TC002 -- the aliases below are read by people and mypy

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Connect: TypeAlias = "Callable[..., Awaitable[asyncpg.Connection[asyncpg.Record]]]"
