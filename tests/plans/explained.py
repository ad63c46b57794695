"""The plans of everything that a connection runs, as the server itself tells them: nested statements of functions too."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from jobstream.store.pool import Connection as StoreConnection
from jobstream.store.pool import Database
from tests.support import Connection

# The extension comes with every PostgreSQL; the settings want a superuser.
SETTINGS = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_format": "json",
    "client_min_messages": "log",
}
TABLES = ("jobs", "job_labels", "job_awaits", "job_events")
# What is small may be read as a whole: days without events, the net.
LARGE = "select relname from pg_class where relnamespace = 'jobstream'::regnamespace and reltuples > 1000"
# The server tells a plan when the statement's portal is closed, which the next statement does.
NEXT = "select 'next'"
# Indexes of days bear names of their own; they go by the one that they are a part of.
PARENTS = """
select i.inhrelid::regclass::text as part, i.inhparent::regclass::text as whole
from pg_inherits as i
inner join pg_class as c on i.inhrelid = c.oid
where c.relnamespace = 'jobstream'::regnamespace
"""


@dataclass(frozen=True)
class Plan:
    """One statement: its text, the indexes of large tables that it goes by, the large tables that it goes through.

    `rejected`: rows that were read in vain, where the server was told to count (`auto_explain.log_analyze`).
    """

    text: str
    indexes: frozenset[str]
    whole: frozenset[str]
    rejected: float


@dataclass
class Plans:
    """What a connection ran since the last `clear`."""

    connection: Connection
    parents: dict[str, str]
    large: frozenset[str]
    all: list[Plan] = field(default_factory=list)

    async def begin(self) -> None:
        """From here on."""
        await self.connection.execute(NEXT)
        self.all.clear()

    async def end(self) -> None:
        """Up to here."""
        await self.connection.execute(NEXT)

    def of(self, fragment: str = "") -> list[Plan]:
        """The plans of statements with that text."""
        return [plan for plan in self.all if fragment in " ".join(plan.text.split())]

    def indexes(self, fragment: str = "") -> set[str]:
        """The indexes of large tables that those statements went by; none may go through a large table."""
        plans = self.of(fragment)
        assert plans, f"nothing was run with {fragment!r}"
        for plan in plans:
            assert not plan.whole, f"all of {', '.join(plan.whole)} is read by: {plan.text}"
        return set().union(*(plan.indexes for plan in plans))

    def hear(self, _: Any, message: Any) -> None:
        """A listener of asyncpg."""
        head, _, body = message.message.partition("plan:\n")
        if head.startswith("duration:"):
            told = json.loads(body)
            self.all.append(self._plan(told["Query Text"], list(_nodes(told["Plan"]))))

    def _plan(self, text: str, nodes: Sequence[dict[str, Any]]) -> Plan:
        return Plan(
            text,
            frozenset(
                index
                for node in nodes
                if (index := self._parent(node.get("Index Name", ""))).startswith(TABLES)
            ),
            frozenset(
                node["Relation Name"]
                for node in nodes
                if node["Node Type"] == "Seq Scan" and node["Relation Name"] in self.large
            ),
            sum(node.get("Rows Removed by Filter", 0) * node.get("Actual Loops", 0) for node in nodes),
        )

    def _parent(self, name: str) -> str:
        return self.parents.get(f"jobstream.{name}", name).removeprefix("jobstream.")


class ExplainedDatabase(Database):
    """The stores' database, on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.is_direct = True

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[StoreConnection]:
        yield self._connection

    async def fetch(
        self, query: str, *args: Any, connection: StoreConnection | None = None
    ) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self._connection.fetch(query, *args)
        await self._connection.execute(NEXT)
        return rows


@asynccontextmanager
async def explained(url: str) -> AsyncIterator[Plans]:
    """The plans of what a connection runs."""
    connection: Connection = await asyncpg.connect(url, server_settings=SETTINGS)
    try:
        parents = {row["part"]: row["whole"] for row in await connection.fetch(PARENTS)}
        large = frozenset(row["relname"] for row in await connection.fetch(LARGE))
        plans = Plans(connection, parents, large)
        connection.add_log_listener(plans.hear)
        yield plans
        connection.remove_log_listener(plans.hear)
    finally:
        await connection.close()


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)
