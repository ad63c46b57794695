"""An application on jobstream: index a folder, one job a file, and a report when all have ended.

    jobstream worker examples.indexer:app

Three kinds of job: `index.folder` lists the files and enqueues the rest, `index.file` reads one of them, `index.report`
awaits them all, however they end, and adds up what they found.
"""

import asyncio
from collections import Counter
from hashlib import sha256
from pathlib import Path

import msgspec

from examples.indexer.files import FileFacts, list_files, read_facts
from jobstream import Backoff, Discard, JobContext, JobHandle, JobStream

ENQUEUED_AT_ONCE = 100
LONGEST_LABEL = 128

app = JobStream()


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """What to index: a folder, some paths beside it, and how many files at most."""

    path: str
    also: list[str] = []
    most: int = 2_000


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What `index.folder` made: so many file jobs, and the job that will report on them."""

    files: int
    report: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a whole folder. `unread` files have no facts, `copies` have the same content as another."""

    files: int
    read: int
    unread: int
    bytes: int
    lines: int
    words: int
    copies: int
    types: dict[str, int]


@app.job("index.folder", queue="index")
async def index_folder(ctx: JobContext, folder: Folder) -> Listing:
    """List the files and enqueue one job for each, then the report that awaits them.

    Each job has an idempotency key made from this job's id: should this attempt die half-way, the next one
    finds what is already there and goes on.
    """
    root = Path(folder.path)
    if not root.is_dir():
        raise Discard(f"{root} is no folder")
    paths = await asyncio.to_thread(list_files, root, most=folder.most)
    paths += [Path(path) for path in folder.also]
    file_jobs: list[str] = []
    for start in range(0, len(paths), ENQUEUED_AT_ONCE):
        file_jobs += await _enqueue_files(ctx, paths[start : start + ENQUEUED_AT_ONCE])
        await ctx.progress(len(file_jobs), len(paths), step="enqueueing")
    report = await ctx.client.enqueue(
        write_report,
        idempotency_key=f"{ctx.job.id}/report",
        await_jobs=file_jobs,
        await_for="ended",
        labels=ctx.job.spec.labels,
    )
    return Listing(files=len(file_jobs), report=report.id)


async def _enqueue_files(ctx: JobContext, paths: list[Path]) -> list[str]:
    """Enqueued side by side: the client gathers them into few statements."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_enqueue_file(ctx, path)) for path in paths]
    return [task.result().id for task in tasks]


async def _enqueue_file(ctx: JobContext, path: Path) -> JobHandle[FileFacts]:
    return await ctx.client.enqueue(
        index_file,
        str(path),
        idempotency_key=f"{ctx.job.id}/{sha256(bytes(path)).hexdigest()}",
        labels={**ctx.job.spec.labels, "file": str(path)[-LONGEST_LABEL:]},
    )


@app.job("index.file", queue="index", max_attempts=3, backoff=Backoff(type="fixed", base=1, jitter=0))
def index_file(_: JobContext, path: str) -> FileFacts:
    """Read one file. A plain function runs in a thread; what it raises is a failed attempt, retried a second later."""
    return read_facts(Path(path))


@app.job("index.report", queue="index")
async def write_report(ctx: JobContext) -> Report:
    """Add up the results of the awaited jobs; those that ended otherwise than done have none and count as unread."""
    awaited = ctx.job.scheduling.await_jobs or []
    results = (ctx.upstream.get(job_id) for job_id in awaited)
    read = [msgspec.convert(result, FileFacts) for result in results if result is not None]
    types = Counter(facts.type for facts in read)
    return Report(
        files=len(awaited),
        read=len(read),
        unread=len(awaited) - len(read),
        bytes=sum(facts.bytes for facts in read),
        lines=sum(facts.lines or 0 for facts in read),
        words=sum(facts.words or 0 for facts in read),
        copies=len(read) - len({facts.sha256 for facts in read}),
        types=dict(types),
    )
