"""`jobstream doctor`: what is set up, and what is missing."""

import os
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import rich_click as click
from msgspec import Struct

from jobstream.cli.exits import FAILED
from jobstream.cli.options import as_async, examples, json_option
from jobstream.errors import JobStreamError

if TYPE_CHECKING:
    from jobstream.settings import Settings
    from jobstream.store.pool import Database

OLDEST_POSTGRES, NEWEST_POSTGRES = 15, 18
MOST_SKEW = 5.0


class Check(Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str


class Diagnosis(Struct, frozen=True, kw_only=True):
    """All of them; `ok` if nothing stands in the way."""

    ok: bool
    checks: list[Check]


@click.command(
    "doctor",
    epilog=examples("jobstream doctor", "jobstream doctor --json | jq '.checks[] | select(.ok | not)'"),
)
@json_option
@as_async
async def command(as_json: bool) -> int:
    """Check settings, database, schema, maintenance and workers. Exit code 1 if something stands in the way."""
    from jobstream.cli.output import print_json

    checks = [check async for check in _look()]
    diagnosis = Diagnosis(ok=all(check.ok for check in checks), checks=checks)
    if as_json:
        print_json(diagnosis)
    else:
        _print(diagnosis)
    return 0 if diagnosis.ok else FAILED


async def _look() -> AsyncIterator[Check]:
    from jobstream.settings import load_settings

    settings = load_settings(os.environ)
    if settings.url is not None:
        yield await _server(settings)
        if settings.database_url is None:
            return
    async for check in _database(settings):
        yield check


async def _server(settings: "Settings") -> Check:
    import httpx

    url = f"{settings.url}/readyz"
    try:
        async with httpx.AsyncClient(timeout=10) as http:
            answer = await http.get(url)
    except httpx.TransportError as error:
        return Check(
            name="server", ok=False, detail=f"{url} cannot be reached: {str(error) or type(error).__name__}"
        )
    return Check(name="server", ok=answer.is_success, detail=f"{url} answers {answer.status_code}")


async def _database(settings: "Settings") -> AsyncIterator[Check]:
    from jobstream.cli.gateway.choice import database_url
    from jobstream.cli.gateway.database import open_database, without_password

    url = database_url(settings)
    origin = "JOBSTREAM_DATABASE_URL" if settings.database_url else "a running `jobstream dev`"
    yield Check(name="settings", ok=True, detail=f"{without_password(url)}, from {origin}")
    try:
        async with open_database(url) as database:
            yield await _checked("database", _postgres, database)
            schema = await _checked("schema", _schema, database)
            yield schema
            if schema.ok:
                yield await _checked("clock", _clock, database)
                yield await _checked("maintenance", _maintenance, database)
                yield await _checked("workers", _workers, database)
    except JobStreamError as error:
        yield Check(name="database", ok=False, detail=str(error))


async def _checked(
    name: str, look: "Callable[[Database], Coroutine[Any, Any, tuple[bool, str]]]", database: "Database"
) -> Check:
    try:
        ok, detail = await look(database)
    except JobStreamError as error:
        return Check(name=name, ok=False, detail=str(error))
    return Check(name=name, ok=ok, detail=detail)


async def _postgres(database: "Database") -> tuple[bool, str]:
    version = int(await database.fetchval("select current_setting('server_version_num')")) // 10_000
    standby = await database.fetchval("select pg_is_in_recovery()")
    wanted = f"PostgreSQL {OLDEST_POSTGRES} to {NEWEST_POSTGRES} is supported"
    if standby:
        return False, "this is a standby; jobstream needs the primary"
    return version >= OLDEST_POSTGRES, f"PostgreSQL {version}; {wanted}"


async def _schema(database: "Database") -> tuple[bool, str]:
    from jobstream.schema import compare, latest_version, schema_version

    version = await schema_version(database)
    state = compare(version)
    if state in ("missing", "behind"):
        return False, f"{state}: this version needs {latest_version()}; run `jobstream migrate`"
    return True, f"{state}, at version {version}"


async def _clock(database: "Database") -> tuple[bool, str]:
    skew = (await database.fetchval("select jobstream.clock()") - datetime.now(UTC)).total_seconds()
    return (
        abs(skew) <= MOST_SKEW,
        f"the database's clock is {abs(skew):.1f} s from this machine's; only the database's counts",
    )


async def _maintenance(database: "Database") -> tuple[bool, str]:
    held = await database.fetchval(
        "select exists (select from pg_locks where locktype = 'advisory' and classid = 1785688947 and objid = 0"
        " and database = (select oid from pg_database where datname = current_database()))"
    )
    if held:
        return True, "a `serve` or `worker` promotes, rescues and prunes"
    return False, "nobody promotes retries or rescues lost jobs: run a `serve` or a `worker`"


async def _workers(database: "Database") -> tuple[bool, str]:
    from jobstream.store.workers import WorkerStore

    workers = await WorkerStore(database).list_live()
    queues = sorted({queue for worker in workers for queue in worker.queues})
    if not workers:
        return False, "no worker was seen in the last 30 s: jobs stay pending"
    return True, f"{len(workers)} live, on {', '.join(queues)}"


def _print(diagnosis: Diagnosis) -> None:
    from rich.text import Text

    from jobstream.cli.output import print_table

    marks = {True: Text("● ok", style="green"), False: Text("✖ not", style="red")}
    print_table(
        ("CHECK", "", ""), ((check.name, marks[check.ok], check.detail) for check in diagnosis.checks)
    )
