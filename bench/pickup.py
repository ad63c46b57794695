"""How soon an idle worker begins a job: from the commit of the enqueue to the handler's first line, in one process.

python -m bench.pickup [--jobs 200] [--pause 0.5]
"""

import argparse
import asyncio
import statistics
import time

import asyncpg
import uvloop

from bench.databases import bench_database
from jobstream import JobContext, JobStream
from jobstream.store.listener import Listener
from jobstream.store.pool import Database
from jobstream.worker.sizing import QueueShare
from jobstream.worker.supervisor import Worker

app = JobStream()
began: asyncio.Queue[float] = asyncio.Queue()


@app.job("now")
async def now(_: JobContext) -> None:
    """Note the time."""
    began.put_nowait(time.perf_counter())


async def measure(url: str, jobs: int, pause: float) -> None:
    """Enqueue one at a time."""
    async with Database.connect(url, size=6) as database, asyncio.TaskGroup() as group:
        listener = Listener(url=url)
        worker = Worker(
            handlers=app.handlers, database=database, listener=listener, queues=[QueueShare("default")]
        )
        listening = group.create_task(listener.run())
        group.create_task(worker.run())
        connection = await asyncpg.connect(url)
        took = []
        for number in range(-5, jobs):
            await asyncio.sleep(pause)
            await connection.execute("select jobstream.enqueue('now')")
            committed = time.perf_counter()
            seconds = await began.get() - committed
            if number >= 0:
                took.append(seconds * 1000)
        await connection.close()
        worker.stop()
        listening.cancel()
    took.sort()
    print(
        f"{jobs} jobs, one each {pause} s: p50 {statistics.median(took):.1f} ms, "
        f"p99 {took[int(len(took) * 0.99) - 1]:.1f} ms, longest {took[-1]:.1f} ms"
    )


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--pause", type=float, default=0.5)
    options = parser.parse_args()
    with bench_database() as url, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(measure(url, options.jobs, options.pause))


if __name__ == "__main__":
    main()
