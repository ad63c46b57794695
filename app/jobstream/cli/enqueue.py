"""`jobstream enqueue`: create a job."""

import sys
from typing import Any

import rich_click as click

from jobstream.cli.options import JsonValue, Label, Span, as_async, examples, json_option
from jobstream.domain.job import Enqueued, NewJob


@click.command(
    "enqueue",
    epilog=examples(
        'jobstream enqueue greet --args \'{"name": "Ada"}\' --follow',
        "jobstream enqueue thumbnail --args @photo.json --queue images --key photo-4711",
        "jobstream enqueue nightly --delay 2h --json | jq -r .id",
    ),
)
@click.argument("kind")
@click.option(
    "--args", "args", type=JsonValue(), default=None, help="What the job is given; `@FILE` or `-` to read it."
)
@click.option("--queue", default="default", show_default=True, help="The queue it goes to.")
@click.option(
    "--key", help="Idempotency key: the same key again finds the same job instead of making another."
)
@click.option("--delay", type=Span(), help="Not before that long from now: 90, 90s, 5m, 2h, 1d.")
@click.option("--priority", type=int, default=0, show_default=True, help="A smaller number goes first.")
@click.option(
    "--max-attempts", type=click.IntRange(min=1), default=3, show_default=True, help="Failures that end it."
)
@click.option("--label", "labels", type=Label(), multiple=True, help="May be given several times.")
@click.option("--follow", is_flag=True, help="Watch it until it ends; the exit code tells how.")
@json_option
@as_async
async def command(
    kind: str,
    args: Any,
    queue: str,
    key: str | None,
    delay: float | None,
    priority: int,
    max_attempts: int,
    labels: tuple[tuple[str, str], ...],
    follow: bool,
    as_json: bool,
) -> None:
    """Create a job of KIND and print its id.

    With --follow it is watched until it ends: exit code 0 if it is done, 1 if it ended otherwise; with --json too,
    one event a line.
    """
    from jobstream.cli.follow import follow_to_end
    from jobstream.cli.gateway import open_gateway
    from jobstream.cli.views import choose_view

    job = NewJob(
        kind=kind,
        args={} if args is None else args,
        queue=queue,
        priority=priority,
        delay=delay,
        idempotency_key=key,
        max_attempts=max_attempts,
        labels=dict(labels) or None,
    )
    async with open_gateway() as gateway:
        enqueued = await gateway.enqueue(job)
        if not (follow and as_json):
            _say(enqueued, as_json=as_json)
        if follow:
            await follow_to_end(gateway, enqueued.id, choose_view(as_json=as_json))


def _say(enqueued: Enqueued, *, as_json: bool) -> None:
    """The id on stdout, for `$(…)`; what a person wants to know besides on stderr."""
    from jobstream.cli.output import print_json

    if as_json:
        print_json(enqueued)
        return
    print(enqueued.id, flush=True)
    if enqueued.idempotent:
        print(f"this key made the job before; it is {enqueued.status}", file=sys.stderr)
