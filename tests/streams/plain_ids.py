"""`jobstream` with the cursor that other queues use: the last event's id. It loses events; the storm must notice.

A position is an id here, dressed as a snapshot whose xmax is one more, so that everything above the store stays as it is.
"""

from msgspec import structs

from jobstream.api import services
from jobstream.cli import main
from jobstream.domain.cursor import BadToken, Cursor, Snapshot, batch_tokens, parse_cursor
from jobstream.store.event_rows import EVENT_COLUMNS, stored_event
from jobstream.store.events import EVERY_EVENT, Batch, EventFilter, EventStore, Position, Reset, ResetReason
from jobstream.store.steps import filter_arguments

PAGE = f"""
select {EVENT_COLUMNS}
from jobstream.job_events as e
where e.id > $1 and ($2::bigint is null or e.id <= $2) and ($12::integer > 0)
    and ($3::text[] is null or e.queue = any ($3)) and ($4::text[] is null or e.kind = any ($4))
    and ($5::text[] is null or e.type = any ($5)) and ($6::text[] is null or e.status = any ($6))
    and ($7::text[] is null or e.job_id = any ($7)) and ($8::text[] is null or e.pipeline_id = any ($8))
    and ($9::text[] is null or e.owner = any ($9))
    and ($10::text[] is null or exists (
        select from unnest($10::text[], $11::text[]) as l (name, value) where e.labels ->> l.name = l.value
    ))
order by e.id
"""


class PlainIds(EventStore):
    """Events after an id."""

    async def position(self) -> Position:
        now = await super().position()
        newest = await self._db.fetchval("select coalesce(max(id), 0) from jobstream.job_events")
        return Position(now.epoch, Snapshot(newest + 1), now.horizon)

    async def start_earliest(self) -> Cursor:
        return Cursor((await self.position()).epoch, Snapshot(1))

    async def resolve(self, token: str) -> Cursor | Reset:
        try:
            cursor = parse_cursor(token)
        except BadToken:
            return Reset(ResetReason.UNKNOWN, (await self.position()).cursor)
        assert isinstance(cursor, Cursor)
        return Cursor(cursor.epoch, Snapshot(cursor.after + 1)) if cursor.upto else cursor

    async def step(
        self,
        cursor: Cursor,
        *,
        limit: int = 5_000,
        max_bytes: int = 4 << 20,
        upto: Snapshot | None = None,
        filter: EventFilter = EVERY_EVENT,
    ) -> Batch | Reset:
        last = upto.xmax - 1 if upto else (await self.position()).snapshot.xmax - 1
        rows = await self._db.fetch(PAGE, cursor.seen.xmax - 1, last, *filter_arguments(filter), 1)
        after = Cursor(cursor.epoch, Snapshot(max(last + 1, cursor.seen.xmax)))
        tokens = batch_tokens(cursor.epoch, cursor.seen, after.seen)
        return Batch(
            [structs.replace(stored_event(row), xid=row["id"]) for row in rows],
            after,
            tokens.end,
            tokens,
            False,
        )


if __name__ == "__main__":
    vars(services)["EventStore"] = PlainIds
    main()
