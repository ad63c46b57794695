"""Prometheus' view of one process and its database.

The database is asked at most every so often, however many scrape. Where it cannot be reached the process still tells of
itself, and says so.
"""

import asyncio
from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from jobstream.api.services import Services
from jobstream.api.turnover import TurnoverCounters
from jobstream.errors import DatabaseUnavailable
from jobstream.store.figures import Figures, read_figures

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_EVERY: Final = 5.0
_STATUSES: Final = ("waiting", "pending", "running", "failed", "dlq")


class Metrics:
    """Made once a process."""

    def __init__(self) -> None:
        """Nothing is asked before somebody scrapes."""
        self._lock = asyncio.Lock()
        self._read_at: float | None = None
        self._figures: Figures | None = None
        self._turnover = TurnoverCounters()

    async def text(self, services: Services) -> bytes:
        """What a scrape gets."""
        figures = await self._current(services)
        registry = CollectorRegistry(auto_describe=False)
        told = [*_of_process(services, figures), *_of_database(figures), *self._turnover.metrics()]
        registry.register(_Collected(told))
        return generate_latest(registry)

    async def _current(self, services: Services) -> Figures | None:
        now = asyncio.get_running_loop().time
        async with self._lock:
            if self._read_at is None or now() >= self._read_at + _EVERY:
                try:
                    self._figures = await read_figures(services.database)
                    await self._turnover.catch_up(services.database, now())
                except DatabaseUnavailable:
                    self._figures = None
                self._read_at = now()
            return self._figures


class _Collected(Collector):
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def _of_process(services: Services, figures: Figures | None) -> Iterator[Metric]:
    hub, feed = services.hub, services.feed
    yield GaugeMetricFamily("jobstream_database_up", "The database answers.", float(figures is not None))
    yield GaugeMetricFamily(
        "jobstream_listener_up", "The LISTEN connection stands.", float(services.listener.connected)
    )
    yield GaugeMetricFamily("jobstream_draining", "The process is going.", float(services.draining.is_set()))
    yield GaugeMetricFamily("jobstream_streams", "Open event streams.", float(len(services.ticker)))
    yield GaugeMetricFamily("jobstream_hub_subscriptions", "Subscribers of the hub.", float(len(hub)))
    yield CounterMetricFamily(
        "jobstream_hub_deliveries", "Events handed to subscribers.", float(hub.delivered)
    )
    yield GaugeMetricFamily("jobstream_hub_ring_events", "Recent events at hand.", float(hub.ring.messages))
    yield GaugeMetricFamily("jobstream_hub_ring_bytes", "Their size on the wire.", float(hub.ring.bytes))
    yield CounterMetricFamily("jobstream_hub_steps", "Looks for new events.", float(feed.steps))
    rings = CounterMetricFamily("jobstream_bell_rings", "Notifications that were heard.", labels=("channel",))
    for channel, count in services.rings.items():
        rings.add_metric((channel,), float(count))
    yield rings
    yield from _of_streams(services)
    if figures is not None and hub.position is not None:
        lag = max(0, figures.xmax - hub.position.cursor.seen.xmax)
        yield GaugeMetricFamily(
            "jobstream_hub_lag_transactions", "Transactions begun since the hub's position.", float(lag)
        )


def _of_streams(services: Services) -> Iterator[Metric]:
    places, backfills = services.places, services.backfills
    yield GaugeMetricFamily("jobstream_streams_limit", "Streams that may be open.", float(places.most))
    yield CounterMetricFamily(
        "jobstream_streams_refused", "Streams for which there was no place.", float(places.refused)
    )
    yield GaugeMetricFamily("jobstream_backfills", "Streams that catch up.", float(backfills.open))
    yield GaugeMetricFamily(
        "jobstream_backfills_waiting", "Streams that wait to read the table.", float(backfills.waiting)
    )
    read = CounterMetricFamily(
        "jobstream_backfill_pages", "What streams caught up with, in parts.", labels=("source",)
    )
    read.add_metric(("ring",), float(backfills.from_ring))
    read.add_metric(("table",), float(backfills.from_table))
    yield read


def _of_database(figures: Figures | None) -> Iterator[Metric]:
    if figures is None:
        return
    jobs = GaugeMetricFamily(
        "jobstream_jobs", "Jobs by queue and status; failed ones await a retry.", labels=("queue", "status")
    )
    oldest = GaugeMetricFamily(
        "jobstream_oldest_pending_seconds", "How long the oldest has been pending.", labels=("queue",)
    )
    paused = GaugeMetricFamily("jobstream_queue_paused", "No claims from it.", labels=("queue",))
    for each in figures.queues:
        for status in _STATUSES:
            jobs.add_metric((each.queue, status), float(getattr(each, status)))
        oldest.add_metric((each.queue,), each.oldest_pending_seconds or 0.0)
        paused.add_metric((each.queue,), float(each.paused))
    yield jobs
    yield oldest
    yield paused
    yield GaugeMetricFamily("jobstream_workers", "Workers heard of within 30 s.", float(figures.workers))
