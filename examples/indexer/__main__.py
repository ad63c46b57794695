"""The demo: index a folder of real files, watch it live, and print the report.

    python -m examples.indexer                                  # this folder
    DEMO_PATH=~/books KEEP=1 python -m examples.indexer         # another one; the servers stay up until Ctrl-C

All of it runs here: PostgreSQL in a temporary folder (or the database of JOBSTREAM_DATABASE_URL), the web server on a
free port, one worker. It leaves nothing behind.
"""

import asyncio
import os
import secrets
import signal
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import msgspec

from examples.indexer.app import Folder, Report, app
from examples.indexer.following import follow
from examples.indexer.screen import TERMINAL, Screen, figures
from examples.indexer.stage import database, make_dangling_link, temporary_folder
from jobstream.cli.development import development
from jobstream.cli.processes import start_logging
from jobstream.schema import migrate
from jobstream.settings import Settings

MOST_FILES = 2_000
LONGEST_SILENCE = 120.0


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the environment asks for."""

    path: Path
    most: int
    keep: bool


class Failed(Exception):
    """The demo did not come to its end; the text says why."""


def main() -> int:
    """Run the demo; its exit code."""
    options = Options(
        path=Path(os.environ.get("DEMO_PATH") or ".").expanduser().absolute(),
        most=int(os.environ.get("DEMO_FILES") or MOST_FILES),
        keep=os.environ.get("KEEP", "") not in ("", "0", "no"),
    )
    if not options.path.is_dir():
        print(f"error: DEMO_PATH: {options.path} is no folder", file=sys.stderr)
        return 2
    # However it is ended, the way out leads through every `with`.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    start_logging("error")
    try:
        with temporary_folder() as folder:
            print("starting PostgreSQL, web server and worker …", flush=True)
            with database(folder, os.environ) as url:
                asyncio.run(play(options, url, make_dangling_link(folder)))
    except KeyboardInterrupt:
        return 130
    except Failed as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


async def play(options: Options, url: str, unreadable: Path) -> None:
    """Everything between the start of the database and its end."""
    await migrate(url)
    settings = Settings(database_url=url, auth="off", port=0, drain_seconds=1.0)
    async with (
        development(app, url, settings) as running,
        httpx.AsyncClient(base_url=running.address, timeout=30.0) as http,
    ):
        run = secrets.token_hex(4)
        folder = Folder(path=str(options.path), also=[str(unreadable)], most=options.most)
        report = await index(http, folder, run, url)
        cut = (
            f" (its first {options.most:,} files; DEMO_FILES= for more)"
            if report.files > options.most
            else ""
        )
        print(f"\nthe report on {options.path}{cut}:\n{figures(report)}")
        await print_dead_letters(http, run)
        if options.keep:
            print(f"\neverything stays up until Ctrl-C: {running.address}/ is its page", flush=True)
            await asyncio.Event().wait()


async def index(http: httpx.AsyncClient, folder: Folder, run: str, url: str) -> Report:
    """Enqueue the first job, show what its events and those of its children say, and return the last one's result."""
    async with aclosing(follow(http, label=f"run:{run}")) as events:
        await anext(events)  # `hello`: from here on nothing is missed
        first = await enqueue(http, folder, run)
        print_ways_to_follow(str(http.base_url).rstrip("/"), first, run, url)
        with Screen() as screen:
            async with asyncio.timeout(LONGEST_SILENCE) as silence:
                async for type, event in events:
                    if type == "heartbeat":
                        continue
                    silence.reschedule(asyncio.get_running_loop().time() + LONGEST_SILENCE)
                    screen.show(type, event)
                    if report := report_of(type, event):
                        break
    answer = await http.get(f"/api/v1/jobs/{report}/result")
    return msgspec.convert(answer.raise_for_status().json()["result"], Report)


async def enqueue(http: httpx.AsyncClient, folder: Folder, run: str) -> str:
    """Create the first job as any client would; its id."""
    answer = await http.post(
        "/api/v1/jobs",
        headers={"Idempotency-Key": f"index-{run}"},
        json={
            "spec": {
                "kind": "index.folder",
                "queue": "index",
                "args": msgspec.to_builtins(folder),
                "labels": {"run": run},
            }
        },
    )
    created: str = answer.raise_for_status().json()["id"]
    return created


def report_of(type: str, event: dict[str, Any]) -> str | None:
    """The report's id once it is done. Raises Failed where it, or the listing, ended otherwise."""
    kind, status = event.get("kind"), event.get("status")
    if type != "status" or kind not in ("index.folder", "index.report") or status not in TERMINAL:
        return None
    if status != "done":
        raise Failed(f"{kind} ended as {status}: {event['data'].get('error')}")
    return str(event["job_id"]) if kind == "index.report" else None


def print_ways_to_follow(address: str, job: str, run: str, url: str) -> None:
    """What to type in another terminal."""
    jobstream = Path(sys.executable).parent / "jobstream"
    export = "" if os.environ.get("JOBSTREAM_DATABASE_URL") else f"export JOBSTREAM_DATABASE_URL='{url}'"
    print(
        f"""up on {address}. From another terminal:

  curl -N {address}/api/v1/jobs/{job}/events
  curl -N '{address}/api/v1/events?label=run:{run}&from=earliest'
  {export}
  {jobstream} jobs list --kind index.file --status dlq
  {jobstream} psql -c 'select kind, status, count(*) from jobs group by 1, 2'
""",
        flush=True,
    )


async def print_dead_letters(http: httpx.AsyncClient, run: str) -> None:
    """The files that could not be read, from the dead letter queue."""
    answer = await http.get("/api/v1/jobs", params={"status": "dlq", "label": f"run:{run}", "limit": "5"})
    for job in answer.raise_for_status().json()["items"]:
        print(
            f"  in the dead letter queue after {job['retry']['attempt']} attempts: {job['retry']['last_error']}"
        )


if __name__ == "__main__":
    sys.exit(main())
