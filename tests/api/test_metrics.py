from prometheus_client.parser import text_string_to_metric_families

from jobstream.api.metrics import Metrics
from tests.api.support import Api


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
