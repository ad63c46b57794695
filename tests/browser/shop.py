"""The application whose jobs the page shows in these tests: what each does is said by its arguments."""

import asyncio
from typing import Any

from jobstream import JobContext, JobStream

app = JobStream()


@app.job("resize", queue="images", max_attempts=1)
async def resize(ctx: JobContext, args: dict[str, Any]) -> dict[str, Any]:
    """Report each step; as slow as it is told to be."""
    steps = int(args.get("steps", 4))
    for step in range(1, steps + 1):
        await asyncio.sleep(float(args.get("pause", 0.05)))
        await ctx.progress(step, steps, "resize")
    return {"width": 320}


@app.job("explode", queue="images", max_attempts=1)
async def explode(ctx: JobContext, args: dict[str, Any]) -> None:
    """Fail."""
    raise ValueError(str(args.get("message", "no such codec")))


@app.job("noop", queue="bulk")
async def noop(ctx: JobContext, args: dict[str, Any]) -> None:
    """Do nothing."""
