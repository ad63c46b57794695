"""A settable clock: the body of jobstream.clock() is replaced in the test's own database."""

from datetime import datetime

from tests.support.types import Connection

ORIGINAL = "select pg_catalog.pg_get_functiondef('jobstream.clock()'::regprocedure)"
REPLACE = """
create schema jobstream_test;
grant usage on schema jobstream_test to public;
create table jobstream_test.clock (shift interval not null);
grant select on jobstream_test.clock to public;
insert into jobstream_test.clock values ('0');
create or replace function jobstream.clock()
returns timestamptz
language sql
volatile
as $$ select pg_catalog.clock_timestamp() + shift from jobstream_test.clock $$;
"""


class Clock:
    """Moves the database's time for every connection; from the new moment on it runs as ever."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._original = ""

    async def install(self) -> None:
        """Put the settable clock in place."""
        self._original = await self._connection.fetchval(ORIGINAL)
        await self._connection.execute(REPLACE)

    async def restore(self) -> None:
        """Put the clock of the schema back."""
        await self._connection.execute(self._original)
        await self._connection.execute("drop schema jobstream_test cascade")

    async def now(self) -> datetime:
        """Return the database's time."""
        moment: datetime = await self._connection.fetchval("select jobstream.clock()")
        return moment

    async def set(self, moment: datetime) -> None:
        """Make it that moment now."""
        await self._connection.execute(
            "update jobstream_test.clock set shift = $1::timestamptz - pg_catalog.clock_timestamp()", moment
        )

    async def advance(self, seconds: float) -> None:
        """Let that much time pass at once; a negative number turns it back."""
        await self._connection.execute(
            "update jobstream_test.clock set shift = shift + pg_catalog.make_interval(secs => $1)", seconds
        )
