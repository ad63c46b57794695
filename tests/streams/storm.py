"""Two servers, sixteen writers, forty clients, and everything cut that can be: what each client got in the end."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from tests.streams.followers import Follower, Verdict
from tests.streams.reading import FORGETFUL, ROOT, SERVE
from tests.streams.writers import QUEUES, TEAMS, HttpWriter, Known, SqlWriter
from tests.support import Connect, Connection, Process, free_port
from tests.support.databases import with_database

CALM_SECONDS = 15.0
LISTENERS = """
select pg_terminate_backend(pid)
from pg_stat_activity
where datname = current_database() and application_name = 'jobstream serve listener' and random() < 0.7
"""
STEPS = [
    {"key": "fetch", "kind": "step", "queue": "followed"},
    {"key": "parse", "kind": "step", "queue": "followed", "after": ["fetch"]},
    {"key": "store", "kind": "step", "queue": "followed", "after": ["parse"]},
]


@dataclass
class Figures:
    """What a run was made of."""

    seed: int
    seconds: float
    killed: int = 0
    restarts: int = 0
    events: int = 0
    delivered: int = 0
    writes: Counter[str] = field(default_factory=Counter)
    visits: Counter[str] = field(default_factory=Counter)
    verdicts: list[Verdict] = field(default_factory=list)

    def __str__(self) -> str:
        wrong = [verdict for verdict in self.verdicts if not verdict.exact]
        return (
            f"seed {self.seed}, {self.seconds:.0f} s: {self.events} events, {self.delivered} deliveries to"
            f" {len(self.verdicts)} clients, {self.killed} LISTEN backends killed, {self.restarts} restarts;"
            f" writers {dict(self.writes)}; visits {dict(self.visits)}; lost {self.sum('lost')},"
            f" repeated {self.sum('repeated')}, out of order {self.sum('disordered')}, inexact clients {len(wrong)}"
        )

    def sum(self, name: str) -> int:
        """Add a figure up over all clients."""
        return sum(getattr(verdict, name) for verdict in self.verdicts)


class Storm:
    """One run. `commands` start the servers: one that serves most from its ring, one that serves most from the table."""

    def __init__(
        self,
        *,
        url: str,
        connect: Connect,
        seed: int,
        commands: tuple[tuple[str, ...], ...] = (SERVE, FORGETFUL),
        restarts: bool = True,
    ) -> None:
        self._url = url
        self._connect = connect
        self._commands = commands
        self._restarts = restarts
        self._seed = seed
        self._random = random.Random(seed)
        self._ports = [free_port(), free_port()]
        self._addresses = [f"http://127.0.0.1:{port}" for port in self._ports]

    async def run(self, seconds: float) -> Figures:
        """Let it rage that long, let all clients catch up, compare."""
        figures = Figures(self._seed, seconds)
        conn = await self._connect()
        async with AsyncExitStack() as stack:
            places = list(zip(self._commands, self._ports, strict=True))
            servers = [stack.enter_context(self._serve(*place)) for place in places]
            for server in servers:
                await server.address()
            await self._hold_an_xid(stack)
            followers, known = await self._prepared(conn)
            following = await stack.enter_async_context(running([follower.run for follower in followers]))
            await asyncio.gather(*(follower.greeted.wait() for follower in followers))
            writers = await self._writers(known)
            async with running(
                [*(writer.run for writer in writers), lambda: self._kill_listeners(conn, figures)]
            ):
                await asyncio.sleep(seconds / 2)
                for server, place in zip(servers, places if self._restarts else (), strict=False):
                    await server.stop()
                    await stack.enter_context(self._serve(*place)).address()
                    figures.restarts += 1
                await asyncio.sleep(seconds / 2)
            figures.verdicts = await self._settle(conn, followers)
            assert not [task for task in following if task.done()]
            for follower in followers:
                figures.visits += follower.visits
                figures.delivered += len(follower.got)
            for writer in writers:
                figures.writes.update(writer.counts)
            figures.events = await conn.fetchval("select count(*) from jobstream.job_events")
        return figures

    def _serve(self, command: tuple[str, ...], port: int) -> Process:
        return Process(
            "serve",
            "--port",
            str(port),
            command=command,
            cwd=ROOT,
            environ={
                "JOBSTREAM_DATABASE_URL": self._url,
                "JOBSTREAM_AUTH": "off",
                "JOBSTREAM_POOL_SIZE": "5",
                "JOBSTREAM_HEARTBEAT_SECONDS": "0.3",
                "JOBSTREAM_DRAIN_SECONDS": "1",
            },
        )

    async def _hold_an_xid(self, stack: AsyncExitStack) -> None:
        """In another database, to the end: what stalls every cursor that waits for the oldest transaction."""
        other = await asyncpg.connect(with_database(self._url, "postgres"))
        stack.push_async_callback(other.close)
        await other.execute("begin; select pg_current_xact_id()")

    async def _prepared(self, conn: Connection) -> tuple[list[Follower], Known]:
        jobs = [
            await conn.fetchval("select id from jobstream.enqueue('followed', queue => 'followed')")
            for _ in range(8)
        ]
        made = [
            json.loads(
                await conn.fetchval("select jobstream.create_pipeline('p', $1::jsonb)", json.dumps(STEPS))
            )
            for _ in range(4)
        ]
        pipelines = [pipeline["id"] for pipeline in made]
        steps = [id for pipeline in made for id in pipeline["jobs"].values()]
        questions = [(f"/jobs/{id}/events", f"e.job_id = '{id}'") for id in jobs]
        questions += [
            (f"/events?queue={queue}&from=earliest", f"e.queue = '{queue}'")
            for queue in (*QUEUES, "followed") * 2
        ]
        questions += [
            (f"/events?label=team:{team}&from=earliest", f"e.labels ->> 'team' = '{team}'")
            for team in TEAMS * 2
        ]
        questions += [
            ("/events?from=earliest&status=done&status=running&type=status", STARTED),
            ("/events?from=earliest&type=progress&queue=red&queue=blue", PROGRESS),
        ]
        questions += [("/events?from=earliest", "true")] * 8
        questions += [
            (f"/events?pipeline_id={id}&from=earliest", f"e.pipeline_id = '{id}'") for id in pipelines * 2
        ]
        followers = [
            Follower(f"/api/v1{path}", where, self._addresses, random.Random(self._random.random()))
            for path, where in questions
        ]
        assert len(followers) == 40
        return followers, Known([*jobs, *steps])

    async def _writers(self, known: Known) -> list[SqlWriter | HttpWriter]:
        sql = [
            SqlWriter(await self._connect(), random.Random(self._random.random()), known) for _ in range(11)
        ]
        http = [HttpWriter(self._addresses, random.Random(self._random.random()), known) for _ in range(5)]
        return [*sql, *http]

    async def _kill_listeners(self, conn: Connection, figures: Figures) -> None:
        while True:
            await asyncio.sleep(self._random.uniform(0.3, 2))
            figures.killed += len(await conn.fetch(LISTENERS))

    async def _settle(self, conn: Connection, followers: list[Follower]) -> list[Verdict]:
        """Until every client has as much as the table, or nothing has come to any of them for a while.

        To compare them all may take longer than that while: what came meanwhile counts.
        """
        now = asyncio.get_running_loop().time
        calm_since, before = now(), -1
        while True:
            verdicts = [await follower.compare(conn) for follower in followers]
            if all(verdict.lost == 0 for verdict in verdicts):
                return verdicts
            if (got := sum(len(follower.got) for follower in followers)) != before:
                calm_since, before = now(), got
            elif now() >= calm_since + CALM_SECONDS:
                return verdicts
            await asyncio.sleep(0.3)


STARTED = "e.type = 'status' and e.status in ('done', 'running')"
PROGRESS = "e.type = 'progress' and e.queue in ('red', 'blue')"


@asynccontextmanager
async def running(components: list[Callable[[], Awaitable[Any]]]) -> AsyncIterator[list["asyncio.Task[Any]"]]:
    """Run them while inside."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_run(component)) for component in components]
        yield tasks
        for task in tasks:
            task.cancel()


async def _run(component: Callable[[], Awaitable[Any]]) -> None:
    await component()
