"""`jobs cancel` and `jobs retry` for all that match: begun here, worked off in the database, followed with a bar."""

import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import rich_click as click

from jobstream.cli.options import Label, Span
from jobstream.domain.bulk import Bulk, Started
from jobstream.domain.job import Status

LOOK_SECONDS: Final = 0.2
RUNNING: Final = "running"

_OPTIONS: Final = (
    click.option(
        "--status",
        multiple=True,
        type=click.Choice([status.value for status in Status]),
        help="Instead of an ID: all jobs of this status. Repeat for or.",
    ),
    click.option("--kind", multiple=True, help="All jobs of this kind. Repeat for or."),
    click.option("--queue", multiple=True, help="All jobs of this queue. Repeat for or."),
    click.option("--label", "labels", multiple=True, type=Label(), help="All jobs with this label."),
    click.option("--since", type=Span(), help="Created within that long: 90s, 5m, 2h, 7d."),
    click.option("--dry-run", is_flag=True, help="Only count those that match."),
)


def filter_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that stand for many jobs."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def read_filter(
    job_id: str | None,
    *,
    status: tuple[str, ...],
    kind: tuple[str, ...],
    queue: tuple[str, ...],
    labels: tuple[tuple[str, str], ...],
    since: float | None,
    dry_run: bool,
) -> dict[str, Any]:
    """What was asked for, by the names of `GET /jobs`; empty for one job. Raises UsageError for both or neither."""
    moment = None if since is None else datetime.now(UTC) - timedelta(seconds=since)
    given = {
        "status": list(status),
        "kind": list(kind),
        "queue": list(queue),
        "label": [f"{name}:{value}" for name, value in labels],
        "since": moment,
    }
    wanted = {name: value for name, value in given.items() if value}
    if (job_id is None) == (not wanted) or (job_id is not None and dry_run):
        raise click.UsageError("Give an ID, or at least one of --status, --kind, --queue, --label, --since")
    return wanted


async def run_bulk(action: str, wanted: dict[str, Any], *, dry_run: bool, as_json: bool) -> None:
    """Begin it and follow it to its end; a dry run only counts."""
    from jobstream.cli.gateway import open_gateway
    from jobstream.cli.output import print_json
    from jobstream.cli.progress import bar

    async with open_gateway() as gateway:
        started: Started = await gateway.start_bulk(action, wanted, dry_run=dry_run)
        found: Bulk | None = None
        if started.id is not None:
            with bar(action, started.matched) as advance:
                seen = 0
                while found is None or found.status == RUNNING:
                    if found is not None:
                        await asyncio.sleep(LOOK_SECONDS)
                    found = await gateway.bulk(started.id)
                    advance(found.done + found.skipped - seen)
                    seen = found.done + found.skipped
    if as_json:
        print_json(started if found is None else found)
    elif found is None:
        print(f"{started.matched} jobs match")
    else:
        print(f"{found.done} of {found.matched} jobs: {action}", flush=True)
        if found.skipped:
            print(f"{found.skipped} had moved on before their turn came", file=sys.stderr)
