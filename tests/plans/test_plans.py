"""At a million ended and a hundred thousand waiting jobs each hot statement goes by the index that was made for it.

The plans are those that the server made, of statements inside functions and triggers too. Each call is made often enough
for a session to keep plans that know no values.
"""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobstream.domain.job import JobFilter, Status
from jobstream.store.events import EventStore
from jobstream.store.figures import read_figures
from jobstream.store.jobs import JobStore
from jobstream.store.queues import QueueStore
from jobstream.store.summaries import SummaryStore
from tests.plans.explained import ExplainedDatabase, Plans, explained
from tests.plans.million import fill
from tests.support import Connection
from tests.support.databases import Databases

pytestmark = pytest.mark.timeout(300)

UNTIL_GENERIC = 7
AWAITS = {"job_awaits_pkey", "job_awaits_by_upstream"}
"""Either tells whether anybody waits for anybody."""
RUNNING = """
select id from jobstream.jobs where status = 'running' and (concurrency_key is not null) = $1 order by lease_until limit 50
"""


@pytest.fixture(scope="module")
def large_url(databases: Databases) -> Iterator[str]:
    """A large database."""
    with databases.separate() as url:
        fill(url)
        yield url


@pytest.fixture
async def plans(large_url: str) -> AsyncIterator[Plans]:
    """What a connection runs, whose changes are taken back."""
    async with explained(large_url) as plans:
        transaction = plans.connection.transaction()
        await transaction.start()
        yield plans
        await transaction.rollback()


async def run(plans: Plans, query: str, *values: Any) -> None:
    """Run a statement again and again, from the same state; only what it runs counts."""
    await plans.begin()
    for _ in range(UNTIL_GENERIC):
        transaction = plans.connection.transaction()
        await transaction.start()
        await plans.connection.fetch(query, *values)
        await transaction.rollback()
    await plans.end()


async def running(connection: Connection, *, keyed: bool = False) -> list[str]:
    return [row["id"] for row in await connection.fetch(RUNNING, keyed)]


@pytest.mark.parametrize("after", [None, '{"queue0": [0, "01"]}'])
async def test_claim_goes_by_the_index_of_what_is_pending(plans: Plans, after: str | None) -> None:
    await run(
        plans,
        "select id from jobstream.claim(array['queue0', 'queue1'], 100, 'w', after => $1::jsonb)",
        after,
    )
    assert plans.indexes("with picked as materialized") == {"jobs_to_claim"}
    assert plans.indexes() - AWAITS == {"jobs_to_claim", "jobs_to_settle"}


@pytest.mark.parametrize(
    "call",
    [
        "heartbeat(array[$1], array[1])",
        "complete($1, 1)",
        "complete_many(array[$1], array[1])",
        "fail($1, 1, '\"boom\"')",
        "release($1, 1)",
        "report_progress($1, 1, 1)",
        "log($1, 1, 'x')",
        "emit($1, 1, 'x')",
        "cancel($1, true)",
    ],
)
async def test_verbs_find_their_job_by_its_id(plans: Plans, call: str) -> None:
    [job_id, *_] = await running(plans.connection)
    await run(plans, f"select * from jobstream.{call}", job_id)
    assert plans.indexes() - AWAITS == {"jobs_pkey"}


async def test_many_are_completed_by_their_ids(plans: Plans) -> None:
    ids = await running(plans.connection)
    await run(
        plans, "select * from jobstream.complete_many($1::text[], array_fill(1, array[cardinality($1)]))", ids
    )
    assert plans.indexes("for update") == {"jobs_pkey"}
    assert plans.indexes("t.upstream_id = n.id") == {"job_awaits_by_upstream"}  # though all wait for one
    assert plans.indexes("update jobstream.jobs as j set revision = j.revision + 1, status = 'done'") == set()


async def test_a_concurrency_key_is_passed_on_by_its_indexes(plans: Plans) -> None:
    ids = await running(plans.connection, keyed=True)
    await run(plans, "select jobstream.complete($1, 1)", ids[0])
    assert plans.indexes("- count(*)") == {"jobs_holding_key"}
    assert plans.indexes("k.hold in ('key', 'settling')") == {"jobs_wanting_key"}
    assert plans.indexes()


@pytest.mark.parametrize(
    ("parameters", "fragment", "indexes"),
    [
        (
            "idempotency_key => 'new'",
            "j.idempotency_key = n.idempotency_key",
            {"jobs_idempotency_key", "jobs_pkey"},
        ),
        (
            "unique_for => 'active', unique_key => 'new'",
            "j.unique_key = n.unique_key",
            {"jobs_by_unique_key", "jobs_idempotency_key"},
        ),
        ("parent_job => $1", "n.parent_job", {"jobs_pkey"}),
        ("await_jobs => array[$1]", "u.id = a.id and u.owner", {"jobs_pkey"}),
        ("concurrency_key => 'key1'", "on conflict on constraint", set()),
    ],
)
async def test_enqueue_looks_up_keys_and_ids(
    plans: Plans, parameters: str, fragment: str, indexes: set[str]
) -> None:
    values = []
    if "$1" in parameters:
        values = [await plans.connection.fetchval("select min(id) from jobstream.jobs where owner = ''")]
    enqueue = f"select * from jobstream.enqueue('kind0', {parameters})"
    await plans.connection.fetch(enqueue, *values)  # so that the next ones find it
    await run(plans, enqueue, *values)
    assert plans.indexes(fragment) == indexes
    assert plans.indexes() is not None


@pytest.mark.parametrize(
    ("fragment", "indexes"),
    [
        ("j.hold = 'time' and j.scheduled_at <= v_now order by", {"jobs_due"}),
        (
            "j.hold = 'time' and j.scheduled_at > p_now",
            {"jobs_due", "jobs_cancelling", "jobs_deadlines", "jobs_to_settle"},
        ),
        (
            "j.status in ('waiting', 'pending', 'failed') order by j.deadline limit v_batch",
            {"jobs_deadlines"},
        ),
        ("order by j.cancel_requested_at limit v_batch", {"jobs_cancelling"}),
        ("order by j.lease_until limit v_batch", {"jobs_leased"}),
        ("j.lease_until > p_now order by", {"jobs_leased"}),
        ("j.hold = 'settling' and j.look_at is null order by", {"jobs_to_settle"}),
        ("j.id > v_position and j.id < v_newest", {"jobs_pkey"}),
    ],
)
async def test_maintenance_goes_by_what_is_due(plans: Plans, fragment: str, indexes: set[str]) -> None:
    await run(plans, "select jobstream.maintain()")
    assert plans.indexes(fragment) == indexes
    assert plans.indexes()


async def test_due_jobs_and_expired_leases_are_found_and_moved_by_indexes(
    plans: Plans,
) -> None:
    connection = plans.connection
    await connection.execute("set local session_replication_role = replica")
    due = await connection.fetch(
        "select id from jobstream.jobs where hold = 'time' order by scheduled_at limit 300"
    )
    await connection.execute(
        "update jobstream.jobs set scheduled_at = now() where id = any ($1)", [row["id"] for row in due]
    )
    await connection.execute(
        "update jobstream.jobs set lease_until = now() where id = any ($1)",
        await running(connection, keyed=True),
    )
    await connection.execute("set local session_replication_role = origin")
    await run(plans, "select jobstream.maintain()")
    assert plans.indexes("set revision = j.revision + 1, status = case when next.hold") - AWAITS == {
        "jobs_pkey"
    }
    assert plans.indexes()


NOW = datetime.now(UTC)
TAGS = {"job_labels_pkey"}


@pytest.mark.parametrize(
    ("filter", "indexes"),
    [
        ({}, set()),
        ({"status": (Status.DLQ,)}, {"jobs_by_status"}),
        ({"status": (Status.FAILED, Status.CANCELLED)}, {"jobs_by_status"}),
        ({"status": (Status.RUNNING,)}, {"jobs_leased"}),
        ({"status": (Status.PENDING,)}, {"jobs_to_claim"}),  # to see whether they are few
        ({"status": (Status.DONE,)}, set()),
        ({"kind": ("kind3",)}, TAGS),
        ({"queue": ("queue4",)}, TAGS),
        ({"owner": ("owner100",)}, TAGS),
        ({"label": (("tenant", "t10"),)}, TAGS),
        ({"pipeline_id": ("00000000000000000000000500",)}, {"jobs_by_pipeline"}),
        ({"since": NOW - timedelta(days=2)}, set()),
        ({"until": NOW - timedelta(days=2)}, set()),
        ({"q": "boom 200"}, set()),
        ({"status": (Status.DLQ,), "kind": ("kind0",)}, TAGS | {"jobs_by_status"}),
        ({"label": (("tenant", "t10"),), "kind": ("kind0",)}, TAGS),
    ],
)
async def test_lists_go_by_the_index_of_their_filter(
    plans: Plans, filter: dict[str, Any], indexes: set[str]
) -> None:
    jobs = JobStore(ExplainedDatabase(plans.connection))
    for cursor in (None, (await jobs.list(JobFilter(**filter), limit=2)).next_cursor):
        await plans.begin()
        await jobs.list(JobFilter(**filter), cursor=cursor)
        assert plans.indexes() - {"jobs_pkey", "jobs_by_parent"} == indexes


async def test_a_summary_of_all_goes_through_all_of_them_only_once(plans: Plans) -> None:
    summaries = SummaryStore(ExplainedDatabase(plans.connection))
    await summaries.get()
    await plans.begin()
    await summaries.get()
    assert plans.indexes() <= {"jobs_to_claim", "jobs_leased", "jobs_by_status", "job_events_by_xid"}


@pytest.mark.parametrize(
    ("filter", "indexes"),
    [
        ({"label": (("tenant", "t10"),)}, TAGS),
        ({"pipeline_id": ("00000000000000000000000500",)}, {"jobs_by_pipeline"}),
        ({"owner": ("owner100",)}, TAGS),
    ],
)
async def test_summaries_of_few_go_by_the_index_of_their_filter(
    plans: Plans, filter: dict[str, Any], indexes: set[str]
) -> None:
    summaries = SummaryStore(ExplainedDatabase(plans.connection))
    await plans.begin()
    await summaries.get(JobFilter(**filter))
    assert plans.indexes() - {"jobs_pkey", "jobs_leased"} == indexes


async def test_queues_are_counted_without_what_has_ended(plans: Plans) -> None:
    database = ExplainedDatabase(plans.connection)
    for ask in (QueueStore(database).list, lambda: read_figures(database)):
        await plans.begin()
        await ask()
        assert plans.indexes() <= {"jobs_to_claim", "jobs_leased", "jobs_by_status"}


async def test_a_job_and_its_events_are_found_by_its_id(plans: Plans) -> None:
    database = ExplainedDatabase(plans.connection)
    [job_id, *_] = await running(plans.connection)
    await plans.begin()
    await JobStore(database).get(job_id)
    assert plans.indexes() == {"jobs_pkey", "jobs_by_parent"}
    await plans.begin()
    events = EventStore(database)
    await events.job_events(job_id)
    await events.job_page(job_id)
    await events.last_job_event_id(job_id)
    assert plans.indexes() == {"job_events_by_job"}


async def test_a_live_step_goes_by_transactions_and_a_long_way_by_ids(
    plans: Plans,
) -> None:
    events = EventStore(ExplainedDatabase(plans.connection))
    now = (await events.position()).cursor
    await plans.begin()
    for _ in range(UNTIL_GENERIC):
        await events.step(now)
    assert plans.indexes("order by e.xid, e.id") == {"job_events_by_xid"}
    earliest = await events.start_earliest()
    await plans.begin()
    await events.step(earliest)
    assert plans.indexes("e.id <= $") == {"job_events_by_id"}


async def test_beginning_of_a_stream_since_a_time_is_found_by_halves(plans: Plans) -> None:
    connection = plans.connection
    # Midnight has no day before it: this one is half gone.
    since = await connection.fetchval("select min(at) + (max(at) - min(at)) / 2 from jobstream.job_events")
    first = await connection.fetchval("select min(id) from jobstream.job_events where at >= $1", since)
    await connection.execute("set auto_explain.log_analyze = on")
    await plans.begin()
    cursor = await EventStore(ExplainedDatabase(connection)).start_at(since)
    assert cursor.after == first - 1
    assert plans.indexes("with recursive search") == {"job_events_by_id"}
    assert all(plan.rejected < 10_000 for plan in plans.of("with recursive search"))


async def test_an_index_that_is_missing_is_told(plans: Plans) -> None:
    await plans.connection.execute("drop index jobstream.jobs_to_claim")
    await run(plans, "select id from jobstream.claim('{queue0}', 100, 'w')")
    with pytest.raises(AssertionError):
        assert plans.indexes("with picked as materialized") == {"jobs_to_claim"}
