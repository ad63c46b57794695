"""`jobstream queues`: list, pause, resume, set."""

from collections.abc import Sequence
from typing import Any, TypeVar

import rich_click as click
from msgspec import UNSET, UnsetType

from jobstream.cli.options import ParamType, as_async, examples, json_option
from jobstream.domain.queue import Queue, QueueChange, RateLimit

NONE = "none"
T = TypeVar("T", int, RateLimit)


class Limit(ParamType[int | str]):
    """A number, or `none` for no limit."""

    name = "N|none"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """The number, or `none`."""
        if value == NONE:
            return NONE
        if not str(value).isdecimal():
            self.fail(f"{value!r} is neither a number nor `none`", param, ctx)
        return int(value)


class Rate(ParamType[RateLimit | str]):
    """So many claims in so many seconds, or `none`."""

    name = "COUNT/SECONDS|none"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> RateLimit | str:
        """The limit, or `none`."""
        if value == NONE:
            return NONE
        count, _, seconds = str(value).partition("/")
        if not (count.isdecimal() and seconds.isdecimal() and int(count) and int(seconds)):
            self.fail(f"{value!r} is no rate; write 100/60 for 100 in 60 seconds, or none", param, ctx)
        return RateLimit(count=int(count), per_seconds=int(seconds))


@click.group("queues")
def command() -> None:
    """List, pause, resume and limit queues."""


@command.command(
    "list", epilog=examples("jobstream queues list", "jobstream queues list --json | jq '.[].name'")
)
@json_option
@as_async
async def list_queues(as_json: bool) -> None:
    """List every queue: what stands in it, and its limits."""
    from jobstream.cli.gateway import open_gateway
    from jobstream.cli.output import print_json

    async with open_gateway() as gateway:
        queues = await gateway.queues()
    if as_json:
        print_json(queues)
    else:
        _print(queues)


@command.command("pause", epilog=examples("jobstream queues pause images"))
@click.argument("name")
@json_option
@as_async
async def pause(name: str, as_json: bool) -> None:
    """Let no job of the queue be claimed. What runs goes on."""
    await _change(name, QueueChange(paused=True), as_json=as_json)


@command.command("resume", epilog=examples("jobstream queues resume images"))
@click.argument("name")
@json_option
@as_async
async def resume(name: str, as_json: bool) -> None:
    """Let jobs of a paused queue be claimed again."""
    await _change(name, QueueChange(paused=False), as_json=as_json)


@command.command(
    "set",
    epilog=examples(
        "jobstream queues set images --max-running 4",
        "jobstream queues set mail --rate 100/60 --retention-days 30",
        "jobstream queues set images --max-running none --rate none",
    ),
)
@click.argument("name")
@click.option("--max-running", type=Limit(), help="At most so many at a time, over all workers.")
@click.option(
    "--key-limit", type=click.IntRange(min=1), help="At most so many at a time for one concurrency key."
)
@click.option("--rate", type=Rate(), help="At most so many claims in so many seconds.")
@click.option("--retention-days", type=click.IntRange(min=0), help="How long jobs that have ended are kept.")
@json_option
@as_async
async def set_queue(
    name: str,
    max_running: int | str | None,
    key_limit: int | None,
    rate: RateLimit | str | None,
    retention_days: int | None,
    as_json: bool,
) -> None:
    """Set limits of a queue; what is not given stays."""
    change = QueueChange(
        max_running=_chosen(max_running),
        key_limit=UNSET if key_limit is None else key_limit,
        rate_limit=_chosen(rate),
        retention_days=UNSET if retention_days is None else retention_days,
    )
    if change == QueueChange():
        raise click.UsageError("Give at least one of --max-running, --key-limit, --rate, --retention-days")
    await _change(name, change, as_json=as_json)


def _chosen(value: T | str | None) -> T | UnsetType | None:
    """UNSET where nothing was said, None for `none`."""
    if value is None:
        return UNSET
    return None if isinstance(value, str) else value


async def _change(name: str, change: QueueChange, *, as_json: bool) -> None:
    from jobstream.cli.gateway import open_gateway
    from jobstream.cli.output import print_json

    async with open_gateway() as gateway:
        queue = await gateway.set_queue(name, change)
    if as_json:
        print_json(queue)
    else:
        _print([queue])


def _print(queues: Sequence[Queue]) -> None:
    import sys

    from jobstream.cli.output import print_table, span

    if not queues:
        print("no queues", file=sys.stderr)
        return
    shown = ("waiting", "pending", "running", "failed", "dlq")
    print_table(
        ("QUEUE", *(f"#{status.upper()}" for status in shown), "#OLDEST", "LIMITS", "STATE"),
        (
            (
                queue.name,
                *(str(queue.counts.get(status, 0)) for status in shown),
                "" if queue.oldest_pending_seconds is None else span(queue.oldest_pending_seconds),
                _limits(queue),
                "paused" if queue.paused else "open",
            )
            for queue in queues
        ),
    )


def _limits(queue: Queue) -> str:
    parts = [f"keep {queue.retention_days} d"]
    if queue.max_running is not None:
        parts.insert(0, f"max {queue.max_running}")
    if queue.key_limit != 1:
        parts.append(f"key {queue.key_limit}")
    if queue.rate_limit is not None:
        parts.append(f"{queue.rate_limit.count}/{queue.rate_limit.per_seconds} s")
    return ", ".join(parts)
