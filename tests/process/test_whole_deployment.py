"""Two web instances and two workers behind deploy/nginx.conf, each of them killed and stopped in turn, in one run."""

import asyncio
import contextlib
import itertools
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from httpx_sse import aconnect_sse

from tests.process.accounts import done, settle
from tests.process.load import RUNS_FILE
from tests.process.test_nginx_restarts import deployed
from tests.streams.proxy import nginx
from tests.support import Connection, Process, eventually, free_port, require
from tests.support.sql import call

CONTROL = ("hello", "heartbeat", "end")
TERM, KILL = signal.SIGTERM, signal.SIGKILL
BLOWS = (
    ("worker 0", KILL),
    ("web 0", KILL),
    ("worker 1", TERM),
    ("web 1", TERM),
    ("worker 1", KILL),
    ("web 1", KILL),
)


class Deployment:
    """Its processes by name; one that is hit is started again."""

    def __init__(self, stack: ExitStack, url: str, ports: list[int], runs: Path) -> None:
        self._stack = stack
        self._environ = {
            "JOBSTREAM_DATABASE_URL": url,
            "JOBSTREAM_DRAIN_SECONDS": "0.5",
            RUNS_FILE: str(runs),
        }
        worker = ("worker", "tests.process.load:app", "--lease", "2")
        self._arguments: dict[str, tuple[str, ...]] = {f"worker {n}": worker for n in range(2)}
        self._arguments |= {f"web {n}": ("serve", "--port", str(port)) for n, port in enumerate(ports)}
        self._processes: dict[str, Process] = {}

    async def start(self) -> None:
        for name in self._arguments:
            await self._start(name)

    async def hit(self, name: str, number: signal.Signals) -> None:
        process = self._processes[name]
        process.signal(number)
        assert await process.wait() == (0 if number == TERM else -KILL)
        await self._start(name)

    async def _start(self, name: str) -> None:
        process = self._stack.enter_context(Process(*self._arguments[name], environ=self._environ))
        self._processes[name] = process
        await (process.address() if name.startswith("web") else process.printed("serves default"))


class Site:
    """What users do with it, through nginx."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.acknowledged: dict[str, str] = {}
        self.over = asyncio.Event()

    async def write(self, writer: int) -> None:
        """Make jobs, each said until it is acknowledged, then said once more."""
        for number in itertools.count():
            if self.over.is_set():
                return
            key, kind = f"{writer}-{number}", ("work", "work-in-thread")[number % 2]
            first, again = await self._make(key, kind), await self._make(key, kind)
            assert first == again
            self.acknowledged[key] = first
            await asyncio.sleep(0.05)

    async def _make(self, key: str, kind: str) -> str:
        body, headers = {"spec": {"kind": kind}}, {"Idempotency-Key": key}
        while True:
            with contextlib.suppress(httpx.TransportError):
                answer = await self._http.post("/jobs", json=body, headers=headers)
                if answer.status_code < 500:
                    assert answer.status_code in (200, 202), answer.text
                    return str(answer.json()["id"])
            await asyncio.sleep(0.05)

    async def position(self) -> str:
        answer = await self._http.get("/events", headers={"Accept": "application/json"})
        return str(answer.raise_for_status().json()["next_cursor"])

    async def follow(self, after: str, seen: Counter[int]) -> None:
        """Count the events of the stream of everything, coming back whenever it breaks."""
        while True:
            try:
                async with aconnect_sse(
                    self._http, "GET", "/events", headers={"Last-Event-ID": after}
                ) as source:
                    async for event in source.aiter_sse():
                        assert event.event != "reset"
                        after = event.id or after
                        if event.event not in CONTROL:
                            seen[event.json()["id"]] += 1
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.05)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_every_job_is_done_once_and_every_event_arrives_once_while_each_process_is_killed_and_stopped(
    database_url: str, conn: Connection, stack: ExitStack, tmp_path: Path
) -> None:
    require("nginx")
    ports, port, runs = [free_port(), free_port()], free_port(), tmp_path / "runs"
    runs.touch()
    stack.enter_context(nginx(tmp_path, deployed(tmp_path, port, ports)))
    deployment = Deployment(stack, database_url, ports, runs)
    await deployment.start()
    token = str(await call(conn, "create_token", "ada", ["read", "write"]))
    headers = {"Authorization": f"Bearer {token}"}
    seen: list[Counter[int]] = [Counter(), Counter()]

    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}/api/v1", headers=headers, timeout=20
    ) as http:
        site = Site(http)
        began = await site.position()
        following = [asyncio.create_task(site.follow(began, each)) for each in seen]
        async with asyncio.TaskGroup() as writers:
            for writer in range(3):
                writers.create_task(site.write(writer))
            for name, number in BLOWS:
                await more_are_done(conn)
                await deployment.hit(name, number)
            site.over.set()
        accounts = await settle(conn, runs, len(site.acknowledged))
        assert set(accounts) == set(site.acknowledged.values())
        assert {account.row["status"] for account in accounts.values()} == {"done"}
        assert sum(account.row["failures"] for account in accounts.values()) == 0

        stored = {row["id"] for row in await conn.fetch("select id from jobstream.job_events")}
        await eventually(lambda: all(each.keys() >= stored for each in seen), 30)
        assert all(set(each) == stored and set(each.values()) == {1} for each in seen)
        for task in following:
            task.cancel()
        ended = await asyncio.gather(*following, return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError) for each in ended)


async def more_are_done(conn: Connection) -> None:
    """Wait until the deployment has got something done since."""
    before = await done(conn)

    async def look() -> bool:
        return await done(conn) >= before + 20

    await eventually(look, 60)
