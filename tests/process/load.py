"""The application of the worker's storms. Each attempt that begins writes a line into a file: what truly ran."""

import asyncio
import ctypes
import os
import time

from jobstream import JobContext, JobStream

RUNS_FILE = "RUNS_FILE"

app = JobStream()


def note(ctx: JobContext) -> None:
    """This attempt begins, here. A line in one write survives whatever becomes of the process."""
    file = os.open(os.environ[RUNS_FILE], os.O_WRONLY | os.O_APPEND)
    os.write(file, f"{ctx.job.id} {ctx.attempt} {os.getpid()}\n".encode())
    os.close(file)


@app.job("work")
async def work(ctx: JobContext) -> int:
    """A little work."""
    note(ctx)
    await asyncio.sleep(0.02)
    return ctx.attempt


@app.job("work-in-thread")
def work_in_thread(ctx: JobContext) -> int:
    """A little work in a thread."""
    note(ctx)
    time.sleep(0.02)
    return ctx.attempt


@app.job("pinned")
async def pinned(ctx: JobContext) -> int:
    """Its first attempt stays where it is for good."""
    note(ctx)
    if ctx.attempt == 1:
        await asyncio.sleep(3600)
    return ctx.attempt


@app.job("hog")
async def hog(ctx: JobContext, args: float) -> int:
    """Its first attempt keeps the event loop from everything else for so many seconds."""
    note(ctx)
    if ctx.attempt == 1:
        time.sleep(args)  # noqa: ASYNC251  (that is what it is for)
    return ctx.attempt


@app.job("crunch", executor="process")
def crunch(ctx: JobContext, args: bool) -> int:
    """A little work in a process; where asked to, its first attempt takes the process with it."""
    note(ctx)
    if args and ctx.attempt == 1:
        ctypes.string_at(0)
    return ctx.attempt
