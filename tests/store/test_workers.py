"""Workers' rows."""

from jobstream.store.pool import Database
from jobstream.store.workers import WorkerStore
from tests.support.clock import Clock


async def register(workers: WorkerStore, name: str) -> int:
    return await workers.register(
        name, host="h", pid=7, version="1", queues=["a", "b"], kinds=["k"], concurrency=3
    )


async def test_a_worker_lives_while_it_is_touched(database: Database, clock: Clock) -> None:
    workers = WorkerStore(database)
    await register(workers, "one")
    await register(workers, "two")
    await clock.advance(20)
    assert await workers.touch("two", running=2, cpu_percent=12.5, memory_bytes=1 << 33)
    await clock.advance(15)
    [worker] = await workers.list_live()
    assert (worker.id, worker.host, worker.pid, worker.version) == ("two", "h", 7, "1")
    assert (worker.queues, worker.kinds, worker.concurrency) == (["a", "b"], ["k"], 3)
    assert (worker.running, worker.cpu_percent, worker.memory_bytes) == (2, 12.5, 1 << 33)


async def test_numbers_are_a_worker_s_own_and_stay(database: Database) -> None:
    workers = WorkerStore(database)
    one, two = await register(workers, "one"), await register(workers, "two")
    assert one != two
    assert await register(workers, "one") == one


async def test_a_worker_that_was_removed_is_unknown(database: Database) -> None:
    workers = WorkerStore(database)
    await register(workers, "one")
    await workers.detach("one")
    await workers.remove("one")
    assert not await workers.touch("one", running=0)
    assert await workers.list_live() == []
