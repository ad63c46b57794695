"""Two instances behind deploy/nginx.conf, one of them restarted again and again under load."""

import asyncio
import random
import re
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from tests.examples.readme import ROOT
from tests.streams.proxy import nginx
from tests.support import Connection, Process, eventually, free_port, require
from tests.support.sql import call

WRITERS = 4
WORKERS = 2
AROUND = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {ours}
}}
"""


def deployed(folder: Path, port: int, ports: list[int]) -> str:
    """deploy/nginx.conf as it stands, but for addresses: those of Compose are not to be had here."""
    ours = (ROOT / "deploy" / "nginx.conf").read_text()
    servers = " ".join(f"server 127.0.0.1:{each};" for each in ports)
    for pattern, text in (
        (r"resolver [^;]*;", ""),
        (r"server web:8000 resolve;", servers),
        (r"listen 8080;", f"listen 127.0.0.1:{port};"),
    ):
        ours, count = re.subn(pattern, text, ours)
        assert count == 1, pattern
    return AROUND.format(folder=folder, ours=ours)


@dataclass
class Told:
    """What was acknowledged, and how often something was not."""

    jobs: dict[str, str] = field(default_factory=dict)
    """By key."""
    made: Counter[str] = field(default_factory=Counter)
    """How often a key was said to have made its job."""
    completed: dict[str, int] = field(default_factory=dict)
    """The result by job."""
    answers: Counter[str] = field(default_factory=Counter)
    restarts: int = 0


class Load:
    """Writers that repeat what was not acknowledged, and workers over HTTP, all through nginx."""

    def __init__(self, address: str, token: str) -> None:
        self.told = Told()
        self.over = asyncio.Event()
        self._http = httpx.AsyncClient(
            base_url=f"{address}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=30
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def write(self, writer: int) -> None:
        """Make jobs, each said until it is acknowledged."""
        number = 0
        while not self.over.is_set():
            key = f"{writer}-{number}"
            number += 1
            body = {"spec": {"kind": "k", "args": {"key": key}}}
            answer = await self._say("/jobs", body, headers={"Idempotency-Key": key})
            assert answer.status_code in (200, 202), answer.text
            self.told.jobs[key] = answer.json()["id"]
            self.told.made[key] += answer.status_code == 202

    async def work(self, name: str) -> None:
        """Claim and complete until nothing is left."""
        while True:
            claim = {"worker": name, "limit": 20, "wait": 0.2, "lease_seconds": 5}
            leases = (await self._say("/leases", claim)).json()["leases"]
            if not leases and self.over.is_set():
                return
            await asyncio.gather(*(self._complete(lease) for lease in leases))

    async def _complete(self, lease: dict[str, Any]) -> None:
        id, result = lease["job"]["id"], random.randrange(10**9)
        body = {"attempt": lease["attempt"], "result": result}
        answer = await self._say(f"/jobs/{id}/complete", body)
        if answer.status_code == 200:
            assert id not in self.told.completed, "two attempts were told that they had completed it"
            self.told.completed[id] = result
        else:
            assert answer.json()["type"] == "urn:jobstream:problem:lease-lost"

    async def _say(self, path: str, body: Any, **options: Any) -> httpx.Response:
        while True:
            try:
                answer = await self._http.post(path, json=body, **options)
            except httpx.TransportError as error:
                self.told.answers[type(error).__name__] += 1
            else:
                self.told.answers[str(answer.status_code)] += 1
                if answer.status_code < 500:
                    return answer
            await asyncio.sleep(0.05)


class Instances:
    """Two of them, and how to restart one: in turn as a deployment does it, and as a crash."""

    def __init__(self, stack: ExitStack, url: str, ports: list[int]) -> None:
        self._stack = stack
        self._environ = {"JOBSTREAM_DATABASE_URL": url, "JOBSTREAM_DRAIN_SECONDS": "0.5"}
        self._processes = {port: self._start(port) for port in ports}

    def _start(self, port: int) -> Process:
        return self._stack.enter_context(Process("serve", "--port", str(port), environ=self._environ))

    async def ready(self) -> None:
        for process in self._processes.values():
            await process.address()

    async def restart(self, port: int, number: signal.Signals) -> None:
        process = self._processes[port]
        process.signal(number)
        await process.wait()
        self._processes[port] = self._start(port)
        await self._processes[port].address()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


@pytest.mark.timeout(0)
async def test_no_acknowledged_write_is_lost_and_no_job_doubled_while_an_instance_comes_and_goes(
    database_url: str,
    conn: Connection,
    stack: ExitStack,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """12 s of it and three restarts at least; more by `--minutes N`."""
    require("nginx")
    seconds = 60 * (request.config.getoption("--minutes") or 0.2)
    ports, port = [free_port(), free_port()], free_port()
    stack.enter_context(nginx(tmp_path, deployed(tmp_path, port, ports)))
    instances = Instances(stack, database_url, ports)
    await instances.ready()
    token = str(await call(conn, "create_token", "load", ["write", "work"]))

    async with Load(f"http://127.0.0.1:{port}", token) as load, asyncio.TaskGroup() as tasks:
        for number in range(WRITERS):
            tasks.create_task(load.write(number))
        for number in range(WORKERS):
            tasks.create_task(load.work(f"w{number}"))
        end = asyncio.get_running_loop().time() + seconds
        while load.told.restarts < 3 or asyncio.get_running_loop().time() < end:
            ending = signal.SIGKILL if load.told.restarts % 3 == 2 else signal.SIGTERM
            await instances.restart(ports[0], ending)
            load.told.restarts += 1
        load.over.set()
    told = load.told
    await check(conn, told)
    again = await conn.fetchval("select count(*) from jobstream.jobs where attempt > 1")
    with capsys.disabled():
        print(
            f"\n{seconds:.0f} s, {told.restarts} restarts: {len(told.jobs)} jobs made and completed, "
            f"{again} of them in a second attempt; answers {dict(told.answers)}"
        )
    assert len(told.jobs) > 100


async def test_page_behind_the_proxy_signs_in_and_figures_are_not_for_strangers(
    database_url: str, conn: Connection, stack: ExitStack, tmp_path: Path
) -> None:
    require("nginx")
    ports, port = [free_port()], free_port()
    stack.enter_context(nginx(tmp_path, deployed(tmp_path, port, ports)))
    await Instances(stack, database_url, ports).ready()
    token = str(await call(conn, "create_token", "ada", ["read", "write"]))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        here, elsewhere = f"http://127.0.0.1:{port}", "http://127.0.0.1:1"
        for origin, status in ((elsewhere, 403), (here, 200)):
            signed_in = await http.post("/api/v1/session", json={"token": token}, headers={"Origin": origin})
            assert signed_in.status_code == status
        made = await http.post(
            "/api/v1/jobs",
            json={"spec": {"kind": "k"}},
            headers={"Origin": here, "Idempotency-Key": "one"},
        )
        assert made.status_code == 202
        assert (await http.get("/metrics")).status_code == 404


async def check(conn: Connection, told: Told) -> None:
    """What the database has is what was said."""

    async def all_ended() -> bool:
        return not await conn.fetchval("select count(*) from jobstream.jobs where status <> 'done'")

    await eventually(all_ended, 30)
    rows = await conn.fetch(
        "select id, idempotency_key, args ->> 'key' as key, result::bigint from jobstream.jobs"
    )
    assert {row["key"]: row["id"] for row in rows} == told.jobs
    assert len(rows) == len(told.jobs)
    assert all(row["key"] == row["idempotency_key"] for row in rows)
    assert max(told.made.values()) == 1
    results = {row["id"]: row["result"] for row in rows}
    assert {id: results[id] for id in told.completed} == told.completed
