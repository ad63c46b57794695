"""What `jobstream dev` runs when it is given no application: two small jobs to see the queue at work.

They have a queue of their own, so that this worker never takes a job that it does not know.
"""

import asyncio
from dataclasses import dataclass

from jobstream import JobContext, JobStream

QUEUE = "demo"
TICK = 0.1
LONGEST = 600

app = JobStream()


@dataclass(frozen=True, kw_only=True)
class Countdown:
    """How long to count."""

    seconds: float = 5.0


@app.job("demo.countdown", queue=QUEUE)
async def countdown(ctx: JobContext, args: Countdown) -> str:
    """Count to the end, with progress ten times a second."""
    ticks = max(1, round(min(args.seconds, LONGEST) / TICK))
    for tick in range(1, ticks + 1):
        await asyncio.sleep(TICK)
        ctx.progress(tick, ticks, step=f"{(ticks - tick) * TICK:.1f} s to go")
    return "lift-off"


@app.job("demo.fail", queue=QUEUE)
async def fail(_: JobContext) -> None:
    """Fail, to see retries and the dead letter queue."""
    raise RuntimeError("this job always fails")
