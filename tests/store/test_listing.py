"""Lists of jobs: filters, pages and their cursors."""

from datetime import UTC, datetime, timedelta

import pytest

from jobstream.domain.cursor import Cursor
from jobstream.domain.job import Job, JobFilter, NewJob, Page, Status
from jobstream.errors import InvalidArgument
from jobstream.store import list_queries
from jobstream.store.events import EventStore
from jobstream.store.jobs import JobStore
from jobstream.store.pool import Database
from tests.support.clock import Clock
from tests.support.types import Connection

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def jobs(database: Database) -> JobStore:
    return JobStore(database)


def kinds(page: Page[Job]) -> list[str]:
    return [job.spec.kind for job in page.items]


async def all_pages(
    jobs: JobStore, filter: JobFilter, *, limit: int, owner: str | None = None
) -> list[list[str]]:
    pages = []
    cursor = None
    while True:
        page = await jobs.list(filter, cursor=cursor, limit=limit, owner=owner)
        pages.append(kinds(page))
        cursor = page.next_cursor
        if cursor is None:
            return pages
        assert len(pages) < 100


async def test_the_newest_come_first(jobs: JobStore) -> None:
    await jobs.enqueue_many([NewJob(kind=f"k{n}") for n in range(7)])
    assert await all_pages(jobs, JobFilter(), limit=3) == [["k6", "k5", "k4"], ["k3", "k2", "k1"], ["k0"]]


async def test_the_last_page_has_no_next_even_when_it_is_full(jobs: JobStore) -> None:
    await jobs.enqueue_many([NewJob(kind=f"k{n}") for n in range(4)])
    assert await all_pages(jobs, JobFilter(), limit=2) == [["k3", "k2"], ["k1", "k0"]]


async def test_a_list_of_nothing_is_one_empty_page_with_an_event_cursor(
    jobs: JobStore, database: Database
) -> None:
    page = await jobs.list()
    assert (page.items, page.next_cursor) == ([], None)
    assert isinstance(await EventStore(database).resolve(page.event_cursor), Cursor)


@pytest.mark.parametrize(("asked", "given"), [(0, 1), (-5, 1), (1, 1), (200, 200), (10_000, 200)])
async def test_limits_are_clamped(jobs: JobStore, asked: int, given: int) -> None:
    await jobs.enqueue_many([NewJob(kind="k")] * 205)
    assert len((await jobs.list(limit=asked)).items) == given


async def test_pages_neither_skip_nor_repeat_while_jobs_are_added(jobs: JobStore) -> None:
    await jobs.enqueue_many([NewJob(kind=f"k{n}") for n in range(10)])
    seen: list[str] = []
    cursor = None
    while True:
        page = await jobs.list(cursor=cursor, limit=3)
        seen += kinds(page)
        await jobs.enqueue_many([NewJob(kind="new")] * 4)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [f"k{n}" for n in range(9, -1, -1)]


async def test_several_values_of_a_name_mean_or_and_names_mean_and(jobs: JobStore, conn: Connection) -> None:
    for queue in ("a", "b", "c"):
        await jobs.enqueue_many([NewJob(kind=f"{queue}{n}", queue=queue, delay=n * 60) for n in range(2)])
    assert kinds(await jobs.list(JobFilter(queue=("a", "c")))) == ["c1", "c0", "a1", "a0"]
    assert kinds(await jobs.list(JobFilter(queue=("a", "c"), status=(Status.WAITING,)))) == ["c1", "a1"]
    both = JobFilter(queue=("a", "b"), status=(Status.WAITING, Status.PENDING), kind=("a0", "b1", "c0", "b1"))
    assert kinds(await jobs.list(both)) == ["b1", "a0"]
    assert await all_pages(jobs, both, limit=1) == [["b1"], ["a0"]]


async def test_a_value_given_twice_gives_its_jobs_once(jobs: JobStore) -> None:
    await jobs.enqueue_many([NewJob(kind="a"), NewJob(kind="b")])
    filter = JobFilter(status=(Status.PENDING, Status.PENDING), label=())
    assert await all_pages(jobs, filter, limit=1) == [["b"], ["a"]]


async def test_labels_are_matched_by_name_and_value(jobs: JobStore) -> None:
    await jobs.enqueue_many(
        [
            NewJob(kind="one", labels={"tenant": "x", "size": "big"}),
            NewJob(kind="two", labels={"tenant": "y"}),
            NewJob(kind="three", labels={"size": "x"}),
            NewJob(kind="four", labels={"tenant": "x:y"}),
        ]
    )
    assert kinds(await jobs.list(JobFilter(label=(("tenant", "x"),)))) == ["one"]
    either = JobFilter(label=(("tenant", "x"), ("tenant", "y"), ("size", "big")))
    assert await all_pages(jobs, either, limit=1) == [["two"], ["one"]]
    assert kinds(await jobs.list(JobFilter(label=(("tenant", "x:y"),)))) == ["four"]
    assert kinds(await jobs.list(JobFilter(label=(("tenant", "x"),), kind=("two",)))) == []


async def test_since_is_inclusive_and_until_is_not(jobs: JobStore, clock: Clock) -> None:
    for minute in range(5):
        await clock.set(START + timedelta(minutes=minute))
        await jobs.enqueue(NewJob(kind=f"m{minute}"))
    made = {job.spec.kind: job.lifecycle.created_at for job in (await jobs.list()).items}
    assert kinds(await jobs.list(JobFilter(since=made["m1"], until=made["m3"]))) == ["m2", "m1"]
    assert kinds(await jobs.list(JobFilter(since=made["m3"] + timedelta(microseconds=1)))) == ["m4"]
    assert kinds(await jobs.list(JobFilter(until=made["m0"]))) == []
    assert kinds(await jobs.list(JobFilter(until=made["m0"] + timedelta(microseconds=1)))) == ["m0"]


async def test_owners_are_told_apart(jobs: JobStore) -> None:
    await jobs.enqueue_many(
        [NewJob(kind=owner or "nobody", owner=owner) for owner in ("ann", "bob", "", "cy")]
    )
    assert kinds(await jobs.list(owner="ann")) == ["ann"]
    assert kinds(await jobs.list(owner="")) == ["nobody"]
    assert kinds(await jobs.list(JobFilter(owner=("ann", "cy")))) == ["cy", "ann"]
    assert kinds(await jobs.list(JobFilter(owner=("bob",)), owner="ann")) == []


async def test_text_is_found_in_kind_and_last_error_as_it_stands(jobs: JobStore, conn: Connection) -> None:
    await jobs.enqueue_many([NewJob(kind=kind) for kind in ("build.fast", "deploy", "x_y", "xzy")])
    await conn.execute("update jobstream.jobs set last_error = 'Disk 100% full' where kind = 'deploy'")
    assert kinds(await jobs.list(JobFilter(q="BUILD"))) == ["build.fast"]
    assert kinds(await jobs.list(JobFilter(q="100% f"))) == ["deploy"]
    assert kinds(await jobs.list(JobFilter(q="x_y"))) == ["x_y"]
    assert kinds(await jobs.list(JobFilter(q="%"))) == ["deploy"]
    assert kinds(await jobs.list(JobFilter(q="\\"))) == []
    assert kinds(await jobs.list(JobFilter(q="y", status=(Status.DONE,)))) == []


async def test_a_search_looks_at_so_many_rows_a_page_and_goes_on(
    jobs: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_queries, "EXAMINED_ROWS", 10)
    list_queries.page_query.cache_clear()
    names = ["hit" if n in (0, 14, 15, 29) else "miss" for n in range(30)]
    await jobs.enqueue_many([NewJob(kind=name) for name in names])
    pages = await all_pages(jobs, JobFilter(q="hit"), limit=5)
    assert pages == [["hit"], ["hit", "hit"], ["hit"], []]
    one_each = await all_pages(jobs, JobFilter(q="hit"), limit=1)
    assert [kind for page in one_each for kind in page] == ["hit"] * 4
    list_queries.page_query.cache_clear()


@pytest.mark.parametrize(
    "cursor", ["", "x", "\0", "é", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "A" * 51, "A" * 5000, "=====", "\ud800"]
)
async def test_what_is_no_cursor_is_refused(jobs: JobStore, cursor: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await jobs.list(cursor=cursor)
    assert caught.value.detail is not None
    assert caught.value.detail.field == "cursor"


async def test_a_cursor_is_bound_to_its_filter_and_owner(jobs: JobStore) -> None:
    await jobs.enqueue_many([NewJob(kind="k", owner="ann")] * 3)
    filter = JobFilter(kind=("k",))
    cursor = (await jobs.list(filter, limit=1, owner="ann")).next_cursor
    assert len((await jobs.list(filter, cursor=cursor, limit=5, owner="ann")).items) == 2
    for other, owner in (
        (JobFilter(), "ann"),
        (filter, None),
        (filter, "bob"),
        (JobFilter(queue=("k",)), "ann"),
    ):
        with pytest.raises(InvalidArgument):
            await jobs.list(other, cursor=cursor, owner=owner)


async def test_times_need_a_zone(jobs: JobStore) -> None:
    with pytest.raises(InvalidArgument, match="time zone"):
        await jobs.list(JobFilter(since=datetime(2026, 1, 1)))


async def test_a_page_shows_children(jobs: JobStore) -> None:
    parent = await jobs.enqueue(NewJob(kind="parent"))
    made = await jobs.enqueue_many([NewJob(kind="child", parent_job=parent.id) for _ in range(105)])
    [job] = (await jobs.list(JobFilter(kind=("parent",)))).items
    assert job.lineage.children == [child.id for child in made[:100]]
    assert job.lineage.children_count == 105
