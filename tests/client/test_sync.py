"""The client for code without an event loop: the asynchronous one in a background thread."""

import asyncio
import gc
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from jobstream.application import JobStream
from jobstream.client import SyncClient, connect_sync
from jobstream.domain.job import JobFilter, NewJob, Status
from jobstream.errors import (
    DatabaseUnavailable,
    InvalidArgument,
    JobFailed,
    JobStreamError,
    KeyReused,
    NotFound,
)
from jobstream.settings import Settings
from jobstream.worker.context import JobContext
from tests.api.conftest import serving
from tests.client.test_borrowed import with_driver
from tests.support.network import free_port
from tests.support.processes import clean_environ

app = JobStream()


@app.job("double")
def double(ctx: JobContext, args: int) -> int:
    return args * 2


@pytest.fixture
def client(database_url: str) -> Iterator[SyncClient]:
    with app.connect_sync(database_url) as opened:
        yield opened


def finish(url: str, result: str | None) -> None:
    """What a worker would do to the next job."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "select id, attempt from jobstream.claim(array['default'], 1, 'w')"
        ).fetchone()
        assert row is not None
        if result is None:
            connection.execute("select jobstream.fail(%s, %s, '\"broken\"', false)", row)
        else:
            connection.execute("select jobstream.complete(%s, %s, %s::jsonb)", (*row, result))


def test_enqueue_follow_and_result(client: SyncClient, database_url: str) -> None:
    handle = client.enqueue(double, 21, labels={"a": "b"})
    assert (handle.status, handle.idempotent) == (Status.PENDING, False)
    finish(database_url, "42")
    assert handle.result(timeout=20) == 42
    assert [event.status for event in handle.events()] == ["pending", "running", "done"]
    assert client.handle(handle.id, double).result(timeout=20) == 42
    assert client.get(handle.id).spec.labels == {"a": "b"}
    assert [job.id for job in client.list(JobFilter(kind=("double",))).items] == [handle.id]


def test_how_a_job_ended_otherwise(client: SyncClient, database_url: str) -> None:
    failed = client.enqueue("k")
    finish(database_url, None)
    with pytest.raises(JobFailed, match="broken"):
        failed.result(timeout=20)
    assert failed.retry() is Status.PENDING
    assert failed.cancel() is Status.CANCELLED
    with pytest.raises(TimeoutError):
        client.enqueue("k").result(timeout=0.05)
    with pytest.raises(InvalidArgument):
        client.get("nonsense")


def test_events_that_are_left_early_leave_nothing_open(client: SyncClient) -> None:
    handle = client.enqueue("k")
    for event in handle.events():
        assert event.status == "pending"
        break
    gc.collect()
    assert handle.get().status is Status.PENDING


def test_pipelines(client: SyncClient, database_url: str) -> None:
    with client.pipeline("two") as p:
        a = p.step(double, 1)
        p.step(double, 2, after=[a])
    finish(database_url, "2")
    assert a.job.result(timeout=20) == 2
    assert p.cancel() == "cancelled"
    assert [event.type for event in p.events()].count("status") >= 4
    assert client.pipeline_handle(p.id).get().status == "cancelled"


@pytest.mark.parametrize("kind", ["psycopg", "session", "connection"])
def test_in_a_transaction_of_the_callers_nothing_is_there_until_it_commits(
    client: SyncClient, database_url: str, kind: str
) -> None:
    engine = sa.create_engine(with_driver(database_url, "psycopg"))
    opened: Any = {
        "psycopg": lambda: psycopg.connect(database_url),
        "session": lambda: Session(engine),
        "connection": engine.connect,
    }[kind]()
    with opened as connection:
        dropped = client.enqueue(double, 1, connection=connection)
        connection.rollback()
        kept, _ = client.enqueue_many([NewJob(kind="a"), NewJob(kind="b")], connection=connection)
        with pytest.raises(NotFound):
            kept.get()
        connection.commit()
        with client.pipeline("lost", connection=connection) as lost:
            lost.step(double, 1)
        connection.rollback()
        with client.pipeline("made", connection=connection) as made:
            made.step(double, 1, key="one")
        with pytest.raises(NotFound):
            made.get()
        connection.commit()
        client.enqueue("once", idempotency_key="one", connection=connection)
        with pytest.raises(KeyReused):
            client.enqueue("other", idempotency_key="one", connection=connection)
        connection.rollback()
    engine.dispose()
    assert kept.get().spec.kind == "a"
    assert [job.lineage.pipeline_step for job in made.get().jobs] == ["one"]
    for gone in (dropped, lost):
        with pytest.raises(NotFound):
            gone.get()


async def test_an_asyncio_connection_is_refused(client: SyncClient, database_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        with pytest.raises(TypeError, match="asyncio connection"):
            client.enqueue("k", connection=connection)
        with (
            pytest.raises(TypeError, match="asyncio connection"),
            client.pipeline("p", connection=connection) as p,
        ):
            p.step("k")
    with pytest.raises(TypeError, match="known are"):
        client.enqueue("k", connection=object())


def test_many_threads_share_one_client(client: SyncClient) -> None:
    ids: list[str] = []
    threads = [threading.Thread(target=lambda: ids.append(client.enqueue("k").id)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(set(ids)) == 20


def test_a_client_connects_when_it_is_first_used_and_not_after_its_end(database_url: str) -> None:
    before = threading.active_count()
    client = connect_sync(database_url)
    assert threading.active_count() == before
    client.enqueue("k")
    client.close()
    client.close()
    assert threading.active_count() == before
    with pytest.raises(RuntimeError, match="closed"):
        client.enqueue("k")


def test_who_waits_when_the_client_is_closed_is_told(database_url: str) -> None:
    client = connect_sync(database_url)
    handle = client.enqueue("k")
    told: list[BaseException] = []

    def wait() -> None:
        try:
            handle.result()
        except JobStreamError as error:
            told.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    client.close()
    waiting.join(20)
    assert str(told[0]).startswith("the client was closed")


def test_a_database_that_is_not_there_is_said_at_first_use() -> None:
    client = connect_sync(f"postgresql://nobody@127.0.0.1:{free_port()}/x")
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable):
            client.enqueue("k")
    client.close()


async def test_over_http_it_is_the_same(database_url: str) -> None:
    def use(address: str) -> list[str | None]:
        with app.connect_sync(address) as client:
            handle = client.enqueue(double, 4)
            with client.pipeline("one", idempotency_key="k") as p:
                step = p.step(double, 1, delay=3600)
            assert step.job.get().status is Status.WAITING
            assert p.cancel() == "cancelled"
            with pytest.raises(TypeError, match="HTTP"), psycopg.connect(database_url) as connection:
                client.enqueue("k", connection=connection)
            finish(database_url, "8")
            assert handle.result(timeout=20) == 8
            return [event.status for event in handle.events()]

    settings = Settings(database_url=database_url, auth="off", drain_seconds=0.1, pool_size=4)
    async with serving(settings) as (_, address):
        assert await asyncio.to_thread(use, address) == ["pending", "running", "done"]


FORKING = """
import os, sys
from jobstream import JobStream
client = JobStream().connect_sync(sys.argv[1])
first = client.enqueue("parent").id
children = []
for n in range(2):
    pid = os.fork()
    if pid == 0:
        client.enqueue(f"child{n}")
        sys.exit(0)
    children.append(pid)
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
assert codes == [0, 0], codes
assert client.get(first).spec.kind == "parent"
client.enqueue("parent.again")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked here")
def test_a_forked_process_has_connections_of_its_own_and_its_parent_keeps_its(database_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKING, database_url],
        env=clean_environ(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with connect_sync(database_url) as client:
        kinds = sorted(job.spec.kind for job in client.list().items)
    assert kinds == ["child0", "child1", "parent", "parent.again"]
