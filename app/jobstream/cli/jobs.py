"""`jobstream jobs`: list, show, cancel, retry."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import rich_click as click
from rich.text import Text

from jobstream.cli.bulk import filter_options, read_filter, run_bulk
from jobstream.cli.options import Label, Span, as_async, examples, json_option
from jobstream.domain.job import Job, JobFilter, Outcome, Status


@click.group("jobs")
def command() -> None:
    """List, show, cancel and retry jobs."""


@command.command(
    "list",
    epilog=examples(
        "jobstream jobs list --status dlq --since 1d",
        "jobstream jobs list --kind thumbnail --queue images --label tenant=7 --limit 20",
        "jobstream jobs list --status failed --json | jq -r '.[].id'",
    ),
)
@click.option(
    "--status", multiple=True, type=click.Choice([status.value for status in Status]), help="Repeat for or."
)
@click.option("--kind", multiple=True, help="Repeat for or.")
@click.option("--queue", multiple=True, help="Repeat for or.")
@click.option("--label", "labels", multiple=True, type=Label(), help="Repeat for or.")
@click.option("--since", type=Span(), help="Created within that long: 90s, 5m, 2h, 7d.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many at most."
)
@json_option
@as_async
async def list_jobs(
    status: tuple[str, ...],
    kind: tuple[str, ...],
    queue: tuple[str, ...],
    labels: tuple[tuple[str, str], ...],
    since: float | None,
    limit: int,
    as_json: bool,
) -> None:
    """List jobs, the newest first."""
    from jobstream.cli.gateway import open_gateway
    from jobstream.cli.output import print_json

    wanted = JobFilter(
        status=tuple(Status(name) for name in status),
        kind=kind,
        queue=queue,
        label=labels,
        since=None if since is None else datetime.now(UTC) - timedelta(seconds=since),
    )
    async with open_gateway() as gateway:
        jobs = await gateway.list(wanted, limit=limit)
    if as_json:
        print_json(jobs)
    else:
        _print_jobs(jobs)


@command.command("show", epilog=examples("jobstream jobs show 01JD3M8K2V7Q9X0W5R4T6Y8B1C"))
@click.argument("job_id", metavar="ID")
@json_option
@as_async
async def show_job(job_id: str, as_json: bool) -> None:
    """Show all that is known of one job."""
    from jobstream.cli.gateway import open_gateway
    from jobstream.cli.output import print_fields, print_json

    async with open_gateway() as gateway:
        job = await gateway.get(job_id)
    if as_json:
        print_json(job)
    else:
        print_fields(_fields(job))


@command.command(
    "cancel",
    epilog=examples(
        "jobstream jobs cancel 01JD3M8K2V7Q9X0W5R4T6Y8B1C --force",
        "jobstream jobs cancel --kind thumbnail --status pending --dry-run",
    ),
)
@click.argument("job_id", metavar="[ID]", required=False)
@click.option("--force", is_flag=True, help="Also ask a running job to stop; it has some seconds to do so.")
@filter_options
@json_option
@as_async
async def cancel_job(job_id: str | None, force: bool, as_json: bool, **asked: Any) -> None:
    """Cancel a job, or all that match. One that has ended stays as it is; a running one is only cancelled with --force.

    All that match are those that wait, are pending or have failed; running ones are left alone.
    """
    from jobstream.cli.gateway import open_gateway

    wanted = read_filter(job_id, **asked)
    if job_id is None:
        if force:
            raise click.UsageError("--force is for one job")
        return await run_bulk("cancel", wanted, dry_run=asked["dry_run"], as_json=as_json)
    async with open_gateway() as gateway:
        _say(await gateway.cancel(job_id, force=force), as_json=as_json)


@command.command(
    "retry",
    epilog=examples(
        "jobstream jobs retry 01JD3M8K2V7Q9X0W5R4T6Y8B1C",
        "jobstream jobs retry --status dlq --kind thumbnail --since 1d",
    ),
)
@click.argument("job_id", metavar="[ID]", required=False)
@filter_options
@json_option
@as_async
async def retry_job(job_id: str | None, as_json: bool, **asked: Any) -> None:
    """Make a failed or ended job due again, or all that match, with failures forgiven and history kept."""
    from jobstream.cli.gateway import open_gateway

    wanted = read_filter(job_id, **asked)
    if job_id is None:
        return await run_bulk("retry", wanted, dry_run=asked["dry_run"], as_json=as_json)
    async with open_gateway() as gateway:
        _say(await gateway.retry(job_id), as_json=as_json)


def _say(outcome: Outcome, *, as_json: bool) -> None:
    from jobstream.cli.output import print_json, status_text

    if as_json:
        print_json(outcome)
    else:
        from jobstream.cli.output import console

        console().print(Text(outcome.id + "  "), status_text(outcome.status), sep="")


def _print_jobs(jobs: list[Job]) -> None:
    from jobstream.cli.output import ago, one_line, print_table, status_text

    if not jobs:
        click.echo("no jobs", err=True)
        return
    print_table(
        ("ID", "STATUS", "KIND", "QUEUE", "#ATTEMPT", "#AGE", "NOTE"),
        (
            (
                job.id,
                status_text(job.status),
                job.spec.kind,
                job.spec.queue,
                f"{job.retry.attempt}",
                ago(job.lifecycle.created_at),
                one_line(_note(job), most=60),
            )
            for job in jobs
        ),
    )


def _note(job: Job) -> str:
    """The one thing that a person wants to know beside the status."""
    progress = job.lifecycle.progress
    if job.status is Status.RUNNING and isinstance(progress, dict) and progress.get("percent") is not None:
        return f"{progress['percent']:.0f} % {progress.get('step') or ''}".rstrip()
    return (job.retry.last_error or "") if job.status is not Status.DONE else ""


def _fields(job: Job) -> Iterable[tuple[str, str | Text | None]]:
    from jobstream.cli.output import ago, status_text, when

    life, spec, retry, scheduling, lineage = job.lifecycle, job.spec, job.retry, job.scheduling, job.lineage
    reason = f"  {life.reason}" if life.reason else ""
    asked = "  cancel requested" if life.cancel_requested else ""
    yield "id", job.id
    yield "kind", spec.kind
    yield "queue", spec.queue
    yield "status", status_text(life.status).append(reason + asked)
    yield "args", _json(spec.args)
    yield "result", None if life.result is None else _json(life.result)
    yield "progress", None if life.progress is None else _json(life.progress)
    yield "last error", retry.last_error
    yield (
        "attempts",
        f"{retry.attempt} claimed, {retry.failures} of {retry.max_attempts} failures, {retry.crashes} crashes",
    )
    yield "created", f"{when(life.created_at)}  ({ago(life.created_at)} ago)"
    yield "started", when(life.started_at)
    yield "completed", when(life.completed_at)
    yield "due", when(scheduling.scheduled_at)
    yield "deadline", when(scheduling.deadline)
    yield "worker", life.worker
    yield "lease until", when(life.lease_until)
    yield "awaits", ", ".join(scheduling.await_jobs or ())
    yield "priority", str(spec.priority) if spec.priority else None
    yield "labels", ", ".join(f"{name}={value}" for name, value in spec.labels.items())
    yield "owner", job.owner
    yield "key", job.idempotency_key
    yield "parent", lineage.parent_job
    yield "children", str(lineage.children_count) if lineage.children_count else None


def _json(value: Any) -> str:
    import msgspec

    return msgspec.json.encode(value).decode()
