"""Query parameters: every one declared, unknown ones refused, filters as values of the domain."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import nan
from typing import Annotated, Any, Final, TypeVar

from litestar.datastructures import MultiDict
from litestar.params import FromQuery, QueryParameter

from jobstream.api.negotiation import waited_for
from jobstream.api.problems import Fault, Rejected
from jobstream.api.streams.start import From
from jobstream.domain.ids import is_ulid
from jobstream.domain.job import JobFilter, Status
from jobstream.errors import InvalidArgument
from jobstream.store.events import EventFilter

T = TypeVar("T")

Many = FromQuery[list[str] | None]
"""A parameter that may be given several times, which means or."""

Label = Annotated[
    list[str] | None, QueryParameter(name="label", description="`name:value`; the first colon splits.")
]
Since = Annotated[
    str | None, QueryParameter(name="since", description="RFC 3339, or milliseconds since 1970; inclusive.")
]
Until = Annotated[
    str | None, QueryParameter(name="until", description="RFC 3339, or milliseconds since 1970; exclusive.")
]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(9999, 1, 1, tzinfo=UTC)
_LATEST_MS: Final = (_LATEST - _EPOCH) // timedelta(milliseconds=1)


def refused(parameter: str, detail: str) -> Rejected:
    """The refusal of one parameter."""
    return Rejected(f"{parameter}: {detail}", Fault(parameter=parameter, detail=detail))


def check_query(query: MultiDict[Any], known: frozenset[str], several: frozenset[str]) -> None:
    """Refuses parameters that the route does not know or wants but once, and text that no database can hold."""
    for name, value in query.multi_items():
        if name not in known:
            raise refused(name, "there is no such parameter here")
        if name not in several and len(query.getall(name)) > 1:
            raise refused(name, "give it once")
        if "\0" in value or not _is_text(value):
            raise refused(name, "contains characters that cannot be stored")


def read_from(text: str | None) -> From | None:
    """One of the two ends of a stream."""
    if text is None or text in From.__members__.values():
        return From(text) if text else None
    raise refused("from", f"one of {', '.join(From)}")


def several(values: Iterable[T] | None) -> tuple[T, ...]:
    """What may be given several times, in one order: the same filter is the same however it was written."""
    return tuple(sorted(set(values or ())))  # type: ignore[type-var]


def read_labels(labels: Sequence[str] | None) -> tuple[tuple[str, str], ...]:
    """`name:value` pairs."""
    pairs = []
    for label in labels or ():
        name, colon, value = label.partition(":")
        if not colon:
            raise refused("label", "give it as name:value")
        pairs.append((name, value))
    return several(pairs)


def read_statuses(statuses: Sequence[str] | None) -> tuple[Status, ...]:
    """Statuses by their names."""
    for status in statuses or ():
        if status not in Status.__members__.values():
            raise refused("status", f"one of {', '.join(Status)}")
    return several(map(Status, statuses or ()))


def read_ids(parameter: str, ids: Sequence[str] | None) -> tuple[str, ...]:
    """Ids in their one form."""
    if not all(map(is_ulid, ids or ())):
        raise refused(parameter, "an id is a ULID in upper case")
    return several(ids)


def read_moment(parameter: str, text: str | None) -> datetime | None:
    """A moment given as RFC 3339 or as milliseconds since 1970."""
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 16:
        return _EPOCH + timedelta(milliseconds=min(int(text), _LATEST_MS))
    try:
        # A plus sign that was not escaped arrives as a space.
        moment = datetime.fromisoformat(text.replace(" ", "+"))
        # Nothing lies beyond either end, and not every conversion can hold what does.
        return max(_EPOCH, min(_LATEST, moment)).astimezone(UTC) if moment.tzinfo else _no_zone(parameter)
    except ValueError as error:
        raise refused(parameter, "give it as RFC 3339 with a zone, or as milliseconds since 1970") from error


def _no_zone(parameter: str) -> datetime:
    raise refused(parameter, "a zone is missing; add Z for UTC")


def read_id(id: str) -> str:
    """An id from a path. Raises InvalidArgument for what is no ULID."""
    if not is_ulid(id):
        raise InvalidArgument("an id is a ULID: 26 characters in upper case")
    return id


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_number(parameter: str, text: str | None, default: int, least: int, most: int) -> int:
    """A whole number, clamped to its bounds."""
    if text is None:
        return default
    sign = text[:1] == "-"
    digits = text[1:] if sign else text
    if not digits.isascii() or not digits.isdigit():
        raise refused(parameter, "give a whole number")
    # Numbers of many digits are clamped like others, without making them first.
    value = most if len(digits) > 9 else int(digits)
    return max(least, min(most, -value if sign else value))


def read_seconds(parameter: str, text: str | None, prefer: str | None, *, most: float) -> float:
    """Seconds to wait, from the parameter or from `Prefer: wait=N`; at most so many."""
    if text is None:
        return min(waited_for(prefer) or 0.0, most)
    try:
        seconds = float(text)
    except ValueError:
        seconds = nan
    if not seconds >= 0:
        raise refused(parameter, "give a number of seconds")
    return min(seconds, most)


def job_filter(query: Mapping[str, Any]) -> JobFilter:
    """What `GET /jobs` was asked for."""
    return JobFilter(
        status=read_statuses(query["status"]),
        kind=several(query["kind"]),
        queue=several(query["queue"]),
        owner=several(query["owner"]),
        pipeline_id=read_ids("pipeline_id", query["pipeline_id"]),
        label=read_labels(query["label"]),
        since=read_moment("since", query["since"]),
        until=read_moment("until", query["until"]),
        q=query["q"],
    )


def event_filter(query: Mapping[str, Any]) -> EventFilter:
    """What a stream of many jobs was asked for."""
    return EventFilter(
        queue=several(query["queue"]),
        kind=several(query["kind"]),
        type=several(query["type"]),
        status=read_statuses(query["status"]),
        job_id=read_ids("job_id", query["job_id"]),
        pipeline_id=read_ids("pipeline_id", query["pipeline_id"]),
        label=read_labels(query["label"]),
        owner=several(query["owner"]),
    )
