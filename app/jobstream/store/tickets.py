"""What signing and judging tickets takes from the database: its key and its clock."""

from datetime import datetime
from typing import Final

from msgspec import Struct

from jobstream.store.pool import Database

_FACTS: Final = """
select jobstream.clock() as now, coalesce($1::text, jobstream.secret_key()) as key
"""


class Facts(Struct, frozen=True, kw_only=True):
    """The moment by the database's clock, and the key that signs."""

    now: datetime
    key: str


class TicketStore:
    """Nothing is remembered: who takes the database another key makes all tickets void at once."""

    def __init__(self, db: Database, *, key: str | None) -> None:
        """`key` beats the database's own, which is made when it is first asked for."""
        self._db = db
        self._key = key

    async def facts(self) -> Facts:
        """Now."""
        row = await self._db.fetchrow(_FACTS, self._key)
        assert row is not None
        return Facts(now=row["now"], key=row["key"])
