"""The Python side of a queue that a worker in bash serves too."""

from jobstream import JobContext, JobStream

app = JobStream()


@app.job("collect")
async def collect(ctx: JobContext) -> list[object]:
    """What the awaited jobs answered."""
    return list(ctx.upstream.values())
