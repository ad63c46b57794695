"""What the bell costs: commits a second of many writers with the doorbell, without any notify, and with one each time.

Each writer commits one enqueue after the other; one session listens, as a `serve` process does. The three ways take
turns, and the medians of their rounds are compared.

    python -m bench.bell [--writers 32] [--seconds 3] [--rounds 5]
"""

import argparse
import asyncio
import statistics
import time

import asyncpg
import uvloop

from bench.databases import bench_database

MODES = ("removed", "doorbell", "notify")
SETTING = "select set_config('jobstream.bell', $1, false)"
WITHOUT = "create or replace function jobstream.may_ring(p_lock_class integer, p_lock integer) returns boolean language sql volatile as 'select false'"
DEFINITION = "select pg_get_functiondef('jobstream.may_ring(integer, integer)'::regprocedure)"


async def commits(connections: list["asyncpg.Connection[asyncpg.Record]"], seconds: float) -> float:
    """Commits a second of all of them together."""
    stop = time.perf_counter() + seconds

    async def writer(connection: "asyncpg.Connection[asyncpg.Record]") -> int:
        done = 0
        while time.perf_counter() < stop:
            await connection.execute("select jobstream.enqueue('k')")
            done += 1
        return done

    began = time.perf_counter()
    done = sum(await asyncio.gather(*map(writer, connections)))
    return done / (time.perf_counter() - began)


async def compare(url: str, options: argparse.Namespace) -> None:
    """Rounds of all three ways, in turn, and their medians."""
    admin, listener = await asyncpg.connect(url), await asyncpg.connect(url)
    heard = 0

    def hear(*_: object) -> None:
        nonlocal heard
        heard += 1

    for channel in ("jobstream_events", "jobstream_ready"):
        await listener.add_listener(channel, hear)
    connections = [await asyncpg.connect(url) for _ in range(options.writers)]
    bell = await admin.fetchval(DEFINITION)
    rates: dict[str, list[float]] = {mode: [] for mode in MODES}
    await commits(connections, 1)
    for _ in range(options.rounds):
        for mode in MODES:
            await admin.execute(WITHOUT if mode == "removed" else bell)
            for connection in connections:
                await connection.execute(SETTING.replace("$1", f"'{mode if mode != 'removed' else 'off'}'"))
            heard = 0
            rates[mode].append(await commits(connections, options.seconds))
            print(f"{mode:>9}: {rates[mode][-1]:8,.0f} commits/s, {heard:6,} notifications heard", flush=True)
    medians = {mode: statistics.median(found) for mode, found in rates.items()}
    for mode in MODES[1:]:
        print(
            f"   median: {mode} {medians[mode]:,.0f}/s, {medians[mode] / medians['removed']:.0%} of that without"
        )
    for connection in [*connections, admin, listener]:
        await connection.close()


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--writers", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=3, help="of each round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with bench_database() as url, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(compare(url, options))


if __name__ == "__main__":
    main()
