"""A client that takes nothing: it costs a bounded buffer, delays nobody, and misses nothing when it reads again."""

import asyncio
import json
import resource
import select
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.streams.wire import Block, Blocks, Cut, opened
from tests.support import Connection, Process, eventually

EVENTS = 20_000
EVENTS_IN_FULL = 100_000
BATCH = 2_000
WARM = 10_000
"""Events before memory is first looked at: what is kept for everybody is full by then."""
GROWTH = 5 * 1024 * 1024
MAKE = "select count(*) from jobstream.enqueue_many($1)"
PATH = "/api/v1/events"


class Reader:
    """A client that reads on and on, and comes back."""

    def __init__(self, last_id: str | None = None) -> None:
        self.ids: list[int] = []
        self.delays: list[float] = []
        self.last_id = last_id
        self.greeted = asyncio.Event()

    async def run(self, address: str) -> None:
        """Read until cancelled."""
        while True:
            try:
                await self._visit(address)
            except Cut:
                await asyncio.sleep(0.05)

    async def _visit(self, address: str) -> None:
        blocks = Blocks()
        async with opened(address, PATH, self.last_id) as stream:
            async for piece in stream.bytes():
                self.take(blocks.feed(piece))

    def take(self, blocks: list[Block]) -> None:
        """Dispatch."""
        for block in blocks:
            self.last_id = block.id
            self.greeted.set()
            assert block.type != "reset"
            if block.type == "status":
                self.ids.append(block.data["id"])


@asynccontextmanager
async def reading(address: str, reader: Reader) -> AsyncIterator[Reader]:
    """The reader reads while inside."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(reader.run(address))
        await reader.greeted.wait()
        yield reader
        task.cancel()


def deaf(address: str) -> socket.socket:
    """Open a stream from which nothing is read."""
    where = urlsplit(address)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    client.connect((where.hostname, where.port))
    client.sendall(f"GET {PATH} HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
    return client


def is_cut(client: socket.socket) -> bool:
    """Ask without reading."""
    asked = select.poll()
    asked.register(client, select.POLLHUP | select.POLLERR | select.POLLRDHUP)
    return bool(asked.poll(0))


def rest_of(client: socket.socket) -> list[Block]:
    """Read what was sent to it before it was cut."""
    client.settimeout(10)
    data = b""
    try:
        while piece := client.recv(1 << 16):
            data += piece
    except ConnectionResetError:
        pass  # cut with bytes unsent
    return Blocks().feed(_unchunked(data.partition(b"\r\n\r\n")[2]))


def _unchunked(data: bytes) -> bytes:
    """Take the chunks apart; the last may be incomplete."""
    body = b""
    while data:
        head, found, data = data.partition(b"\r\n")
        size = int(head, 16) if found else 0
        body, data = body + data[:size], data[size + 2 :]
    return body


def resident(pid: int) -> int:
    """Memory of a process, in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


async def written(conn: Connection, reader: Reader) -> None:
    """Make some events, and wait until a reader has them."""
    due = len(reader.ids) + BATCH
    await conn.fetchval(MAKE, json.dumps([{"kind": "k"}] * BATCH))
    await eventually(lambda: len(reader.ids) == due, 60)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_client_that_reads_nothing_delays_nobody_and_resumes_exactly(
    database_url: str, conn: Connection, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    """While 20,000 events pass; 100,000 by `--full`."""
    events = EVENTS_IN_FULL if request.config.getoption("--full") else EVENTS
    environ = {"JOBSTREAM_DATABASE_URL": database_url, "JOBSTREAM_AUTH": "off"}
    with Process("serve", "--port", "0", environ=environ) as server:
        address = await server.address()
        async with reading(address, Reader()) as other:
            while len(other.ids) < WARM:
                await written(conn, other)
            before, began = resident(server.pid), time.monotonic()
            with deaf(address) as client:
                await asyncio.sleep(1)
                most = 0
                while len(other.ids) < EVENTS + WARM:
                    await written(conn, other)
                    most = max(most, resident(server.pid) - before)
                await eventually(lambda: is_cut(client), 30)
                slow = Reader()
                slow.take(await asyncio.to_thread(rest_of, client))
            taken = time.monotonic() - began
        with capsys.disabled():
            print(
                f"\n{events} events in {taken:.0f} s: grown by {most / 1024 / 1024:.1f} MiB,"
                f" sent to the deaf one before the cut: {len(slow.ids)}"
            )
        rows = await conn.fetch("select id from jobstream.job_events order by id")
        ids = [row["id"] for row in rows]
        assert sorted(other.ids) == ids
        async with reading(address, slow):
            await eventually(lambda: len(slow.ids) >= events, 60)
        assert slow.ids == ids[WARM:]
        assert most < GROWTH
        await server.stop()
