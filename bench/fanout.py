"""One `serve` process with thousands of open streams: memory a stream, deliveries a second, and what the API feels of it.

The clients run in a process of their own. Deliveries are told by the clock and by the server's own CPU time: the second
is what one core would do with nothing else beside it.

    python -m bench.fanout [--streams 5000] [--events 60] [--seconds 10] [--rate 40000]
"""

import argparse
import asyncio
import json
import os
import resource
import select
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self
from urllib.parse import SplitResult, urlsplit

import asyncpg
import httpx
import uvloop

from bench.databases import bench_database
from bench.figures import milliseconds, quantiles
from tests.support import Process

MAKE = "select count(*) from jobstream.enqueue_many($1)"
SHARE = 0.5


class Reader:
    """One stream that is only counted."""

    def __init__(self, where: SplitResult) -> None:
        self.socket = socket.create_connection((where.hostname, where.port), timeout=60)
        self.socket.sendall(
            f"GET /api/v1/events HTTP/1.1\r\nHost: {where.netloc}\r\nAccept: text/event-stream\r\n\r\n".encode()
        )
        self.socket.setblocking(False)
        self._end = b""

    def read(self) -> tuple[int, int]:
        """Tell how many hellos and how many events have come."""
        data = self.socket.recv(1 << 18)
        if not data:
            raise RuntimeError("the server closed a stream")
        # A mark may be cut in two.
        seen = self._end + data
        self._end = seen[-13:]
        return seen.count(b"event: hello\n"), seen.count(b"event: status\n")


def follow(address: str, streams: int) -> None:
    """Hold the streams; say how many are greeted and what came, again and again.

    Bare sockets: what a client costs is taken from the server, where both share a machine.
    """
    where = urlsplit(address)
    waiting = select.epoll()
    readers = {}
    for _ in range(streams):
        reader = Reader(where)
        readers[reader.socket.fileno()] = reader
        waiting.register(reader.socket, select.EPOLLIN)
    greeted = counted = 0
    said_at = 0.0
    while True:
        for file, _ in waiting.poll(0.005, 1_000):
            hellos, events = readers[file].read()
            greeted += hellos
            counted += events
        if (now := time.perf_counter()) >= said_at + 0.002:
            print(greeted, counted, f"{time.process_time():.3f}", flush=True)
            said_at = now


class Clients:
    """The process of the clients."""

    def __init__(self, address: str, streams: int) -> None:
        self._command = [sys.executable, "-m", "bench.fanout", "--follow", address, "--streams", str(streams)]
        self._came = asyncio.Event()
        self.streams = streams
        self.greeted = 0
        self.counted = 0
        self.busy = 0.0

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
            greeted, counted, used = line.split()
            self.greeted, self.counted, self.busy = int(greeted), int(counted), float(used)
            self._came.set()

    async def until(self, greeted: int, counted: int) -> None:
        """Until so many were greeted and so much has come."""
        async with asyncio.timeout(120):
            while self.greeted < greeted or self.counted < counted:
                if self._process.returncode is not None:
                    raise RuntimeError("the clients are gone")
                self._came.clear()
                await self._came.wait()


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


class Writer:
    """Makes events, some to a transaction."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection

    async def make(self, jobs: int) -> None:
        """All in one transaction."""
        await self._connection.fetchval(MAKE, json.dumps([{"kind": "k", "labels": {"team": "a"}}] * jobs))


class Run:
    """What was delivered from here to `told`, and what it cost."""

    def __init__(self, clients: Clients, pid: int) -> None:
        self._clients, self._pid = clients, pid
        self._counted, self._busy, self._clients_busy = clients.counted, busy(pid), clients.busy
        self._began = time.perf_counter()

    def told(self, name: str) -> float:
        """Print it; deliveries a second of CPU time."""
        wall, worked = time.perf_counter() - self._began, busy(self._pid) - self._busy
        deliveries = self._clients.counted - self._counted
        print(
            f"{name}: {deliveries / wall:,.0f} deliveries/s by the clock, {deliveries / worked:,.0f} a second of the"
            f" server's CPU time; of a core the server took {worked / wall:.0%},"
            f" the clients {(self._clients.busy - self._clients_busy) / wall:.0%}",
            flush=True,
        )
        return deliveries / worked


async def burst(writer: Writer, clients: Clients, pid: int, events: int) -> None:
    """All at once."""
    run, due = Run(clients, pid), clients.counted + events * clients.streams
    await writer.make(events)
    await clients.until(clients.streams, due)
    run.told(f"{events} events at once")


async def singly(writer: Writer, clients: Clients, pid: int, events: int) -> float:
    """One event, and the next when everybody has it: the dearest way; deliveries a second of CPU time."""
    run, before = Run(clients, pid), clients.counted
    for done in range(1, events + 1):
        await writer.make(1)
        await clients.until(clients.streams, before + done * clients.streams)
    return run.told(f"{events} events one by one")


async def steady(writer: Writer, clients: Clients, pid: int, rate: float, seconds: float) -> None:
    """Events one by one, at such a rate; whether everybody kept up."""
    run, made = Run(clients, pid), 0
    before, began = clients.counted, time.perf_counter()
    while (now := time.perf_counter()) < began + seconds:
        await writer.make(1)
        made += 1
        await asyncio.sleep(max(0.0, began + made / rate - now))
    await clients.until(clients.streams, before + made * clients.streams)
    late = time.perf_counter() - began - made / rate
    run.told(f"{rate * clients.streams:,.0f} deliveries/s asked for, the last {max(0.0, late):.2f} s late")


async def measure(url: str, options: argparse.Namespace) -> None:
    """Everything."""
    environ = {"JOBSTREAM_DATABASE_URL": url, "JOBSTREAM_AUTH": "off", "JOBSTREAM_DRAIN_SECONDS": "1"}
    connection = await asyncpg.connect(url)
    writer = Writer(connection)
    with Process("serve", "--port", "0", environ=environ) as server:
        address = await server.address()
        async with Clients(address, 100) as few:
            await few.until(100, 0)
            await writer.make(100)
            await few.until(100, 100 * 100)
            before = resident(server.pid)
        async with Clients(address, options.streams) as clients:
            began = time.perf_counter()
            await clients.until(options.streams, 0)
            took = time.perf_counter() - began
            held = (resident(server.pid) - before) / (options.streams - 100)
            print(f"{options.streams} streams open after {took:.1f} s: {held / 1024:.1f} KiB each")
            print(f"API, streams silent: {await ask(address, 3)}", flush=True)
            await burst(writer, clients, server.pid, options.events)
            rates = [await singly(writer, clients, server.pid, 20) for _ in range(3)]
            held = (resident(server.pid) - before) / (options.streams - 100)
            print(f"after that {held / 1024:.1f} KiB a stream")
            for asked in (SHARE * max(rates), options.rate):
                async with asyncio.TaskGroup() as group:
                    api = group.create_task(ask(address, options.seconds))
                    await steady(writer, clients, server.pid, asked / options.streams, options.seconds)
                print(f"API meanwhile: {api.result()}", flush=True)
        await server.stop()
    await connection.close()


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=5000)
    parser.add_argument("--events", type=int, default=60, help="at once")
    parser.add_argument("--seconds", type=float, default=10, help="of steady load")
    parser.add_argument("--rate", type=float, default=40_000, help="deliveries a second")
    parser.add_argument("--follow", metavar="ADDRESS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    files, most = options.streams * 2 + 1_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, max(files, most)))
    if options.follow:
        follow(options.follow, options.streams)
        return
    with bench_database() as url, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(measure(url, options))


if __name__ == "__main__":
    main()
