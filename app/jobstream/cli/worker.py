"""`jobstream worker`: run the jobs of an application."""

import os
import sys
from typing import TYPE_CHECKING, Any

import rich_click as click

from jobstream.cli.options import ParamType, Span, examples
from jobstream.cli.processes import Ending, Stopper, log_level_option, run_process, start_logging

if TYPE_CHECKING:
    from jobstream.application import JobStream
    from jobstream.cli.running import WorkerOptions
    from jobstream.settings import Settings
    from jobstream.worker.sizing import QueueShare

SHORTEST_LEASE = 1
HIGHEST_WEIGHT = 1000


class Queues(ParamType["tuple[QueueShare, ...]"]):
    """Queues with commas between them, each with a limit if one is given."""

    name = "NAME[=N],…"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> "tuple[QueueShare, ...]":
        """The queues in the order given."""
        from jobstream.worker.handler import check_name
        from jobstream.worker.sizing import QueueShare

        if isinstance(value, tuple):
            return value
        shares = []
        for part in str(value).split(","):
            name, equals, limit = (text.strip() for text in part.partition("="))
            if not name or (equals and not (limit.isdecimal() and int(limit) > 0)):
                self.fail(f"{part!r} is no NAME or NAME=N with N above 0", param, ctx)
            try:
                check_name(name, "a queue's name")
            except ValueError as error:
                self.fail(str(error), param, ctx)
            shares.append(QueueShare(name, int(limit) if equals else None))
        return tuple(shares)


class Weights(ParamType["tuple[tuple[str, int], ...]"]):
    """Queues with a weight each, with commas between them."""

    name = "NAME=N,…"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> "tuple[tuple[str, int], ...]":
        """The weights in the order given."""
        if isinstance(value, tuple):
            return value
        weights = []
        for part in str(value).split(","):
            name, _, weight = (text.strip() for text in part.partition("="))
            if not (name and weight.isdecimal() and 0 < int(weight) <= HIGHEST_WEIGHT):
                self.fail(f"{part!r} is no NAME=N with N from 1 to {HIGHEST_WEIGHT}", param, ctx)
            weights.append((name, int(weight)))
        return tuple(weights)


@click.command(
    "worker",
    epilog=examples(
        "jobstream worker tasks:app",
        "jobstream worker tasks:app --queues urgent,images=4 --concurrency 20",
        "jobstream worker tasks:app --queues urgent,bulk --weights urgent=3,bulk=1",
        "jobstream worker shop.jobs:app --reload",
    ),
)
@click.argument("application", metavar="MODULE:APP")
@click.option(
    "--queues",
    type=Queues(),
    default=(),
    help="The queues to serve, the first one first; `images=4` holds at most four of its jobs at a time. "
    "[default: all that the application's jobs name]",
)
@click.option(
    "--weights",
    type=Weights(),
    default=(),
    help="Shares of the slots while there are more jobs than slots: with `urgent=3,bulk=1` three of four jobs are urgent "
    "ones, and bulk ones never starve. Queues not named here count 1. [default: the first queue first]",
)
@click.option(
    "--concurrency", type=click.IntRange(1, 10_000), default=10, show_default=True, help="Jobs at a time."
)
@click.option(
    "--lease",
    type=Span(),
    default=30.0,
    show_default=True,
    help="Seconds that a job is held without a sign of life.",
)
@click.option(
    "--grace",
    type=Span(),
    default=20.0,
    show_default=True,
    help="Seconds that running jobs get when it is stopped.",
)
@click.option(
    "--max-jobs-per-child",
    type=click.IntRange(min=1),
    help='Jobs after which a process of `executor="process"` handlers is replaced: for memory that grows.',
)
@click.option("--reload", is_flag=True, help="Start anew when a Python file here changes: for development.")
@log_level_option
def command(
    application: str,
    queues: "tuple[QueueShare, ...]",
    weights: "tuple[tuple[str, int], ...]",
    concurrency: int,
    lease: float,
    grace: float,
    max_jobs_per_child: int | None,
    reload: bool,
    log_level: str,
) -> int:
    """Run the jobs that the JobStream MODULE:APP declares.

    SIGTERM and Ctrl-C stop it in order: no more jobs are taken, running ones get --grace to finish, the rest goes back
    to its queue at once. A second signal hurries.
    """
    if reload:
        from jobstream.cli.reloading import run_with_reload

        return run_with_reload([argument for argument in sys.argv[1:] if argument != "--reload"])
    if lease < SHORTEST_LEASE:
        raise click.BadParameter(f"a lease has at least {SHORTEST_LEASE} s", param_hint="--lease")
    from jobstream.cli.gateway.choice import required_database_url
    from jobstream.cli.loading import load_application
    from jobstream.cli.running import WorkerOptions
    from jobstream.settings import load_settings

    settings = load_settings(os.environ)
    url = required_database_url(settings)
    app = load_application(application)
    start_logging(log_level)
    options = WorkerOptions(
        queues=queues,
        weights=dict(weights),
        concurrency=concurrency,
        lease=lease,
        grace=grace,
        max_jobs_per_child=max_jobs_per_child,
    )
    return run_process(lambda: _work(app, url, settings, options))


async def _work(app: "JobStream", url: str, settings: "Settings", options: "WorkerOptions") -> Ending:
    from jobstream.cli.running import worker_for

    async with worker_for(app, url, settings, options) as worker:
        stopper = Stopper(worker.stop)
        with stopper.installed():
            await worker.run()
    return Ending(code=stopper.exit_code, stuck=worker.left_behind)
