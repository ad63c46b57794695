"""A small application for commands to run."""

import asyncio
from pathlib import Path

from jobstream import Backoff, JobContext, JobStream

app = JobStream()
not_an_app = object()

QUICKLY = Backoff(type="fixed", base=0.2, jitter=0)


@app.job("greet")
async def greet(ctx: JobContext, args: dict[str, str]) -> str:
    """Say hello, with two steps of progress and a line of log."""
    ctx.progress(1, 2, step="thinking")
    ctx.log("nearly there")
    ctx.progress(2, 2, step="speaking")
    return f"Hello, {args['name']}"


@app.job("fail", max_attempts=2, backoff=QUICKLY)
async def fail(ctx: JobContext) -> None:
    """Fail twice, and end in the dead letter queue."""
    raise ValueError(f"no luck in attempt {ctx.attempt}")


@app.job("until_file")
async def until_file(ctx: JobContext, path: str) -> None:
    """Run until a file is there, saying so first."""
    ctx.emit("waiting.for_file", {"path": path})
    step = 0
    while not Path(path).exists():
        step += 1
        ctx.progress(step)
        await asyncio.sleep(0.1)
