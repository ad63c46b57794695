"""One `serve` process with thousands of open streams: memory a stream, deliveries a second, and what the API feels of it.

The clients run in a process of their own. Deliveries are told by the clock and by the server's own CPU time: the second
is what one core would do with nothing else beside it.

    python -m bench.fanout [--streams 5000] [--events 60] [--seconds 10]
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Self, cast
from urllib.parse import urlsplit

import asyncpg
import httpx
import uvloop

from bench.databases import bench_database
from bench.figures import milliseconds, quantiles
from tests.support import Process

MAKE = "select count(*) from jobstream.enqueue_many($1)"
SHARE = 0.5


class Client(asyncio.Protocol):
    """One stream that is only counted."""

    greeted = 0
    counted = 0

    def __init__(self, host: str) -> None:
        self._host = host
        self._end = b""
        self._new = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(
            f"GET /api/v1/events HTTP/1.1\r\nHost: {self._host}\r\nAccept: text/event-stream\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        if self._new and b"event: hello" in self._end + data:
            self._new = False
            Client.greeted += 1
        # A mark may be cut in two.
        seen = self._end + data
        Client.counted += seen.count(b"event: status\n")
        self._end = seen[-13:]


async def follow(address: str, streams: int) -> None:
    """Hold the streams; say how many are greeted and what came, again and again."""
    where = urlsplit(address)
    assert where.hostname is not None
    assert where.port is not None
    host, port = where.hostname, where.port
    gate = asyncio.Semaphore(100)
    loop = asyncio.get_running_loop()

    async def one() -> asyncio.BaseTransport:
        async with gate:
            transport, _ = await loop.create_connection(lambda: Client(where.netloc), host, port)
            return transport

    held = await asyncio.gather(*(one() for _ in range(streams)))
    while not any(transport.is_closing() for transport in held):
        print(Client.greeted, Client.counted, flush=True)
        await asyncio.sleep(0.02)


class Clients:
    """The process of the clients."""

    def __init__(self, address: str, streams: int) -> None:
        self._command = [sys.executable, "-m", "bench.fanout", "--follow", address, "--streams", str(streams)]
        self.streams = streams
        self.greeted = 0
        self.counted = 0

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(*self._command, stdout=subprocess.PIPE)
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reader.cancel()
        self._process.kill()
        await self._process.wait()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.greeted, self.counted = map(int, line.split())

    async def until(self, greeted: int, counted: int) -> None:
        """Until so many were greeted and so much has come."""
        async with asyncio.timeout(120):
            while self.greeted < greeted or self.counted < counted:
                if self._process.returncode is not None:
                    raise RuntimeError("the clients are gone")
                await asyncio.sleep(0.01)


def resident(pid: int) -> int:
    """Bytes of memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def busy(pid: int) -> float:
    """Seconds of CPU time."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def ask(address: str, seconds: float) -> str:
    """How the API answers meanwhile."""
    took = []
    stop = time.perf_counter() + seconds
    async with httpx.AsyncClient(base_url=address) as http:
        while time.perf_counter() < stop:
            began = time.perf_counter()
            (await http.get("/api/v1/jobs?limit=10")).raise_for_status()
            took.append(time.perf_counter() - began)
            await asyncio.sleep(0.03)
    return f"{milliseconds(quantiles(took))}   {len(took)} requests"


async def make(url: str, jobs: int) -> None:
    """So many events in one transaction."""
    connection = await asyncpg.connect(url)
    await connection.fetchval(MAKE, json.dumps([{"kind": "k", "labels": {"team": "a"}}] * jobs))
    await connection.close()


async def burst(url: str, clients: Clients, pid: int, events: int) -> float:
    """All at once; deliveries a second of CPU time."""
    before, worked, began = clients.counted, busy(pid), time.perf_counter()
    await make(url, events)
    deliveries = events * clients.streams
    await clients.until(clients.streams, before + deliveries)
    wall, worked = time.perf_counter() - began, busy(pid) - worked
    print(
        f"{events} events at once: {deliveries / wall:,.0f} deliveries/s by the clock, {deliveries / worked:,.0f}"
        f" a second of the server's CPU time",
        flush=True,
    )
    return deliveries / worked


async def singly(url: str, clients: Clients, pid: int, events: int) -> float:
    """One event, and the next when everybody has it: the dearest way; deliveries a second of CPU time."""
    before, worked, began = clients.counted, busy(pid), time.perf_counter()
    for done in range(1, events + 1):
        await make(url, 1)
        await clients.until(clients.streams, before + done * clients.streams)
    wall, worked = time.perf_counter() - began, busy(pid) - worked
    deliveries = events * clients.streams
    print(
        f"{events} events one by one: {deliveries / wall:,.0f} deliveries/s by the clock,"
        f" {deliveries / worked:,.0f} a second of the server's CPU time",
        flush=True,
    )
    return deliveries / worked


async def steady(url: str, pid: int, rate: float, seconds: float) -> None:
    """Events one by one, at such a rate that half a core is busy with them."""
    stop, worked = time.perf_counter() + seconds, busy(pid)
    connection = await asyncpg.connect(url)
    while (now := time.perf_counter()) < stop:
        await connection.execute("select jobstream.enqueue('k')")
        await asyncio.sleep(max(0.0, now + 1 / rate - time.perf_counter()))
    await connection.close()
    print(f"server {(busy(pid) - worked) / seconds:.0%} of a core busy", flush=True)


async def measure(url: str, options: argparse.Namespace) -> None:
    """Everything."""
    environ = {"JOBSTREAM_DATABASE_URL": url, "JOBSTREAM_AUTH": "off", "JOBSTREAM_DRAIN_SECONDS": "1"}
    with Process("serve", "--port", "0", environ=environ) as server:
        address = await server.address()
        async with Clients(address, 100) as few:
            await few.until(100, 0)
            await make(url, 100)
            await few.until(100, 100 * 100)
            before = resident(server.pid)
        async with Clients(address, options.streams) as clients:
            began = time.perf_counter()
            await clients.until(options.streams, 0)
            took = time.perf_counter() - began
            held = (resident(server.pid) - before) / (options.streams - 100)
            print(f"{options.streams} streams open after {took:.1f} s: {held / 1024:.1f} KiB each")
            print(f"API, streams silent: {await ask(address, 3)}", flush=True)
            await burst(url, clients, server.pid, options.events)
            rates = [await singly(url, clients, server.pid, 20) for _ in range(3)]
            held = (resident(server.pid) - before) / (options.streams - 100)
            print(f"after that {held / 1024:.1f} KiB a stream")
            rate = SHARE * max(rates) / options.streams
            async with asyncio.TaskGroup() as group:
                asked = group.create_task(ask(address, options.seconds))
                group.create_task(steady(url, server.pid, rate, options.seconds))
            print(f"API at {rate * options.streams:,.0f} deliveries/s: {asked.result()}")
        await server.stop()


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=5000)
    parser.add_argument("--events", type=int, default=60, help="at once")
    parser.add_argument("--seconds", type=float, default=10, help="of steady load")
    parser.add_argument("--follow", metavar="ADDRESS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    files, most = options.streams * 2 + 1_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, max(files, most)))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if options.follow:
            runner.run(follow(options.follow, options.streams))
            return
        with bench_database() as url:
            runner.run(measure(url, options))


if __name__ == "__main__":
    main()
