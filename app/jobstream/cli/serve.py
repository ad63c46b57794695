"""`jobstream serve`: the web process."""

import os
import signal

import rich_click as click

from jobstream.cli.exits import DONE, INTERRUPTED
from jobstream.cli.options import examples
from jobstream.cli.processes import Ending, log_level_option, run_process, start_logging


@click.command(
    "serve",
    epilog=examples(
        "jobstream migrate && jobstream serve",
        "jobstream serve --host 0.0.0.0 --port 8080",
        "JOBSTREAM_AUTH=off jobstream serve --port 0",
    ),
)
@click.option("--host", help="The address to listen on.  [default: JOBSTREAM_HOST, else 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, 65_535), help="0 for any free one.  [default: JOBSTREAM_PORT, else 8000]"
)
@log_level_option
def command(host: str | None, port: int | None, log_level: str) -> int:
    """Serve HTTP: the API, event streams and the documents. Prints its address once it answers.

    SIGTERM and Ctrl-C drain it: open streams end one after the other and their clients come back to another instance.
    A second signal ends it at once. Callers need a token, unless JOBSTREAM_AUTH is off (on loopback addresses only).
    """
    from jobstream.cli.gateway.choice import required_database_url
    from jobstream.cli.listening import explained
    from jobstream.settings import load_settings

    settings = load_settings(os.environ, host=host, port=port)
    required_database_url(settings)
    start_logging(log_level)

    async def main() -> Ending:
        from jobstream.api.server import serve

        with explained(settings):
            stopped_by = await serve(settings, announce=_announce)
        return Ending(code=INTERRUPTED if stopped_by == signal.SIGINT else DONE)

    return run_process(main)


def _announce(address: str) -> None:
    print(f"jobstream serves on {address}", flush=True)
