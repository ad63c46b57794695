"""How long an event takes from its commit to a client of the stream: idle, under load, beside a transaction held open.

One `serve` process, one client of `/events`, both on this machine. The time runs from the moment when the writer's
commit was answered until the client has the event; and, in brackets, from the moment when the commit was sent.

    python -m bench.delivery [--samples 60] [--seconds 10] [--rate 2000] [--held 60]
"""

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import asyncpg
import uvloop

from bench.databases import bench_database
from bench.figures import milliseconds, quantiles
from tests.streams.wire import Blocks, opened
from tests.support import Process

WRITERS = 8
MAKE = "select id from jobstream.enqueue_many($1)"


class Clock:
    """When each job was committed and when its first event came; all within this process."""

    def __init__(self) -> None:
        self.sent: dict[str, float] = {}
        self.answered: dict[str, float] = {}
        self.came: dict[str, float] = {}

    def __str__(self) -> str:
        ids = self.answered.keys() & self.came.keys()
        after = quantiles([max(0.0, self.came[id] - self.answered[id]) for id in ids])
        whole = quantiles([self.came[id] - self.sent[id] for id in ids])
        lost = len(self.answered) - len(ids)
        return f"{milliseconds(after)}   [{milliseconds(whole)}]   {len(ids)} events{f', {lost} MISSING' if lost else ''}"


async def read(address: str, clock: Clock, greeted: asyncio.Event) -> None:
    """Note when each event comes."""
    blocks = Blocks()
    async with opened(address, "/api/v1/events?type=status&status=pending") as stream:
        async for piece in stream.bytes():
            now = time.perf_counter()
            greeted.set()
            for block in blocks.feed(piece):
                if block.type == "status":
                    clock.came.setdefault(block.data["job_id"], now)


@asynccontextmanager
async def reading(address: str) -> AsyncIterator[Clock]:
    """A clock, and a client that runs it."""
    clock, greeted = Clock(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(read(address, clock, greeted))
        await greeted.wait()
        yield clock
        await asyncio.sleep(1)
        task.cancel()


async def write(connection: "asyncpg.Connection[asyncpg.Record]", clock: Clock, jobs: int) -> None:
    """One transaction."""
    transaction = connection.transaction()
    await transaction.start()
    ids = [row["id"] for row in await connection.fetch(MAKE, json.dumps([{"kind": "k"}] * jobs))]
    sent = time.perf_counter()
    await transaction.commit()
    answered = time.perf_counter()
    for id in ids:
        clock.sent[id], clock.answered[id] = sent, answered


async def idle(url: str, address: str, samples: int, pause: float) -> Clock:
    """One event at a time, after a silence."""
    connection = await asyncpg.connect(url)
    async with reading(address) as clock:
        for _ in range(samples):
            await asyncio.sleep(pause)
            await write(connection, clock, 1)
    await connection.close()
    return clock


async def loaded(url: str, address: str, rate: int, seconds: float) -> Clock:
    """So many events a second, five to a transaction, from several writers."""
    stop = time.perf_counter() + seconds

    async def writer() -> None:
        connection = await asyncpg.connect(url)
        due = time.perf_counter()
        while due < stop:
            await write(connection, clock, 5)
            due += 5 * WRITERS / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await connection.close()

    async with reading(address) as clock, asyncio.TaskGroup() as group:
        for _ in range(WRITERS):
            group.create_task(writer())
    return clock


async def show(name: str, measured: Awaitable[Clock]) -> None:
    """One line."""
    print(f"{name + ':':<36}{await measured}", flush=True)


async def measure(url: str, address: str, options: argparse.Namespace) -> None:
    """Everything, then the same beside a transaction that is held open."""
    await show("woken by the bell after a silence", idle(url, address, options.samples, 1.3))
    await show("one every 100 ms", idle(url, address, options.samples, 0.1))
    await show(f"{options.rate} events/s", loaded(url, address, options.rate, options.seconds))
    holder = await asyncpg.connect(url)
    await holder.execute("begin; select jobstream.enqueue('held')")
    held_since = time.perf_counter()
    await show("beside one held: every 100 ms", idle(url, address, options.samples, 0.1))
    load = loaded(url, address, options.rate, options.seconds)
    await show(f"beside one held: {options.rate} events/s", load)
    await asyncio.sleep(max(0.0, held_since + options.held - time.perf_counter()))
    await show(
        f"held for {options.held:.0f} s by now: every 100 ms", idle(url, address, options.samples, 0.1)
    )
    await holder.close()


async def serve(url: str, options: argparse.Namespace) -> None:
    """Measure at a server."""
    environ = {"JOBSTREAM_DATABASE_URL": url, "JOBSTREAM_AUTH": "off"}
    with Process("serve", "--port", "0", environ=environ) as server:
        await measure(url, await server.address(), options)
        await server.stop()


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=10, help="of load")
    parser.add_argument("--rate", type=int, default=2000, help="events a second under load")
    parser.add_argument("--held", type=float, default=60, help="seconds that a transaction is held open")
    options = parser.parse_args()
    with bench_database() as url, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(url, options))


if __name__ == "__main__":
    main()
