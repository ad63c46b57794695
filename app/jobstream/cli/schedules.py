"""`jobstream schedules`: list, put, run, delete."""

import sys
from collections.abc import Sequence
from typing import Any, get_args

import rich_click as click

from jobstream.cli.options import JsonValue, as_async, examples, json_option
from jobstream.domain.schedule import CatchUp, Schedule, ScheduleInfo


@click.group("schedules")
def command() -> None:
    """List, put, run and delete schedules: jobs by cron expression."""


@command.command("list", epilog=examples("jobstream schedules list", "jobstream schedules list --json"))
@json_option
@as_async
async def list_schedules(as_json: bool) -> None:
    """List every schedule with its next due time."""
    from jobstream.cli.gateway import open_gateway
    from jobstream.cli.output import print_json

    async with open_gateway() as gateway:
        schedules = await gateway.schedules()
    if as_json:
        print_json(schedules)
    else:
        _print(schedules)


@command.command(
    "put",
    epilog=examples(
        "jobstream schedules put nightly '0 3 * * *' --kind report --timezone Europe/Rome",
        "jobstream schedules put nightly '0 4 * * *' --kind report --args '{\"all\": true}' --paused",
    ),
)
@click.argument("name")
@click.argument("cron")
@click.option("--kind", required=True, help="The job that is made at each due time.")
@click.option(
    "--args", "args", type=JsonValue(), default=None, help="What it is given; `@FILE` or `-` to read it."
)
@click.option("--queue", default="default", show_default=True, help="The queue it goes to.")
@click.option(
    "--timezone", default="UTC", show_default=True, help="The expression's time zone, as Europe/Rome."
)
@click.option(
    "--catch-up",
    type=click.Choice(get_args(CatchUp)),
    default="last",
    show_default=True,
    help="What becomes of due times that passed while nothing ran.",
)
@click.option("--paused/--active", default=None, help="Whether it makes jobs; not given: as it was.")
@json_option
@as_async
async def put_schedule(
    name: str,
    cron: str,
    kind: str,
    args: Any,
    queue: str,
    timezone: str,
    catch_up: CatchUp,
    paused: bool | None,
    as_json: bool,
) -> None:
    """Make a schedule, or replace the one of that NAME. Each due time of CRON makes exactly one job."""
    from jobstream.cli.gateway import open_gateway
    from jobstream.cli.output import print_json

    spec = {"kind": kind, "queue": queue} | ({} if args is None else {"args": args})
    wanted = Schedule(name=name, cron=cron, timezone=timezone, spec=spec, catch_up=catch_up)
    async with open_gateway() as gateway:
        made = await gateway.put_schedule(wanted, paused=paused)
    if as_json:
        print_json(made)
    else:
        _print([made])


@command.command("run", epilog=examples("jobstream watch $(jobstream schedules run nightly)"))
@click.argument("name")
@json_option
@as_async
async def run_schedule(name: str, as_json: bool) -> None:
    """Make the schedule's job now, beside its due times, and print the job's id."""
    from jobstream.cli.gateway import open_gateway
    from jobstream.cli.output import print_json

    async with open_gateway() as gateway:
        made = await gateway.run_schedule(name)
    if as_json:
        print_json({"id": made})
    else:
        print(made, flush=True)


@command.command("delete", epilog=examples("jobstream schedules delete nightly"))
@click.argument("name")
@json_option
@as_async
async def delete_schedule(name: str, as_json: bool) -> None:
    """Delete a schedule. The jobs that it made stay."""
    from jobstream.cli.gateway import open_gateway
    from jobstream.cli.output import print_json

    async with open_gateway() as gateway:
        await gateway.delete_schedule(name)
    if as_json:
        print_json({"name": name, "deleted": True})
    else:
        print(f"{name}  deleted")


def _print(schedules: Sequence[ScheduleInfo]) -> None:
    from jobstream.cli.output import print_table, when

    if not schedules:
        print("no schedules", file=sys.stderr)
        return
    print_table(
        ("SCHEDULE", "CRON", "ZONE", "IN WORDS", "NEXT", "LAST", "STATE"),
        (
            (
                each.name,
                each.cron,
                each.timezone,
                each.explanation or "",
                when(each.upcoming[0]) if each.upcoming and not each.paused else "",
                when(each.last_at),
                _state(each),
            )
            for each in schedules
        ),
    )
    if any(each.undeclared for each in schedules):
        print(
            "undeclared: from code that no live worker runs; it goes on making jobs until it is paused or deleted",
            file=sys.stderr,
        )


def _state(schedule: ScheduleInfo) -> str:
    from jobstream.cli.output import one_line

    told = "paused" if schedule.paused else one_line(schedule.last_error) or "active"
    return f"{told}, undeclared" if schedule.undeclared else told
