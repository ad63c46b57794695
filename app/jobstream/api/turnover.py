"""Counters of what happens to jobs, for Prometheus: since this process was first asked."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, SummaryMetricFamily

from jobstream.domain.cursor import Snapshot
from jobstream.store.pool import Database
from jobstream.store.turnover import SAMPLE, current_snapshot, turnover_since

_COUNTERS: Final = {
    "enqueued": ("jobstream_jobs_enqueued", "Jobs that came into being."),
    "claimed": ("jobstream_claims", "Attempts that began."),
    "done": ("jobstream_jobs_done", "Jobs that were done."),
    "retries": ("jobstream_retries", "Attempts that failed and are to be repeated."),
    "dead": ("jobstream_dead_letters", "Jobs that ended in the dead letter queue."),
    "cancelled": ("jobstream_jobs_cancelled", "Jobs that were cancelled."),
}
_PATIENCE: Final = 600.0
"""Seconds between two questions after which it is not caught up with what was between: that could be very much."""


class TurnoverCounters:
    """Every instance counts everything: of several take one, not the sum."""

    def __init__(self) -> None:
        """Everything stands at 0 until the second question."""
        self._seen: Snapshot | None = None
        self._asked_at = 0.0
        self._totals: defaultdict[tuple[str, str], float] = defaultdict(float)

    async def catch_up(self, db: Database, now: float) -> None:
        """Count what happened since the last time. `now` in seconds of any clock."""
        if self._seen is None or now > self._asked_at + _PATIENCE:
            self._seen = await current_snapshot(db)
        else:
            found, self._seen = await turnover_since(db, self._seen)
            for each in found:
                for name in (*_COUNTERS, "attempts", "seconds"):
                    self._totals[name, each.queue] += getattr(each, name)
        self._asked_at = now

    def metrics(self) -> Iterator[Metric]:
        """As they stand."""
        queues = sorted({queue for _, queue in self._totals})
        for name, (metric, text) in _COUNTERS.items():
            family = CounterMetricFamily(metric, text, labels=("queue",))
            for queue in queues:
                family.add_metric((queue,), self._totals[name, queue])
            yield family
        seconds = SummaryMetricFamily(
            "jobstream_attempt_seconds",
            f"How long attempts took that ended; of more than {SAMPLE} between two scrapes a sample.",
            labels=("queue",),
        )
        for queue in queues:
            attempts = self._totals["attempts", queue]
            seconds.add_metric((queue,), count_value=attempts, sum_value=self._totals["seconds", queue])  # type: ignore[arg-type]
        yield seconds
