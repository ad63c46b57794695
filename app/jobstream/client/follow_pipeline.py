"""What happens to a pipeline, on PostgreSQL, by the cursor of streams over many jobs: none is missed or told twice."""

from collections.abc import AsyncGenerator

import msgspec

from jobstream.client.follow import Sleeper
from jobstream.domain.cursor import BEGINNING, Cursor
from jobstream.domain.event import Event
from jobstream.domain.pipeline import ENDED
from jobstream.errors import DatabaseUnavailable
from jobstream.pacing import Patience
from jobstream.store.events import EventFilter, EventStore, Reset
from jobstream.store.pipelines import PipelineStore


async def follow_pipeline(
    pipelines: PipelineStore, events: EventStore, sleeper: Sleeper, id: str
) -> AsyncGenerator[Event, None]:
    """A pipeline's events from the first that is kept until it has ended; waits out a database that is away."""
    patience = Patience()
    wanted = EventFilter(pipeline_id=(id,))
    cursor: Cursor | None = None
    while True:
        try:
            cursor = cursor or await _beginning(pipelines, events, id)
            # Its row before its events: what is seen of them then reaches at least to the end that the row tells of.
            standing = await pipelines.standing(id)
            batch = await events.step(cursor, filter=wanted)
            patience.succeeded()
        except DatabaseUnavailable:
            await sleeper.wait_out(patience)
            continue
        cursor = batch.cursor
        if isinstance(batch, Reset):
            continue
        for stored in batch.events:
            yield msgspec.json.decode(stored.json, type=Event)
        if batch.more:
            continue
        if standing is None or standing.pipeline.status in ENDED:
            return
        await sleeper.wait(found=bool(batch.events))


async def _beginning(pipelines: PipelineStore, events: EventStore, id: str) -> Cursor:
    """Before its first event that is kept. Raises NotFound."""
    await pipelines.look(id)
    first, _ = await pipelines.first_event(id)
    now = await events.position()
    return Cursor(now.epoch, BEGINNING, now.snapshot, max(first - 1, now.horizon.max_id))
