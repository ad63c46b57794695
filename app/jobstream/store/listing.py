"""Lists of jobs: what a filter asks, as a query and its values.

Pages go down by id, so a job that is added meanwhile lies before the first page and disturbs none.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec

from jobstream.domain.ids import ulid_floor
from jobstream.domain.job import JobFilter, Status
from jobstream.errors import ErrorDetail, InvalidArgument
from jobstream.store.list_queries import (
    LOOKED_UP_ROWS,
    MOST_ARMS,
    NAMES,
    Shape,
    counts_query,
    page_query,
    probe_query,
)

_SLACK: Final = timedelta(minutes=1)
"""How far an id's time and `created_at` may be apart: plain SQL makes them by two readings of the clock."""


class Listing:
    """One list: a filter, whose jobs, and the id below which the page begins."""

    def __init__(self, filter: JobFilter, owner: str | None, before: str | None, limit: int) -> None:
        """Raises InvalidArgument for times without a zone."""
        for field in ("since", "until"):
            moment = getattr(filter, field)
            if moment is not None and moment.tzinfo is None:
                raise InvalidArgument(f"{field} needs a time zone", detail=ErrorDetail(field=field))
        if owner is not None and not filter.owner and owner != "":
            # Of one's own jobs the owner's index knows as well; nobody's ('') are not in it.
            filter = msgspec.structs.replace(filter, owner=(owner,))
        self._shape = _shape(filter, owner, before)
        self._values = _values(filter, owner, before, limit)

    def probe(self) -> tuple[str, list[Any]] | None:
        """The query that counts, up to a bound, what is to be known beforehand; None where there is no choice."""
        return self._bound(probe_query(self._shape)) if self._shape.probes() else None

    def page(self, counts: Mapping[str, int]) -> tuple[str, list[Any]]:
        """The query of the page: one job more than asked; epoch, snapshot, and the last id examined if it is short.

        `counts` is what the probe found.
        """
        drivers = self._shape.drivers()
        shape = msgspec.structs.replace(
            self._shape,
            driver=min(drivers, key=lambda name: counts.get(name, 0)) if drivers else None,
            few_pending=counts.get("pending", LOOKED_UP_ROWS) < LOOKED_UP_ROWS,
        )
        return self._bound(page_query(shape))

    def count_probe(self) -> tuple[str, list[Any]] | None:
        """As `probe`, for `counts`."""
        shape = msgspec.structs.replace(self._shape, counting=True)
        return self._bound(probe_query(shape)) if shape.probes() else None

    def counts(self, counts: Mapping[str, int]) -> tuple[str, list[Any], bool]:
        """The query for counts by status, and for the jobs that run; whether it is about few jobs.

        `counts` is what the probe found.
        """
        few = [name for name in self._shape.drivers() if counts.get(name, LOOKED_UP_ROWS) < LOOKED_UP_ROWS]
        driver = min(few, key=lambda name: counts[name], default=None)
        is_cheap = driver is not None or self._shape.pipeline_id > 0
        return *self._bound(counts_query(msgspec.structs.replace(self._shape, driver=driver))), is_cheap

    def live_counts(self) -> tuple[str, list[Any]]:
        """As `counts`, without the jobs that are done."""
        return self._bound(counts_query(self._shape, live=True))

    def _bound(self, compiled: tuple[str, tuple[str, ...]]) -> tuple[str, list[Any]]:
        text, names = compiled
        return text, [self._values[name] for name in names]


def _shape(filter: JobFilter, owner: str | None, before: str | None) -> Shape:
    counts = {name: len(set(getattr(filter, name))) for name in (*NAMES, "label")}
    return Shape(
        statuses=tuple(status.value for status in Status if status in filter.status),
        # Beyond the arms' number any number is the same query.
        kind=min(counts["kind"], MOST_ARMS + 1),
        queue=min(counts["queue"], MOST_ARMS + 1),
        owner=min(counts["owner"], MOST_ARMS + 1),
        pipeline_id=min(counts["pipeline_id"], MOST_ARMS + 1),
        label=min(counts["label"], MOST_ARMS + 1),
        since=filter.since is not None,
        until=filter.until is not None,
        q=filter.q is not None,
        only_owner=owner is not None,
        before=before is not None,
    )


def _values(filter: JobFilter, owner: str | None, before: str | None, limit: int) -> dict[str, Any]:
    values: dict[str, Any] = {
        "since": filter.since,
        "since_id": ulid_floor(filter.since - _SLACK) if filter.since else None,
        "until": filter.until,
        "until_id": ulid_floor(filter.until + _SLACK) if filter.until else None,
        "q": _pattern(filter.q or ""),
        "only_owner": owner,
        "before": before,
        "many": limit + 1,
    }
    for name in NAMES:
        found = list(dict.fromkeys(getattr(filter, name)))
        values[name] = found
        values |= {f"{name}_{place}": value for place, value in enumerate(found)}
    labels = list(dict.fromkeys(filter.label))
    values |= {"label_names": [name for name, _ in labels], "label_values": [value for _, value in labels]}
    for place, (name, value) in enumerate(labels):
        values |= {f"label_name_{place}": name, f"label_{place}": value}
    return values


def _pattern(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
