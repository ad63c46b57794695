"""Cancel, retry or delete of everything that matches: begun here, worked off by the maintenance."""

from typing import Any, Final

import msgspec

from jobstream.domain.bulk import Bulk, Started
from jobstream.domain.ids import checked_id
from jobstream.errors import NotFound
from jobstream.store.pool import Database

ACTIONS: Final = ("cancel", "retry", "delete")

_START: Final = {
    action: f"""
with who as materialized (select set_config('jobstream.principal', $1::text, true) as principal)
select s.bulk_id, s.matched
from jobstream.{action}_where(
    (select $2::text::jsonb from who where principal is not null), dry_run => $3::boolean, owner => $4::text
) as s
"""
    for action in ACTIONS
}
_GET: Final = """
select
    b.id, b.action, b.filter::text as filter, b.matched, b.done, b.skipped, b.status, b.by, b.created_at, b.completed_at
from jobstream.bulk_operations as b
where b.id = $1::text and ($2::text is null or b.owner = $2::text)
"""


class BulkStore:
    """Begin an operation, see how far it is. `owner` given: only that owner's jobs and operations."""

    def __init__(self, db: Database) -> None:
        """Statements run on `db`."""
        self._db = db

    async def start(
        self, action: str, filter: dict[str, Any], *, dry_run: bool, owner: str | None, principal: str
    ) -> Started:
        """Counts what matches and, unless it is a dry run, begins. Raises InvalidArgument for an unknown filter."""
        text = msgspec.json.encode(filter).decode()
        row = await self._db.fetchrow(_START[action], principal, text, dry_run, owner)
        assert row is not None
        return Started(id=row["bulk_id"], matched=row["matched"])

    async def get(self, id: str, *, owner: str | None = None) -> Bulk:
        """How far it is. Raises NotFound; InvalidArgument for what is no id."""
        row = await self._db.fetchrow(_GET, checked_id(id), owner)
        if row is None:
            raise NotFound(f"no such operation: {id}")
        return Bulk(**{**dict(row), "filter": msgspec.Raw(row["filter"].encode())})
