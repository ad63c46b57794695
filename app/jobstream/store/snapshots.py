"""Snapshots that are too long for a token: kept in the database under the name that the token bears."""

from collections.abc import Iterable

from jobstream.domain.cursor import Cursor, Snapshot, format_cursor
from jobstream.store.pool import Database


async def keep_snapshots(db: Database, snapshots: dict[str, str]) -> None:
    """Keeps them (code by name). To be done before a token that names one is handed out."""
    if snapshots:
        await db.fetch(
            "select jobstream.keep_snapshots($1::text[], $2::text[])",
            list(snapshots),
            list(snapshots.values()),
        )


async def fetch_snapshots(db: Database, names: Iterable[str]) -> dict[str, Snapshot]:
    """Those of the names that are kept."""
    rows = await db.fetch(
        "select s.name, s.snapshot from jobstream.stream_snapshots as s where s.name = any ($1::text[])",
        list(names),
    )
    return {row["name"]: Snapshot.decode(row["snapshot"]) for row in rows}


async def token_of(db: Database, epoch: str, snapshot: str) -> str:
    """The token of the position after everything that a snapshot (as PostgreSQL prints it) sees."""
    token, keep = format_cursor(Cursor(epoch, Snapshot.parse(snapshot)))
    await keep_snapshots(db, keep)
    return token
