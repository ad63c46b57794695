"""Names for annotations of fixtures."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Connect: TypeAlias = "Callable[..., Awaitable[asyncpg.Connection[asyncpg.Record]]]"
