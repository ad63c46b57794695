"""The LISTEN connection: what is heard, how it is lost and made again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest

from jobstream.store.listener import Listener
from jobstream.store.pool import Database
from jobstream.store.workers import WorkerStore
from tests.support.network import free_port
from tests.support.types import Connection
from tests.support.waiting import eventually

LOCK_IS_HELD = """
select count(*) from pg_locks
where locktype = 'advisory' and classid = 1785688947 and objid = $1::int::oid and granted
    and database = (select oid from pg_database where datname = current_database())
"""


class Heard:
    """What a listener called back, in order."""

    def __init__(self, listener: Listener, *channels: str) -> None:
        self.calls: list[str] = []
        for channel in channels:
            listener.on_notify(channel, self._noting(f"{channel}:"))
        listener.on_connect(partial(self.calls.append, "connect"))
        listener.on_loss(partial(self.calls.append, "loss"))

    def _noting(self, prefix: str) -> Callable[[str], None]:
        def note(payload: str) -> None:
            self.calls.append(prefix + payload)

        return note


@asynccontextmanager
async def running(listener: Listener) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(listener.run())
        yield
        task.cancel()


@pytest.fixture
def listener(database_url: str) -> Listener:
    return Listener(
        url=database_url, application_name="test listener", retry_seconds=0.02, max_retry_seconds=0.2
    )


async def replaced(listener: Listener, former: int | None) -> None:
    await eventually(lambda: listener.backend_pid not in (former, None))


async def notify(conn: Connection, channel: str, payload: str = "") -> None:
    await conn.execute("select pg_notify($1, $2)", channel, payload)


async def test_notifications_reach_their_channel_s_callbacks(listener: Listener, conn: Connection) -> None:
    heard = Heard(listener, "one", "two")
    async with running(listener):
        await eventually(lambda: listener.connected)
        for channel, payload in (("one", "a"), ("two", ""), ("three", "x"), ("one", "b")):
            await notify(conn, channel, payload)
        await eventually(lambda: len(heard.calls) >= 4)
    assert heard.calls == ["connect", "one:a", "two:", "one:b"]
    assert not listener.connected


async def test_a_channel_that_is_added_later_is_heard_after_a_step(
    listener: Listener, conn: Connection
) -> None:
    heard = Heard(listener)
    async with running(listener):
        await eventually(lambda: heard.calls == ["connect"])
        listener.on_notify("late", heard.calls.append)
        await eventually(lambda: heard.calls == ["connect", "connect"])
        await notify(conn, "late", "now")
        await eventually(lambda: heard.calls[-1] == "now")


async def test_a_callback_that_was_ended_hears_no_more(listener: Listener, conn: Connection) -> None:
    heard: list[str] = []
    end = listener.on_notify("one", heard.append)
    listener.on_notify("one", lambda payload: heard.append(f"still {payload}"))
    async with running(listener):
        await eventually(lambda: listener.connected)
        end()
        await notify(conn, "one", "x")
        await eventually(lambda: heard)
    assert heard == ["still x"]


async def test_a_killed_backend_is_noticed_and_replaced(listener: Listener, conn: Connection) -> None:
    heard = Heard(listener, "one")
    async with running(listener):
        for _ in range(3):
            await eventually(lambda: listener.connected)
            before = listener.backend_pid
            await conn.execute("select pg_terminate_backend($1)", before)
            await replaced(listener, before)
        await notify(conn, "one", "back")
        await eventually(lambda: "one:back" in heard.calls)
    assert heard.calls == ["connect", *["loss", "connect"] * 3, "one:back"]


async def test_a_silent_connection_is_probed(database_url: str, conn: Connection) -> None:
    listener = Listener(url=database_url, probe_seconds=0.02)
    listener.on_connect(lambda: None)
    state = "select state_change from pg_stat_activity where pid = $1"
    async with running(listener):
        pid = await eventually(lambda: listener.backend_pid)
        first = await conn.fetchval(state, pid)

        async def has_moved() -> bool:
            return bool(await conn.fetchval(state, pid) > first)

        await eventually(has_moved)


async def test_a_server_that_is_not_there_is_tried_again(database_url: str) -> None:
    listener = Listener(url=f"postgresql://x@127.0.0.1:{free_port()}/x", retry_seconds=0.01)
    heard = Heard(listener)
    async with running(listener):
        for _ in range(20):
            await asyncio.sleep(0.005)
    assert (heard.calls, listener.connected) == ([], False)


async def test_disabled_it_never_connects(database_url: str) -> None:
    listener = Listener(url=database_url, enabled=False)
    heard = Heard(listener, "one")
    await listener.run()
    assert (heard.calls, listener.connected, listener.enabled) == ([], False, False)


async def test_a_worker_s_lock_is_held_on_the_session_and_taken_again(
    listener: Listener, database: Database, conn: Connection
) -> None:
    workers = WorkerStore(database)
    number = await workers.register(
        "w", host="h", pid=1, version="1", queues=["q"], kinds=["k"], concurrency=2
    )
    attached = "select backend_pid from jobstream.workers where id = 'w'"
    async with running(listener):
        await eventually(lambda: listener.connected)
        await listener.hold("w", number)
        await eventually(lambda: conn.fetchval(attached))
        assert await conn.fetchval(attached) == listener.backend_pid
        assert await conn.fetchval(LOCK_IS_HELD, number) == 1
        before = listener.backend_pid
        await conn.execute("select pg_terminate_backend($1)", before)

        async def attached_anew() -> bool:
            pid = await conn.fetchval(attached)
            return pid not in (None, before) and pid == listener.backend_pid

        await eventually(attached_anew)
        assert await conn.fetchval(LOCK_IS_HELD, number) == 1
        await listener.let_go()
        await eventually(lambda: conn.fetchval("select true where (" + LOCK_IS_HELD + ") = 0", number))
        assert listener.connected


async def test_a_lock_that_a_former_session_still_has_is_waited_for_while_listening(
    listener: Listener, database: Database, conn: Connection
) -> None:
    number = await WorkerStore(database).register(
        "w", host="h", pid=1, version="1", queues=[], kinds=[], concurrency=1
    )
    await conn.execute("select pg_advisory_lock(1785688947, $1)", number)
    heard = Heard(listener, "one")
    await listener.hold("w", number)
    async with running(listener):
        await eventually(lambda: listener.connected)
        await notify(conn, "one", "heard")
        await eventually(lambda: "one:heard" in heard.calls)
        assert await conn.fetchval("select backend_pid from jobstream.workers") is None
        await conn.execute("select pg_advisory_unlock(1785688947, $1)", number)
        await eventually(lambda: conn.fetchval("select backend_pid from jobstream.workers"))


async def test_its_connection_ends_with_it(listener: Listener, conn: Connection) -> None:
    count = (
        "select count(*) from pg_stat_activity"
        " where application_name = 'test listener' and datname = current_database()"
    )

    async def there_are(number: int) -> bool:
        return bool(await conn.fetchval(count) == number)

    async with running(listener):
        await eventually(lambda: listener.connected)
        await eventually(lambda: there_are(1))
    await eventually(lambda: there_are(0))
