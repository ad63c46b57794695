"""One client that reads nothing for a minute while 100,000 events pass: what it costs the server and the others.

Two measurements in one run at the same rate of events: without it, then with it. At the end it reads what it was sent before
it was cut, comes back, and must have everything once.

    python -m bench.slow_reader [--events 100000] [--seconds 60]
"""

import argparse
import asyncio
import json
import time

import asyncpg
import uvloop

from bench.databases import bench_database
from bench.figures import milliseconds, quantiles
from tests.streams.test_slow_reader import Reader, deaf, reading, resident, rest_of
from tests.support import Process, eventually

MAKE = "select id from jobstream.enqueue_many($1)"
BATCH = 20
WARM = 20_000


class Timed(Reader):
    """A reader that notes how long after its commit each batch has come whole."""

    def __init__(self) -> None:
        super().__init__()
        self.due: list[tuple[int, float]] = []
        self.delays: list[float] = []

    def expect(self, count: int) -> None:
        """So many events in all were committed by now."""
        self.due.append((count, time.perf_counter()))
        self._settle()

    def take(self, blocks: list) -> None:  # type: ignore[type-arg]
        """Dispatch, and settle what is complete."""
        super().take(blocks)
        self._settle()

    def _settle(self) -> None:
        now = time.perf_counter()
        while self.due and len(self.ids) >= self.due[0][0]:
            self.delays.append(now - self.due.pop(0)[1])


async def write(url: str, reader: Timed, pid: int, events: int, seconds: float) -> int:
    """Commit so many events evenly; the most memory that the server took."""
    connection = await asyncpg.connect(url)
    made, began, most = len(reader.ids), time.perf_counter(), 0
    reader.delays.clear()
    for done in range(0, events, BATCH):
        await connection.fetch(MAKE, json.dumps([{"kind": "k"}] * BATCH))
        reader.expect(made + done + BATCH)
        most = max(most, resident(pid))
        await asyncio.sleep(max(0.0, began + (done + BATCH) / events * seconds - time.perf_counter()))
    await eventually(lambda: not reader.due, 30)
    await connection.close()
    return most


async def measure(url: str, options: argparse.Namespace) -> None:
    """Everything."""
    with Process(
        "serve", "--port", "0", environ={"JOBSTREAM_DATABASE_URL": url, "JOBSTREAM_AUTH": "off"}
    ) as server:
        address = await server.address()
        async with reading(address, Timed()) as other:
            assert isinstance(other, Timed)
            await write(url, other, server.pid, WARM, 5)
            share = options.seconds / options.events
            before = await write(url, other, server.pid, options.events // 5, options.events // 5 * share)
            print(f"without it: others {milliseconds(quantiles(other.delays))}", flush=True)
            first = len(other.ids)
            with deaf(address) as client:
                await asyncio.sleep(1)
                most = await write(url, other, server.pid, options.events, options.seconds)
                print(
                    f"beside it:  others {milliseconds(quantiles(other.delays))};"
                    f" the server grew by {max(0, most - before) / 1024 / 1024:.1f} MiB",
                    flush=True,
                )
                slow = Reader()
                slow.take(await asyncio.to_thread(rest_of, client))
            sent = len(slow.ids)
            async with reading(address, slow):
                await eventually(lambda: len(slow.ids) >= options.events, 60)
            exact = slow.ids == other.ids[first:]
            print(
                f"it was cut after {sent} events, came back and has {'all' if exact else 'NOT ALL'} of them once"
            )
        await server.stop()


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    with bench_database() as url, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(measure(url, options))


if __name__ == "__main__":
    main()
