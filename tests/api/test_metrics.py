from prometheus_client.parser import text_string_to_metric_families

from jobstream.api.metrics import Metrics
from tests.api.support import Api
from tests.support import Connect, Connection, eventually


def samples(text: bytes) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


async def test_they_tell_of_jobs_streams_and_the_listener(api: Api) -> None:
    await api.create(queue="a")
    await api.create(queue="a")
    await api.claim(queues=["a"])
    async with api.stream("/events") as events:
        await events.until("hello")
        found = samples(await Metrics().text(api.services))
    assert found["jobstream_jobs", "a", "pending"] == 1
    assert found["jobstream_jobs", "a", "running"] == 1
    assert found["jobstream_jobs", "a", "dlq"] == 0
    assert found["jobstream_oldest_pending_seconds", "a"] >= 0
    assert (found["jobstream_database_up",], found["jobstream_listener_up",]) == (1, 1)
    assert found["jobstream_streams",] == 1
    assert found["jobstream_hub_subscriptions",] == 1
    assert ("jobstream_hub_deliveries_total",) in found
    assert ("jobstream_hub_lag_transactions",) in found


async def settled(metrics: Metrics, api: Api) -> dict[tuple[str, ...], float]:
    """What a scrape gets that asks the database anew."""
    metrics._read_at = None
    return samples(await metrics.text(api.services))


async def test_they_count_what_happens_each_once(api: Api, conn: Connection, connect: Connect) -> None:
    metrics = Metrics()
    await api.create(queue="q")
    await settled(metrics, api)
    late = await connect()
    transaction = late.transaction()
    await transaction.start()
    await late.execute("select jobstream.enqueue('late', queue => 'q')")
    done, dead, again, gone = [await api.create(queue="q") for _ in range(4)]
    assert (await settled(metrics, api))["jobstream_jobs_enqueued_total", "q"] == 4
    await conn.execute("update jobstream.jobs set status = 'cancelled' where id = $1", gone)
    leases = {lease["job"]["id"]: lease for lease in [await api.claim(queues=["q"]) for _ in range(4)]}
    assert (await settled(metrics, api))["jobstream_claims_total", "q"] == 4
    await api.verb(leases[done], "complete")
    await api.verb(leases[dead], "fail", error="e", retryable=False)
    await api.verb(leases[again], "fail", error="e")
    await transaction.commit()
    for _ in range(2):
        found = await settled(metrics, api)
        assert found["jobstream_jobs_enqueued_total", "q"] == 5
        assert found["jobstream_claims_total", "q"] == 4
        assert found["jobstream_jobs_done_total", "q"] == 1
        assert found["jobstream_retries_total", "q"] == 1
        assert found["jobstream_dead_letters_total", "q"] == 1
        assert found["jobstream_jobs_cancelled_total", "q"] == 1
        assert found["jobstream_attempt_seconds_count", "q"] == 3
        assert found["jobstream_attempt_seconds_sum", "q"] > 0


async def test_they_count_the_bells_that_were_heard(api: Api) -> None:
    await eventually(lambda: api.services.listener.connected)
    await api.create()
    await eventually(lambda: all(api.services.rings.values()))
    found = samples(await Metrics().text(api.services))
    assert found["jobstream_bell_rings_total", "jobstream_events"] >= 1
    assert found["jobstream_bell_rings_total", "jobstream_ready"] >= 1


async def test_however_many_scrape_the_database_is_asked_once(api: Api) -> None:
    metrics = Metrics()
    first = samples(await metrics.text(api.services))
    await api.create(queue="new")
    second = samples(await metrics.text(api.services))
    assert ("jobstream_jobs", "new", "pending") not in {**first, **second}


async def test_they_are_served_as_prometheus_reads_them(api: Api) -> None:
    answer = await api.get("//metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert samples(answer.content)["jobstream_database_up",] == 1
