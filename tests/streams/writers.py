"""Writers as a database meets them: over SQL and HTTP, in transactions that roll back, save, linger and commit late."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx

from tests.support import Connection

QUEUES = ("red", "green", "blue")
TEAMS = ("a", "b", "c")
EXPECTED = (
    asyncpg.exceptions.DeadlockDetectedError,
    asyncpg.exceptions.LockNotAvailableError,
    asyncpg.exceptions.UnknownPostgresError,  # JS4xx: another writer was faster
    asyncpg.exceptions.ForeignKeyViolationError,
)


@dataclass
class Known:
    """Jobs that any writer may pick, those that clients follow among them."""

    followed: list[str]
    jobs: list[str] = field(default_factory=list)

    def some(self, generator: random.Random) -> str:
        """Pick a followed job now and then, else one of the last made."""
        if not self.jobs or generator.random() < 0.5:
            return generator.choice(self.followed)
        return generator.choice(self.jobs[-200:])


class SqlWriter:
    """One connection, one transaction after the other."""

    def __init__(self, connection: Connection, generator: random.Random, known: Known) -> None:
        self._connection = connection
        self._random = generator
        self._known = known
        self.counts: dict[str, int] = {"committed": 0, "rolled back": 0, "refused": 0, "prepared": 0}

    async def run(self) -> None:
        """Write until cancelled."""
        await self._connection.execute("set lock_timeout = '150ms'")
        while True:
            await self._transaction()
            await asyncio.sleep(self._random.uniform(0, 0.05))

    async def _transaction(self) -> None:
        kind = self._random.random()
        await self._connection.execute("begin")
        try:
            await self._prepare(kind)
            for _ in range(self._random.randint(1, 5)):
                await self._within_savepoint()
            if self._random.random() < 0.06:
                await asyncio.sleep(self._random.uniform(1, 3))
            await self._end(kind)
        except EXPECTED:
            self.counts["refused"] += 1
            await self._connection.execute("rollback")
        except BaseException:
            if not self._connection.is_closed():
                await asyncio.shield(self._connection.execute("rollback"))
            raise

    async def _prepare(self, kind: float) -> None:
        if kind < 0.2:
            await self._connection.execute("set local synchronous_commit = off")
        elif kind < 0.3:
            await self._connection.execute("set constraints all immediate")
        elif kind < 0.35:
            await self._connection.execute("set local jobstream.bell = 'off'")

    async def _end(self, kind: float) -> None:
        if 0.3 <= kind < 0.35:
            await to_its_end(self._two_phases(f"storm_{id(self)}_{self.counts['prepared']}"))
            self.counts["prepared"] += 1
        elif self._random.random() < 0.2:
            await self._connection.execute("rollback")
            self.counts["rolled back"] += 1
        else:
            await self._connection.execute("commit")
            self.counts["committed"] += 1

    async def _two_phases(self, name: str) -> None:
        await self._connection.execute(f"prepare transaction '{name}'")
        await asyncio.sleep(self._random.uniform(0, 0.5))
        await self._connection.execute(f"commit prepared '{name}'")

    async def _within_savepoint(self) -> None:
        await self._connection.execute("savepoint here")
        try:
            await self._something()
        except EXPECTED:
            self.counts["refused"] += 1
            await self._connection.execute("rollback to savepoint here")
            return
        if self._random.random() < 0.15:
            await self._connection.execute("rollback to savepoint here")

    async def _something(self) -> None:
        await self._random.choice([self._enqueue, self._enqueue, self._work, self._work, self._steer])()

    async def _enqueue(self) -> None:
        id = await self._connection.fetchval(
            "select id from jobstream.enqueue('storm', queue => $1, labels => $2, priority => $3)",
            self._random.choice(QUEUES),
            json.dumps({"team": self._random.choice(TEAMS)}),
            self._random.randint(-2, 2),
        )
        self._known.jobs.append(id)

    async def _work(self) -> None:
        queues = self._random.choice([["followed"], [self._random.choice(QUEUES)]])
        for job in await self._connection.fetch(
            "select id, attempt from jobstream.claim($1::text[], $2)", queues, self._random.randint(1, 3)
        ):
            for _ in range(self._random.randint(0, 3)):
                await self._say(job["id"], job["attempt"])
            await self._finish(job["id"], job["attempt"])

    async def _say(self, id: str, attempt: int) -> None:
        call = self._random.choice(
            [
                "report_progress($1, $2, 1, 2, 'half')",
                "log($1, $2, 'said')",
                """emit($1, $2, 'built.it', '{"n": 1}')""",
            ]
        )
        await self._connection.execute(f"select jobstream.{call}", id, attempt)

    async def _finish(self, id: str, attempt: int) -> None:
        call = self._random.choice(
            [
                "complete($1, $2, '[1]')",
                "complete($1, $2, '[1]')",
                """fail($1, $2, '"no"', false)""",
                "release($1, $2)",
            ]
        )
        await self._connection.execute(f"select jobstream.{call}", id, attempt)

    async def _steer(self) -> None:
        statement = self._random.choice(
            [
                "select jobstream.retry($1)",
                "select jobstream.retry($1)",
                "select jobstream.cancel($1, true)",
                "update jobstream.jobs set priority = priority + 1 where id = $1",
            ]
        )
        await self._connection.execute(statement, self._known.some(self._random))


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Do it whole, also where the writer is cancelled meanwhile: what stays prepared keeps the database from being dropped."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


class HttpWriter:
    """A caller and a worker over HTTP, at whichever instance answers."""

    def __init__(self, addresses: list[str], generator: random.Random, known: Known) -> None:
        self._addresses = addresses
        self._random = generator
        self._known = known
        self._made = 0
        self.counts: dict[str, int] = {"answered": 0, "unanswered": 0}

    async def run(self) -> None:
        """Write until cancelled."""
        async with httpx.AsyncClient(timeout=10) as http:
            actions: list[Callable[[httpx.AsyncClient], Awaitable[None]]] = [
                self._create,
                self._work,
                self._work,
                self._steer,
            ]
            while True:
                with suppress(httpx.HTTPError):
                    await self._random.choice(actions)(http)
                await asyncio.sleep(self._random.uniform(0, 0.05))

    async def _post(
        self, http: httpx.AsyncClient, path: str, body: object, **headers: str
    ) -> dict[str, Any] | None:
        url = f"{self._random.choice(self._addresses)}/api/v1{path}"
        try:
            answer = await http.post(url, json=body, headers=headers)
        except httpx.HTTPError:
            self.counts["unanswered"] += 1
            raise
        self.counts["answered"] += 1
        assert answer.status_code < 500, answer.text
        return dict(answer.json()) if answer.status_code < 400 else None

    async def _create(self, http: httpx.AsyncClient) -> None:
        self._made += 1
        spec = {
            "kind": "storm",
            "queue": self._random.choice(QUEUES),
            "labels": {"team": self._random.choice(TEAMS)},
        }
        made = await self._post(
            http, "/jobs", {"spec": spec}, **{"Idempotency-Key": f"{id(self)}-{self._made}"}
        )
        assert made is not None
        self._known.jobs.append(made["id"])

    async def _work(self, http: httpx.AsyncClient) -> None:
        queues = self._random.choice([["followed"], [self._random.choice(QUEUES)]])
        claimed = await self._post(http, "/leases", {"queues": queues, "worker": "http", "limit": 2})
        assert claimed is not None
        for lease in claimed["leases"]:
            verbs = f"/jobs/{lease['job']['id']}"
            attempt = {"attempt": lease["attempt"]}
            await self._post(http, f"{verbs}/progress", {**attempt, "current": 1, "total": 2})
            await self._post(http, f"{verbs}/complete", {**attempt, "result": 1})

    async def _steer(self, http: httpx.AsyncClient) -> None:
        verb = self._random.choice(["retry", "cancel", "run-now"])
        await self._post(http, f"/jobs/{self._known.some(self._random)}/{verb}", {})
