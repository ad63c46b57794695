"""`jobstream dev`: everything in one process, with its own PostgreSQL."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click
from msgspec import Struct, structs

from jobstream.cli.exits import UsageFault
from jobstream.cli.options import examples
from jobstream.cli.processes import (
    Ending,
    Stopper,
    log_level_option,
    run_process,
    start_logging,
    unwinding_on_sigterm,
)

if TYPE_CHECKING:
    from jobstream.application import JobStream
    from jobstream.cli.development import Development
    from jobstream.embedded import EmbeddedServer
    from jobstream.settings import Settings


class Ground(Struct, frozen=True, kw_only=True):
    """The database to develop on; `embedded` if it is ours."""

    url: str
    home: Path | None = None
    embedded: "EmbeddedServer | None" = None


@click.command(
    "dev",
    epilog=examples(
        "jobstream dev tasks:app",
        "jobstream dev shop.jobs:app --port 0 --data-dir /tmp/jobs",
        "jobstream dev",
    ),
)
@click.argument("application", metavar="[MODULE:APP]", required=False)
@click.option("--host", help="The address to listen on.  [default: JOBSTREAM_HOST, else 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, 65_535), help="0 for any free one.  [default: JOBSTREAM_PORT, else 8000]"
)
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the embedded PostgreSQL keeps its data.  [default: JOBSTREAM_DATA_DIR, else the user's data folder]",
)
@click.option(
    "--tcp", is_flag=True, help="Let the embedded PostgreSQL listen on loopback too, with a password."
)
@log_level_option
def command(
    application: str | None,
    host: str | None,
    port: int | None,
    data_dir: Path | None,
    tcp: bool,
    log_level: str,
) -> int:
    """Run it all here: PostgreSQL (unless JOBSTREAM_DATABASE_URL is set), schema, web server, one worker.

    Without MODULE:APP the worker runs two jobs for trying out, `demo.countdown` and `demo.fail`, of queue `demo`.
    Other commands find the embedded database by themselves; with --data-dir, set JOBSTREAM_DATA_DIR for them.
    Callers need no token, on this machine only. Ctrl-C ends everything, the last `dev` stops PostgreSQL too.
    """
    from jobstream.cli.loading import load_application
    from jobstream.cli.running import WorkerOptions, queues_of
    from jobstream.settings import load_settings

    settings = load_settings(os.environ, host=host, port=port)
    app = load_application(application or "jobstream.cli.tryout:app")
    queues = [queue.name for queue in queues_of(app, WorkerOptions())]
    start_logging(log_level)
    with _ground(settings, data_dir, tcp=tcp) as ground:
        settings = structs.replace(settings, database_url=ground.url, auth=settings.auth or "off")

        async def main() -> Ending:
            ending = await _develop(app, ground, settings, queues)
            if ending.stuck and ground.embedded is not None:
                ground.embedded.leave()
            return ending

        return run_process(main)


@contextmanager
def _ground(settings: "Settings", data_dir: Path | None, *, tcp: bool) -> Iterator[Ground]:
    from jobstream.embedded import EmbeddedServer, default_home

    if settings.database_url is not None:
        if data_dir is not None or tcp:
            raise UsageFault(
                "--data-dir and --tcp are for the embedded PostgreSQL, but JOBSTREAM_DATABASE_URL is set"
            )
        yield Ground(url=settings.database_url)
        return
    home = data_dir or default_home(os.environ)
    with unwinding_on_sigterm(), EmbeddedServer(home=home, tcp=tcp) as server:
        yield Ground(url=server.url, home=home, embedded=server)


async def _develop(app: "JobStream", ground: Ground, settings: "Settings", queues: list[str]) -> Ending:
    from jobstream.cli.development import DRAIN_SECONDS, development
    from jobstream.schema import migrate

    await migrate(ground.url)
    if "JOBSTREAM_DRAIN_SECONDS" not in os.environ:
        settings = structs.replace(settings, drain_seconds=DRAIN_SECONDS)
    end = _End()
    stopper = Stopper(end.ask)
    with stopper.installed():
        async with development(app, ground.url, settings) as running:
            end.running = running
            _print_addresses(running.address, ground, queues)
            await end.asked.wait()
    return Ending(code=stopper.exit_code, stuck=running.stuck)


class _End:
    """Asked for once, things end in order; asked for again, at once."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.running: Development | None = None

    def ask(self) -> None:
        """A signal came."""
        if self.asked.is_set() and self.running is not None:
            self.running.stop()
        self.asked.set()


def _print_addresses(address: str, ground: Ground, queues: list[str]) -> None:
    from jobstream.cli.gateway.database import without_password

    lines = [
        f"jobstream dev runs on {address}",
        "",
        f"  page     {address}/",
        f"  api      {address}/schema",
        f"  curl     curl -N {address}/api/v1/events",
        f"  worker   queues {', '.join(queues)}",
    ]
    if ground.embedded is None:
        lines.append(f"  psql     jobstream psql    ({without_password(ground.url)})")
    else:
        beside = f"JOBSTREAM_DATA_DIR={ground.home} " if _is_moved(ground.home) else ""
        lines.append(f"  psql     {beside}jobstream psql")
        lines.append(f"           {ground.embedded.tcp_url or ground.url}")
        lines.append(f"  data     {ground.home}")
    print("\n".join([*lines, "", "Ctrl-C ends it."]), flush=True)


def _is_moved(home: Path | None) -> bool:
    from jobstream.embedded import default_home

    return home != default_home(os.environ)
