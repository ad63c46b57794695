"""The bell is a hint: whoever rings, or does not, and however late a commit comes, its event is in the first look after it."""

import asyncio
import random
from bisect import bisect_left
from collections import Counter

import pytest

from jobstream.api.streams.source import DIMENSIONS, Place, StoredEvents
from jobstream.hub import Feed, Hub, Step
from jobstream.hub.message import EVERYTHING
from jobstream.store.events import EventStore
from jobstream.store.listener import Listener
from jobstream.store.pool import Database
from tests.streams.reading import heard, serving, told
from tests.streams.wire import Block
from tests.support import Connect, Connection, eventually
from tests.support.sql import enqueue

COMMITS = 1_600
COMMITS_IN_FULL = 10_000
WRITERS = 16
MAKE = "select id from jobstream.enqueue('k')"


class Watched(StoredEvents):
    """A source that notes when each look began, and in which one each job's event was found."""

    def __init__(self, events: EventStore) -> None:
        super().__init__(events)
        self.began: list[float] = []
        self.found: dict[str, int] = {}

    async def step(self, place: Place) -> Step[Place] | None:
        self.began.append(asyncio.get_running_loop().time())
        look = len(self.began) - 1
        step = await super().step(place)
        assert step is not None
        for message in step.messages:
            self.found.setdefault(message.facets["job_id"][0], look)
        return step


class Writer:
    """Commits one job after the other, each time in another way."""

    def __init__(self, connection: Connection, generator: random.Random) -> None:
        self._connection = connection
        self._random = generator
        self.answered: dict[str, float] = {}
        self.ways: Counter[str] = Counter()

    async def run(self, commits: int) -> None:
        """Do that many."""
        ways = [self._plain, self._unsafe, self._savepoint, self._immediate, self._prepared, self._slow]
        for done in range(commits):
            way = self._random.choice(ways)
            await self._connection.execute("begin")
            id = await way(f"bell_{id_of(self)}_{done}")
            self.answered[id] = asyncio.get_running_loop().time()
            self.ways[way.__name__] += 1
            # Mostly busy; sometimes quiet for long enough that the bell must wake whoever reads.
            await asyncio.sleep(self._random.choice([0, 0, 0, 0.02, 0.05, 0.1]))

    async def _make(self) -> str:
        return str(await self._connection.fetchval(MAKE))

    async def _plain(self, name: str) -> str:
        id = await self._make()
        await self._connection.execute("commit")
        return id

    async def _unsafe(self, name: str) -> str:
        await self._connection.execute("set local synchronous_commit = off")
        return await self._plain(name)

    async def _savepoint(self, name: str) -> str:
        await self._connection.execute("savepoint one")
        await self._make()
        await self._connection.execute("rollback to savepoint one")
        return await self._plain(name)

    async def _immediate(self, name: str) -> str:
        """Rings at once, and keeps everybody else from ringing until it ends."""
        await self._connection.execute("set constraints all immediate")
        id = await self._make()
        await asyncio.sleep(self._random.uniform(0, 0.2))
        await self._connection.execute("commit")
        return id

    async def _prepared(self, name: str) -> str:
        await self._connection.execute("set local jobstream.bell = 'off'")
        id = await self._make()
        await self._connection.execute(f"prepare transaction '{name}'")
        await self._connection.execute(f"commit prepared '{name}'")
        return id

    async def _slow(self, name: str) -> str:
        id = await self._make()
        await asyncio.sleep(self._random.uniform(0, 0.1))
        await self._connection.execute(
            self._random.choice(["commit", "set constraints all deferred; commit"])
        )
        return id


def id_of(writer: Writer) -> int:
    """Tell writers apart."""
    return id(writer)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_no_event_waits_for_more_than_one_look(
    database_url: str,
    database: Database,
    connect: Connect,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """1,600 commits of every kind; 10,000 by `--full`."""
    commits = COMMITS_IN_FULL if request.config.getoption("--full") else COMMITS
    source = Watched(EventStore(database))
    hub: Hub[Place] = Hub(dimensions=DIMENSIONS)
    feed = Feed(hub=hub, source=source)
    listener = Listener(url=database_url)
    rings = 0

    def ring(payload: str) -> None:
        nonlocal rings
        rings += 1
        feed.ring()

    listener.on_notify("jobstream_events", ring)
    writers = [Writer(await connect(), random.Random(seed)) for seed in range(WRITERS)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(feed.run()), group.create_task(listener.run())]
        await eventually(lambda: listener.connected)
        subscription = await feed.join(EVERYTHING)
        assert subscription is not None
        async with asyncio.TaskGroup() as writing:
            for writer in writers:
                writing.create_task(writer.run(commits // WRITERS))
        answered = {id: moment for writer in writers for id, moment in writer.answered.items()}
        await eventually(lambda: answered.keys() <= source.found.keys())
        hub.unsubscribe(subscription)
        for task in tasks:
            task.cancel()
    late = [id for id, moment in answered.items() if source.found[id] > bisect_left(source.began, moment)]
    waits = sorted(source.began[source.found[id]] - moment for id, moment in answered.items())
    ways = sum((writer.ways for writer in writers), Counter[str]())
    with capsys.disabled():
        print(
            f"\n{len(answered)} commits ({dict(ways)}), {rings} rings, {len(source.began)} looks; from the answer to a"
            f" commit to the look that found it: p50 {waits[len(waits) // 2] * 1e3:.1f} ms,"
            f" p99 {waits[len(waits) * 99 // 100] * 1e3:.1f} ms, at most {waits[-1] * 1e3:.1f} ms"
        )
    assert len(answered) == commits // WRITERS * WRITERS
    assert ways.keys() >= {"_plain", "_unsafe", "_savepoint", "_immediate", "_prepared", "_slow"}
    assert late == []


@pytest.mark.parametrize("mode", ["doorbell", "notify", "off"])
async def test_events_come_in_every_mode_of_the_bell(database_url: str, conn: Connection, mode: str) -> None:
    seen: list[Block] = []
    async with serving(database_url) as address, asyncio.TaskGroup() as group:
        group.create_task(told(address, "/events", until=heard("status"), found=seen))
        await eventually(lambda: seen)
        await conn.execute(f"set jobstream.bell = '{mode}'")
        await enqueue(conn)


async def test_without_listen_events_are_polled_for(database_url: str, conn: Connection) -> None:
    unreachable = "postgresql://nobody@127.0.0.1:1/nothing"
    seen: list[Block] = []
    async with (
        serving(database_url, JOBSTREAM_LISTEN_URL=unreachable) as address,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(told(address, "/events", until=heard("status"), found=seen))
        await eventually(lambda: seen)
        await enqueue(conn)


async def test_only_one_of_many_rings(conn: Connection, connect: Connect) -> None:
    """Those who commit while the bell is held skip it; the holder's own ring set the readers reading."""
    listening, holding = await connect(), await connect()
    heard_of: list[str] = []
    await listening.add_listener("jobstream_events", lambda *_: heard_of.append("ring"))
    await holding.execute("begin; set constraints all immediate")
    await enqueue(holding)
    for _ in range(5):
        await enqueue(conn)
    await listening.execute("select")
    assert heard_of == []
    await holding.execute("commit")
    await eventually(lambda: heard_of == ["ring"])
    await enqueue(conn)
    await eventually(lambda: heard_of == ["ring", "ring"])


async def test_a_transaction_that_mutes_the_bell_is_seen(
    database: Database, conn: Connection, connect: Connect
) -> None:
    events = EventStore(database)
    assert not await events.bell_is_held()
    holding = await connect()
    await holding.execute("begin; set constraints all immediate")
    await enqueue(holding)
    assert await events.bell_is_held()
    await holding.execute("rollback")
    assert not await events.bell_is_held()
