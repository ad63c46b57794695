"""Reading events: one job's, and all of them by snapshot cursors, against real transactions."""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from jobstream.domain.cursor import MAX_TOKEN_BYTES, Cursor, Snapshot
from jobstream.domain.event import Event, StoredEvent
from jobstream.domain.job import NewJob
from jobstream.store.events import EVERY_EVENT, Batch, EventFilter, EventStore, Reset, ResetReason
from jobstream.store.jobs import JobStore
from jobstream.store.leases import LeaseStore
from jobstream.store.pool import Database
from tests.support.clock import Clock
from tests.support.types import Connect, Connection
from tests.support.waiting import eventually

UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture
def events(database: Database) -> EventStore:
    return EventStore(database)


@pytest.fixture
def jobs(database: Database) -> JobStore:
    return JobStore(database)


async def step(events: EventStore, cursor: Cursor, **options: object) -> Batch:
    batch = await events.step(cursor, **options)  # type: ignore[arg-type]
    assert isinstance(batch, Batch)
    return batch


async def token_after(events: EventStore, batch: Batch) -> str:
    return batch.token or await events.token(batch.cursor)


async def resolved(events: EventStore, token: str) -> Cursor:
    cursor = await events.resolve(token)
    assert isinstance(cursor, Cursor), cursor
    return cursor


async def drained(
    events: EventStore, cursor: Cursor, *, limit: int = 5_000, filter: EventFilter = EVERY_EVENT
) -> tuple[list[int], Cursor]:
    """Everything from a cursor on, and the position after it."""
    ids: list[int] = []
    while True:
        was_inside = cursor.upto is not None
        batch = await step(events, cursor, limit=limit, filter=filter)
        ids += [event.id for event in batch.events]
        cursor = batch.cursor
        if not batch.more and not was_inside:
            return ids, cursor


async def all_ids(conn: Connection) -> list[int]:
    return [row["id"] for row in await conn.fetch("select id from jobstream.job_events order by id")]


async def test_a_job_s_events_are_its_own_in_order(
    events: EventStore, jobs: JobStore, database: Database
) -> None:
    made = await jobs.enqueue(NewJob(kind="k", labels={"a": "b"}), principal="ann")
    await jobs.enqueue(NewJob(kind="other", queue="other"))
    leases = LeaseStore(database)
    [job] = await leases.claim(["default"], limit=1, worker="w")
    await leases.report_progress(job.id, job.attempt, current=1, total=4, step="one")
    await leases.log(job.id, job.attempt, "hello\nworld")
    await leases.emit(job.id, job.attempt, "build.done", {"x": [1.50]})
    await leases.complete(job.id, job.attempt, result=b'{"ok": true}')
    found = await events.read_job_events(made.id)
    assert [event.type for event in found] == ["status", "status", "progress", "log", "build.done", "status"]
    assert [event.status for event in found] == ["pending"] + ["running"] * 4 + ["done"]
    assert (found[0].by, found[0].labels, found[0].attempt) == ("ann", {"a": "b"}, 0)
    assert found[2].data["percent"] == 25
    assert found[3].data == {"level": "info", "message": "hello\nworld"}
    assert found[4].data == {"x": [1.5]}
    assert found[5].data["result"] == {"ok": True}
    later = await events.read_job_events(made.id, after=found[3].id, limit=1)
    assert later == [found[4]]
    assert await events.job_events(UNKNOWN) == []


async def test_an_event_is_written_as_the_contract_shows_it(events: EventStore, jobs: JobStore) -> None:
    made = await jobs.enqueue(NewJob(kind="k", owner="ann", queue="q", labels={"l": "v"}), principal="ann")
    [event] = await events.job_events(made.id)
    assert isinstance(event, StoredEvent)
    assert b"\n" not in event.json
    read = msgspec.json.decode(event.json)
    assert list(read) == [
        *(
            "id",
            "job_id",
            "type",
            "status",
            "attempt",
            "at",
            "queue",
            "kind",
            "pipeline_id",
            "labels",
            "by",
            "data",
        )
    ]
    assert read["at"].endswith("Z")
    assert (event.owner, event.labels) == ("ann", {"l": "v"})
    assert msgspec.json.decode(event.json, type=Event) == (await events.read_job_events(made.id))[0]


async def test_positions_within_a_job(events: EventStore, jobs: JobStore, clock: Clock) -> None:
    await clock.set(datetime(2026, 3, 1, tzinfo=UTC))
    made = await jobs.enqueue(NewJob(kind="k"))
    before = (await events.position()).cursor
    await clock.advance(60)
    await jobs.cancel(made.id)
    first, last = [event.id for event in await events.job_events(made.id)]
    assert await events.last_job_event_id(made.id) == last
    assert await events.last_job_event_id(made.id, before_id=last) == first
    assert await events.last_job_event_id(made.id, before=datetime(2026, 3, 1, 0, 0, 30, tzinfo=UTC)) == first
    assert await events.last_job_event_id(UNKNOWN) == 0
    assert await events.has_job_event(made.id, first)
    assert not await events.has_job_event(UNKNOWN, first)
    assert await events.job_position(made.id, before) == first
    assert await events.job_position(made.id, (await events.position()).cursor) == last
    assert await events.job_position(made.id, await events.start_after_id(first)) == first
    assert await events.job_position(made.id, await events.start_earliest()) == 0


async def test_a_step_gives_what_became_visible_since(events: EventStore, jobs: JobStore) -> None:
    cursor = (await events.position()).cursor
    assert (await step(events, cursor)).events == []
    made = await jobs.enqueue(NewJob(kind="k"))
    batch = await step(events, cursor)
    assert [event.job_id for event in batch.events] == [made.id]
    assert (await step(events, batch.cursor)).events == []


async def test_a_transaction_that_commits_late_is_not_lost(
    events: EventStore, jobs: JobStore, conn: Connection
) -> None:
    cursor = (await events.position()).cursor
    transaction = conn.transaction()
    await transaction.start()
    slow = await jobs.enqueue(NewJob(kind="slow"), connection=conn)
    fast = await jobs.enqueue(NewJob(kind="fast"))
    batch = await step(events, cursor)
    assert [event.job_id for event in batch.events] == [fast.id]
    await transaction.commit()
    late = await step(events, batch.cursor)
    assert [event.job_id for event in late.events] == [slow.id]
    assert late.events[0].id < batch.events[0].id


async def test_a_token_from_anywhere_in_a_batch_gives_exactly_the_rest(
    events: EventStore, jobs: JobStore
) -> None:
    cursor = (await events.position()).cursor
    await jobs.enqueue_many([NewJob(kind="k")] * 12)
    whole = await step(events, cursor)
    ids = [event.id for event in whole.events]
    for place, id in enumerate(ids):
        rest, after = await drained(events, await resolved(events, whole.tokens.at(id)), limit=5)
        assert rest == ids[place + 1 :]
        assert after.seen.covers(whole.cursor.seen)
    assert (await drained(events, await resolved(events, await token_after(events, whole))))[0] == []


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
async def test_a_backlog_comes_in_pages_of_rising_ids(
    events: EventStore, jobs: JobStore, conn: Connection, limit: int
) -> None:
    cursor = (await events.position()).cursor
    for _ in range(4):
        await jobs.enqueue_many([NewJob(kind="k")] * 5)
    assert (await drained(events, cursor, limit=limit))[0] == await all_ids(conn)


async def test_a_page_is_cut_by_bytes_and_holds_one_event_at_least(
    events: EventStore, jobs: JobStore, database: Database
) -> None:
    made = await jobs.enqueue(NewJob(kind="k"))
    leases = LeaseStore(database)
    await leases.claim(["default"], limit=1, worker="w")
    cursor = (await events.position()).cursor
    for n in range(5):
        await leases.emit(made.id, 1, "big", {"n": n, "x": "x" * 10_000})
    sizes = []
    while True:
        batch = await step(events, cursor, max_bytes=15_000)
        sizes.append(len(batch.events))
        cursor = batch.cursor
        if not batch.more:
            break
    assert sizes == [2, 2, 1]
    assert len((await step(events, await events.start_earliest(), max_bytes=1)).events) == 1


async def test_a_page_of_one_job_is_cut_by_rows_and_by_bytes(
    events: EventStore, jobs: JobStore, database: Database
) -> None:
    id = (await jobs.enqueue(NewJob(kind="k"))).id
    [claimed] = await LeaseStore(database).claim(["default"], limit=1, worker="w")
    for size in (10, 10, 30_000, 30_000, 10):
        await LeaseStore(database).emit(id, claimed.attempt, "big.one", {"text": "x" * size})
    by_rows = await events.job_page(id, limit=3)
    assert (len(by_rows.events), by_rows.more) == (3, True)
    by_bytes = await events.job_page(id, max_bytes=20_000)
    assert (len(by_bytes.events), by_bytes.more) == (5, True)
    rest = await events.job_page(id, after=by_bytes.events[-1].id, max_bytes=1)
    assert (len(rest.events), rest.more) == (1, True)
    last = await events.job_page(id, after=rest.events[-1].id)
    assert (len(last.events), last.more) == (1, False)
    assert not (await events.job_page(id, after=last.events[-1].id)).events


async def test_what_a_filter_leaves_out_is_passed_all_the_same(events: EventStore, jobs: JobStore) -> None:
    cursor = (await events.position()).cursor
    wanted = await jobs.enqueue(NewJob(kind="a", queue="q", owner="ann", labels={"x": "1", "y": "2"}))
    await jobs.enqueue_many([NewJob(kind="b", labels={"x": "2"}), NewJob(kind="a", owner="bob")])
    for filter in (
        EventFilter(job_id=(wanted.id, UNKNOWN)),
        EventFilter(queue=("q",)),
        EventFilter(kind=("a",), owner=("ann", "cy")),
        EventFilter(label=(("x", "1"),)),
        EventFilter(label=(("y", "2"), ("z", "2")), type=("status",), status=("pending",)),
    ):
        for limit in (1, 2, 100):
            ids, after = await drained(events, cursor, filter=filter, limit=limit)
            assert ids == [event.id for event in await events.job_events(wanted.id)]
            assert (await step(events, after)).events == []
    assert (await drained(events, cursor, filter=EventFilter(status=("done",))))[0] == []
    assert (await drained(events, cursor, filter=EventFilter(pipeline_id=(UNKNOWN,))))[0] == []


async def test_a_client_catches_up_to_where_the_hub_stands_and_no_further(
    events: EventStore, jobs: JobStore
) -> None:
    cursor = (await events.position()).cursor
    first = await jobs.enqueue(NewJob(kind="k"))
    hub = (await events.position()).snapshot
    await jobs.enqueue(NewJob(kind="k"))
    batch = await step(events, cursor, upto=hub)
    assert [event.job_id for event in batch.events] == [first.id]
    assert batch.cursor.seen == hub
    ahead = (await events.position()).cursor
    stayed = await step(events, ahead, upto=hub)
    assert (stayed.events, stayed.cursor) == ([], ahead)


async def test_starts_at_a_time_an_id_and_the_beginning(
    events: EventStore, jobs: JobStore, clock: Clock
) -> None:
    start = datetime(2026, 3, 1, 12, tzinfo=UTC)
    made = []
    for minute in range(4):
        await clock.set(start + timedelta(minutes=minute))
        made.append((await jobs.enqueue(NewJob(kind="k"))).id)
    ids = [(await events.job_events(id))[0].id for id in made]
    assert (await drained(events, await events.start_at(start + timedelta(minutes=1, seconds=30))))[0] == ids[
        2:
    ]
    assert (await drained(events, await events.start_at(start + timedelta(days=1))))[0] == []
    assert (await drained(events, await events.start_after_id(ids[0])))[0] == ids[1:]
    assert (await drained(events, await events.start_earliest()))[0] == ids


@pytest.mark.parametrize("token", ["", "x", "4711", "g1", "\0", "g1.e.AA"])
async def test_what_is_no_token_is_a_reset_to_now(events: EventStore, token: str) -> None:
    reset = await events.resolve(token)
    assert isinstance(reset, Reset)
    assert reset.reason is ResetReason.UNKNOWN
    assert reset.cursor.upto is None


async def test_a_token_of_another_epoch_is_a_reset(
    events: EventStore, jobs: JobStore, conn: Connection
) -> None:
    before = (await events.position()).cursor
    token = await events.token(before)
    await conn.execute("update jobstream.settings set value = 'another' where name = 'epoch'")
    reset = await events.resolve(token)
    assert isinstance(reset, Reset)
    assert reset.reason is ResetReason.EPOCH
    stepped = await events.step(before)
    assert isinstance(stepped, Reset)
    assert stepped.cursor.epoch == reset.cursor.epoch != before.epoch


async def test_a_token_of_the_future_is_unknown(events: EventStore) -> None:
    now = await events.position()
    for cursor in (
        Cursor(now.epoch, Snapshot(now.snapshot.xmax + 1_000_000)),
        Cursor(now.epoch, now.snapshot, Snapshot(1), 5),
    ):
        reset = await events.resolve(await events.token(cursor))
        assert isinstance(reset, Reset)
        assert reset.reason is ResetReason.UNKNOWN


async def test_a_token_behind_what_was_pruned_is_a_reset(
    events: EventStore, jobs: JobStore, conn: Connection
) -> None:
    old = await events.token((await events.position()).cursor)
    await jobs.enqueue(NewJob(kind="k"))
    last_xid = int(await conn.fetchval("select max(xid::text::numeric) from jobstream.job_events"))

    async def nothing_older_runs() -> bool:
        # Another database's transaction, running since before, might have written what is pruned here.
        return all(xid > last_xid for xid in (await events.position()).snapshot.running)

    await eventually(nothing_older_runs)
    at_end = await events.token((await events.position()).cursor)
    await conn.execute(
        "update jobstream.event_horizon set (max_xid, max_id) = (select max(xid::text::numeric)::text::xid8, max(id)"
        " from jobstream.job_events)"
    )
    reset = await events.resolve(old)
    assert isinstance(reset, Reset)
    assert reset.reason is ResetReason.PRUNED
    assert isinstance(await events.resolve(at_end), Cursor)
    assert isinstance(await events.resolve(await events.token(await events.start_earliest())), Cursor)


async def test_a_step_whose_rest_was_pruned_meanwhile_is_a_reset(
    events: EventStore, jobs: JobStore, conn: Connection
) -> None:
    start = (await events.position()).cursor
    await jobs.enqueue_many([NewJob(kind="k")] * 4)
    first = await step(events, start, limit=2)
    assert first.more
    await conn.execute(
        "update jobstream.event_horizon set (max_xid, max_id) = (select max(xid::text::numeric)::text::xid8, max(id)"
        " from jobstream.job_events)"
    )
    rest = await events.step(first.cursor)
    assert isinstance(rest, Reset)
    assert rest.reason is ResetReason.PRUNED
    assert (await step(events, rest.cursor)).events == []


@pytest.mark.parametrize(
    "spoil",
    [
        "delete from jobstream.stream_snapshots",
        # Any role may keep snapshots, under whatever name.
        "select jobstream.keep_snapshots(array(select name from jobstream.stream_snapshots), array['gAE'])",
        "select jobstream.keep_snapshots(array(select name from jobstream.stream_snapshots), array['?'])",
    ],
)
async def test_a_token_whose_snapshot_is_gone_or_another_is_a_reset(
    events: EventStore, conn: Connection, connect: Connect, spoil: str
) -> None:
    token = await token_under_writers(events, connect, conn, 100)
    assert isinstance(await events.resolve(token), Cursor)
    await conn.execute(spoil)
    reset = await events.resolve(token)
    assert isinstance(reset, Reset)
    assert reset.reason is ResetReason.PRUNED


async def token_under_writers(
    events: EventStore, connect: Connect, stranger: Connection, writers: int
) -> str:
    """A token read while that many transactions run that have written."""
    connections = [await connect() for _ in range(writers)]
    transactions = [connection.transaction() for connection in connections]
    for connection, transaction in zip(connections, transactions, strict=True):
        await transaction.start()
        await connection.execute("select jobstream.enqueue('k')")
    # A snapshot names the running transactions only below the last that ended.
    await stranger.execute("select pg_current_xact_id()")
    token = await events.token((await events.position()).cursor)
    for transaction in transactions:
        await transaction.rollback()
    return token


@pytest.mark.parametrize("writers", [16, 64, pytest.param(200, marks=pytest.mark.slow)])
async def test_tokens_stay_exact_and_short_with_many_open_writers(
    events: EventStore, jobs: JobStore, connect: Connect, conn: Connection, writers: int
) -> None:
    connections = [await connect() for _ in range(writers)]
    transactions = [connection.transaction() for connection in connections]
    start = await events.token((await events.position()).cursor)
    for connection, transaction in zip(connections, transactions, strict=True):
        await transaction.start()
        await connection.execute("select jobstream.enqueue('k')")
    await jobs.enqueue_many([NewJob(kind="visible")] * 3)
    first = await step(events, await resolved(events, start))
    assert len(first.events) == 3
    tokens = [*(first.tokens.at(event.id) for event in first.events), await token_after(events, first)]
    assert all(len(token) <= MAX_TOKEN_BYTES for token in tokens)
    for transaction in transactions:
        await transaction.commit()
    everything = set(await all_ids(conn))
    for place, token in enumerate(tokens):
        rest, _ = await drained(events, await resolved(events, token), limit=50)
        passed = {event.id for event in first.events[: place + 1]}
        assert len(rest) == len(set(rest))
        assert set(rest) == everything - passed
        assert set(rest).isdisjoint(passed)


async def write(connection: Connection, generator: random.Random, until: Callable[[], bool]) -> None:
    """Transactions of random length and outcome, some long, some with savepoints, some about a job that others hold."""
    shared = "select id from jobstream.jobs where kind = 'shared' order by id limit 1 for update"
    while not until():
        transaction = connection.transaction()
        await transaction.start()
        for _ in range(generator.randrange(1, 4)):
            await connection.execute("select jobstream.enqueue('k')")
            if generator.random() < 0.3:
                await connection.execute("savepoint s; select jobstream.enqueue('undone'); rollback to s")
            if generator.random() < 0.3:
                id = await connection.fetchval(shared)
                await connection.execute(
                    "update jobstream.jobs set priority = priority + 1 where id = $1", id
                )
            await connection.execute("select pg_sleep($1)", generator.choice([0, 0, 0.002, 0.02]))
        if generator.random() < 0.2:
            await transaction.rollback()
        else:
            await transaction.commit()


async def follow(
    events: EventStore, cursor: Cursor, generator: random.Random, done: Callable[[], bool]
) -> list[int]:
    """A client that is cut at random and comes back by the token of what it dispatched last."""
    got: list[int] = []
    last_round = False
    while True:
        batch = await step(events, cursor, limit=generator.choice([1, 4, 30, 5_000]))
        cut = generator.randrange(len(batch.events) + 1) if generator.random() < 0.5 else len(batch.events)
        sent = batch.events[:cut]
        got += [event.id for event in sent]
        if cut == len(batch.events):
            token = await token_after(events, batch)
        else:
            token = batch.tokens.at(sent[-1].id) if sent else await events.token(cursor)
        cursor = await resolved(events, token)
        if (
            last_round
            and not batch.more
            and cut == len(batch.events)
            and cursor.upto is None
            and not batch.events
        ):
            return got
        last_round = done()
        await asyncio.sleep(0)


async def test_every_client_gets_each_event_once_and_each_job_s_in_order(
    events: EventStore, jobs: JobStore, connect: Connect, conn: Connection
) -> None:
    start = (await events.position()).cursor
    await jobs.enqueue(NewJob(kind="shared"))
    stop = asyncio.get_running_loop().time() + 3
    connections = [await connect() for _ in range(12)]
    writing = True

    async def write_all() -> None:
        nonlocal writing
        async with asyncio.TaskGroup() as writers:
            for seed, connection in enumerate(connections):
                over = lambda: asyncio.get_running_loop().time() > stop  # noqa: E731
                writers.create_task(write(connection, random.Random(seed), over))
        writing = False

    async with asyncio.TaskGroup() as group:
        group.create_task(write_all())
        clients = [
            group.create_task(follow(events, start, random.Random(100 + n), lambda: not writing))
            for n in range(4)
        ]
    expected = await all_ids(conn)
    assert len(expected) > 100
    of_job = [
        row["id"]
        for row in await conn.fetch(
            "select e.id from jobstream.job_events as e join jobstream.jobs as j on j.id = e.job_id"
            " where j.kind = 'shared' order by e.id"
        )
    ]
    for client in clients:
        got = client.result()
        assert sorted(got) == expected
        assert [id for id in got if id in set(of_job)] == of_job


async def test_with_a_plain_id_for_a_cursor_the_same_writers_lose_events(
    connect: Connect, conn: Connection
) -> None:
    """What the snapshot cursor is for: this is the test above with the cursor that others use."""
    stop = asyncio.get_running_loop().time() + 2
    connections = [await connect() for _ in range(12)]
    await conn.execute("select jobstream.enqueue('shared')")
    got: list[int] = []

    async def follow_by_id() -> None:
        while asyncio.get_running_loop().time() < stop + 0.5:
            rows = await conn.fetch(
                "select id from jobstream.job_events where id > $1 order by id", got[-1] if got else 0
            )
            got.extend(row["id"] for row in rows)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(follow_by_id())
        for seed, connection in enumerate(connections):
            group.create_task(
                write(connection, random.Random(seed), lambda: asyncio.get_running_loop().time() > stop)
            )
    assert set(await all_ids(conn)) - set(got)
