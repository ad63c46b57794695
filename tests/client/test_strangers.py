"""What somebody is told who has it all wrong: one sentence that says what to do."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from jobstream.application import JobStream
from jobstream.client import Client, connect
from jobstream.errors import (
    DatabaseUnavailable,
    InvalidArgument,
    JobStreamError,
    NotFound,
    SchemaOutdated,
    TooLarge,
    Unauthorized,
)
from jobstream.settings import Settings
from tests.api.conftest import serving
from tests.support.databases import with_database, with_user
from tests.support.network import free_port

Open = Callable[[], AbstractAsyncContextManager[Client]]
app = JobStream()


@pytest.mark.parametrize(
    "url", ["mysql://localhost/x", "nonsense", "", "localhost:5432/x", "redis://localhost", "ftp://x"]
)
async def test_a_url_of_something_else_is_named(url: str) -> None:
    with pytest.raises(InvalidArgument, match=r"postgresql://.*http"):
        async with connect(url):
            pass
    with pytest.raises(InvalidArgument, match="postgresql://"), app.connect_sync(url):
        pass


async def test_a_database_that_is_not_there_is_said_when_connecting(database_url: str) -> None:
    for url, said in (
        (f"postgresql://me@127.0.0.1:{free_port()}/x", "cannot reach the database: .*onnect"),
        (with_database(database_url, "no_such_database"), "no_such_database"),
        (with_user(database_url, "no_such_login", "x"), "no_such_login"),
    ):
        with pytest.raises(DatabaseUnavailable, match=said):
            async with connect(url):
                pass


async def test_a_database_without_the_schema_says_migrate(empty_database_url: str) -> None:
    async with connect(empty_database_url) as client:
        handle = client.handle("01ARZ3NDEKTSV4RRFFQ69G5FAV")
        for call in (client.enqueue("k"), client.list(), handle.get(), handle.result(timeout=20)):
            with pytest.raises(SchemaOutdated, match="jobstream migrate"):
                await call
        with pytest.raises(SchemaOutdated, match="jobstream migrate"):
            await anext(handle.events())
        with pytest.raises(SchemaOutdated, match="jobstream migrate"):
            async with client.pipeline("p") as p:
                p.step("k")


@asynccontextmanager
async def over(url: str, database_url: str) -> AsyncIterator[Client]:
    if url == "postgres":
        async with connect(database_url) as client:
            yield client
        return
    settings = Settings(database_url=database_url, auth="off", drain_seconds=0.1, pool_size=4)
    async with serving(settings) as (_, address), connect(address) as client:
        yield client


@pytest.mark.parametrize("url", ["postgres", "http"])
async def test_what_cannot_be_stored_is_refused_with_its_name(url: str, database_url: str) -> None:
    async with over(url, database_url) as client:
        with pytest.raises(TooLarge, match="args"):
            await client.enqueue("k", "x" * (1 << 20))
        with pytest.raises(InvalidArgument, match="args"):
            await client.enqueue("k", {"a": object()})
        with pytest.raises(InvalidArgument, match="kind"):
            await client.enqueue("no such kind")
        with pytest.raises(InvalidArgument):
            await client.handle("4711").result(timeout=5)
        with pytest.raises(NotFound, match="01ARZ3NDEKTSV4RRFFQ69G5FAV"):
            await client.enqueue("k", await_jobs=["01ARZ3NDEKTSV4RRFFQ69G5FAV"])
        with pytest.raises(TypeError, match="colour"):
            await client.enqueue("k", colour="red")  # type: ignore[call-overload]
        assert (await client.list()).items == []


async def test_a_server_that_is_none_of_ours_or_wants_a_token_says_so(database_url: str) -> None:
    settings = Settings(database_url=database_url, auth="token", drain_seconds=0.1, pool_size=4)
    async with serving(settings) as (_, url):
        async with connect(url) as client:
            handle = client.handle("01ARZ3NDEKTSV4RRFFQ69G5FAV")
            for call in (client.enqueue("k"), client.list(), handle.result(timeout=20)):
                with pytest.raises(Unauthorized, match="token"):
                    await call
        async with connect(f"{url}/some/where") as client:
            with pytest.raises(JobStreamError, match="some/where"):
                await client.list()
