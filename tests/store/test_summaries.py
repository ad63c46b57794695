"""Counts that are carried along say what counting anew says, whatever happened in between and whoever was slow to commit."""

import random

from jobstream.domain.job import JobFilter, NewJob, Status
from jobstream.store.jobs import JobStore
from jobstream.store.leases import LeaseStore
from jobstream.store.list_queries import LOOKED_UP_ROWS
from jobstream.store.pool import Database
from jobstream.store.summaries import SummaryStore
from tests.support.types import Connect, Connection

QUESTIONS: tuple[tuple[JobFilter, str | None], ...] = (
    (JobFilter(), None),
    (JobFilter(), "ann"),
    (JobFilter(queue=("a", "c")), None),
    (JobFilter(kind=("k",), label=(("x", "1"), ("x", "3"))), None),
)
# So many that every question is about more than an index is asked for.
MANY = """
insert into jobstream.jobs (queue, kind, owner, labels)
select 'a', 'k', 'ann', '{"x": "1"}' from generate_series(1, $1::integer)
"""
ENDED = "select id from jobstream.jobs where status = 'done' order by id limit 2"
CLAIMED = "select id, attempt from jobstream.claim(array['a', 'b', 'c'], 3)"
COMPLETE = "select jobstream.complete($1, $2)"


async def test_a_summary_counts_what_its_filter_means(database: Database) -> None:
    jobs, summaries = JobStore(database), SummaryStore(database)
    await jobs.enqueue_many(
        [NewJob(kind="a", labels={"x": "1"}), NewJob(kind="b", labels={"x": "1"}), NewJob(kind="b", delay=60)]
    )
    await jobs.enqueue(NewJob(kind="b", queue="other", owner="ann"))
    [running] = await LeaseStore(database).claim(["default"], limit=1, worker="w")
    summary = await summaries.get()
    assert summary.is_running
    assert {status: count for status, count in summary.counts.items() if count} == {
        "pending": 2,
        "running": 1,
        "waiting": 1,
    }
    assert [(current.id, current.kind, current.progress) for current in summary.current] == [
        (running.id, running.kind, None)
    ]
    labelled = await summaries.get(JobFilter(label=(("x", "1"), ("x", "2")), kind=("b",)))
    assert (labelled.counts["pending"], labelled.counts["running"], labelled.current) == (1, 0, [])
    assert not (await summaries.get(owner="nobody")).is_running


async def test_what_is_kept_stays_exact(database: Database, conn: Connection, connect: Connect) -> None:
    generator = random.Random(11)
    await conn.execute(MANY, LOOKED_UP_ROWS + 200)
    kept = SummaryStore(database)
    rival = await connect()
    opened = None
    counted = {question: await kept.get(question[0], owner=question[1]) for question in QUESTIONS}
    for _ in range(60):
        match generator.randrange(8):
            case 0:
                await JobStore(database).enqueue(
                    NewJob(kind="k", queue=generator.choice("abc"), owner="ann", labels={"x": "3"})
                )
            case 1 | 2:
                for row in await conn.fetch(CLAIMED):
                    await conn.execute(COMPLETE, row["id"], row["attempt"])
            case 3 if opened is None:
                opened = rival.transaction()
                await opened.start()
                for row in await rival.fetch(CLAIMED):
                    await rival.execute(COMPLETE, row["id"], row["attempt"])
            case 4 if opened is not None:
                await (opened.commit if generator.random() < 0.7 else opened.rollback)()
                opened = None
            case 5:
                await conn.execute(f"select jobstream.retry(id) from ({ENDED}) as ended")
            case 6:
                await conn.execute(f"delete from jobstream.jobs where id in ({ENDED})")
            case 7:
                await conn.execute(
                    f"update jobstream.jobs set labels = jsonb_build_object('x', '9') where id in ({ENDED})"
                )
        for filter, owner in QUESTIONS:
            found = await kept.get(filter, owner=owner)
            assert found == await SummaryStore(database).get(filter, owner=owner)
            counted[filter, owner] = found
    assert all(summary.counts["done"] > 0 for summary in counted.values())
    assert set(kept._kept) == set(QUESTIONS)


async def test_what_is_kept_outlives_no_truncated_table(database: Database, conn: Connection) -> None:
    await conn.execute(MANY, 3)
    for row in await conn.fetch(CLAIMED):
        await conn.execute(COMPLETE, row["id"], row["attempt"])
    kept = SummaryStore(database)
    assert (await kept.get()).counts[Status.DONE] == 3
    await conn.execute("truncate jobstream.jobs")
    assert set((await kept.get()).counts.values()) == {0}


async def test_what_is_kept_is_counted_anew_in_time(database: Database, conn: Connection) -> None:
    clock = [0.0]
    kept = SummaryStore(database, now=lambda: clock[0])
    await conn.execute(MANY, 2)
    for row in await conn.fetch(CLAIMED):
        await conn.execute(COMPLETE, row["id"], row["attempt"])
    assert (await kept.get()).counts[Status.DONE] == 2
    await conn.execute("delete from jobstream.job_events")  # as if the triggers had been off
    await conn.execute("set session_replication_role = replica; delete from jobstream.jobs")
    assert (await kept.get()).counts[Status.DONE] == 2
    clock[0] += 601
    assert (await kept.get()).counts[Status.DONE] == 0
