"""The application that the process tests' workers run."""

import asyncio
import os
import time

from jobstream import JobContext, JobStream

app = JobStream()


@app.job("first-hangs")
async def first_hangs(ctx: JobContext) -> int:
    """Its first attempt never ends; a later one answers with its process."""
    if ctx.attempt == 1:
        await asyncio.sleep(3600)
    return os.getpid()


@app.job("first-is-slow")
async def first_is_slow(ctx: JobContext) -> str:
    """Its first attempt ends when it can no longer matter."""
    if ctx.attempt == 1:
        await asyncio.sleep(4)
    return f"attempt {ctx.attempt}"


@app.job("nap")
async def nap(ctx: JobContext) -> int:
    """A little work."""
    await asyncio.sleep(0.05)
    return os.getpid()


@app.job("nap-in-thread")
def nap_in_thread(ctx: JobContext) -> int:
    """A little work in a thread."""
    time.sleep(0.05)
    return os.getpid()


@app.job("wait-for-file")
async def wait_for_file(ctx: JobContext, args: str) -> int:
    """Ends once the file is there."""
    while not os.path.exists(args):  # noqa: ASYNC110, PTH110  (another process makes it)
        await asyncio.sleep(0.05)
    return ctx.attempt


@app.job("block")
async def block(ctx: JobContext) -> None:
    """Keeps the event loop from everything else."""
    time.sleep(2.5)  # noqa: ASYNC251  (that is what it is for)


async def will_not_stop() -> None:
    """Cannot be cancelled."""
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            continue


@app.job("deaf")
async def deaf(ctx: JobContext) -> None:
    """Says that it began, and will not be stopped."""
    ctx.progress(1)
    await will_not_stop()


@app.job("leak")
async def leak(ctx: JobContext) -> None:
    """Leaves a task behind that will not be stopped."""
    task = asyncio.create_task(will_not_stop())
    task.add_done_callback(print)  # somebody holds it
