"""What a token stands on: snapshots too long for it, kept under the name that it bears, and a log that is flushed.

A crash takes back the ends of transactions that were not flushed yet, rollbacks too, and hands their ids out again: a
snapshot that saw them as ended would pass over the events of their namesakes. So none leaves the store before the log is
flushed up to it.
"""

from collections.abc import Iterable
from typing import Final

from jobstream.domain.cursor import BadToken, Cursor, Snapshot, format_cursor
from jobstream.store.pool import Database

IS_FLUSHED: Final = "pg_current_wal_insert_lsn() <= pg_current_wal_flush_lsn()"
"""Whether there is nothing to flush: an idle database spares itself the statement."""


async def keep_snapshots(db: Database, snapshots: dict[str, str]) -> None:
    """Keeps them (code by name). To be done before a token that names one is handed out."""
    if snapshots:
        await db.fetch(
            "select jobstream.keep_snapshots($1::text[], $2::text[])",
            list(snapshots),
            list(snapshots.values()),
        )


async def fetch_snapshots(db: Database, names: Iterable[str]) -> dict[str, Snapshot]:
    """Those of the names that are kept. A name is made of what it stands for: any role may write, so others' do not count."""
    rows = await db.fetch(
        "select s.name, s.snapshot from jobstream.stream_snapshots as s where s.name = any ($1::text[])",
        list(names),
    )
    found = {row["name"]: _decoded(row["snapshot"]) for row in rows}
    return {name: snapshot for name, snapshot in found.items() if snapshot and snapshot.name == name}


def _decoded(code: str) -> Snapshot | None:
    try:
        return Snapshot.decode(code)
    except BadToken:
        return None


async def flush(db: Database) -> None:
    """Returns when everything is flushed that any transaction had done by now."""
    await db.fetch("select jobstream.flush_wal()")


async def token_of(db: Database, epoch: str, snapshot: str, *, flushed: bool) -> str:
    """The token of the position after everything that a snapshot (as PostgreSQL prints it) sees.

    `flushed`: whether IS_FLUSHED was so in the snapshot's statement.
    """
    if not flushed:
        await flush(db)
    token, keep = format_cursor(Cursor(epoch, Snapshot.parse(snapshot)))
    await keep_snapshots(db, keep)
    return token
