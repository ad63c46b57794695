"""The statements of design §8: what is visible now, or in a later snapshot, and was not in an earlier one.

Two ways to the same rows. *Arms* seek by transaction: those that ran when the earlier snapshot was taken, and those from
its xmax on. That is all there is to a live step, but of a great backlog it finds the oldest transactions, not the
lowest ids, and within a batch the order is by id: a transaction can be older than the row lock that it waited for. So
an arm that comes to its limit is no answer, and the *walk* goes by id instead, from a lower bound.
"""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from jobstream.domain.cursor import Snapshot
from jobstream.store.event_rows import EVENT_COLUMNS
from jobstream.store.snapshots import IS_FLUSHED

WALK_WINDOW: Final = 20_000
"""Ids that a walk looks at before the arms are asked whether there is anything more."""


class EventFilter(Struct, frozen=True, kw_only=True):
    """Which events of a stream are meant: several values of one name mean or, different names and."""

    queue: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    job_id: tuple[str, ...] = ()
    pipeline_id: tuple[str, ...] = ()
    label: tuple[tuple[str, str], ...] = ()
    owner: tuple[str, ...] = ()


EVERY_EVENT: Final = EventFilter()

_NAMES: Final = ("queue", "kind", "type", "status", "job_id", "pipeline_id", "owner")

# $1 running xids, $2 xmax, $3 after this id, $4 rows and one more, $5 bytes, $6 snapshot to reach or null for now.
_FIRST: Final = 7
_VISIBLE: Final = "($6::text is null or pg_visible_in_snapshot(e.xid, $6::text::pg_snapshot))"

_ARM: Final = f"""
        (
            select {EVENT_COLUMNS}
            from jobstream.job_events as e
            where {{which}} and e.id > $3::bigint and {_VISIBLE}
            order by e.xid, e.id
            limit $4::integer
        )"""
# The order and the limit keep the planner on the index (xid, id) even when it guesses blindly.
_ARMS: Final = f"""{_ARM.format(which="e.xid = any ($1::text[]::xid8[])")}
        union all{_ARM.format(which="e.xid >= $2::text::xid8")}"""
_WALK: Final = f"""
            select {EVENT_COLUMNS}
            from jobstream.job_events as e
            where (e.xid >= $2::text::xid8 or e.xid = any ($1::text[]::xid8[]))
                and e.id > $3::bigint
                and e.id <= ${{last}}::bigint
                and {_VISIBLE}"""
_LAST: Final = _FIRST + len(_NAMES) + 2
"""After the filter."""


def wanted(first: int) -> str:
    """Whether a row `r` is what the filter asks for, whose arguments begin at that number."""
    label = first + len(_NAMES)
    names = (
        f"(${number}::text[] is null or r.{name} = any (${number}::text[]))"
        for number, name in enumerate(_NAMES, first)
    )
    labelled = f"""(${label}::text[] is null or exists (
            select from unnest(${label}::text[], ${label + 1}::text[]) as l (name, value)
            where r.labels::jsonb ->> l.name = l.value
        ))"""
    return " and ".join((*names, labelled))


NOW: Final = f"""
select
    jobstream.stream_epoch() as epoch,
    pg_current_snapshot()::text as snapshot,
    h.max_xid::text as max_xid,
    h.max_id,
    {IS_FLUSHED} as flushed
from jobstream.event_horizon as h
"""
"""Where the stream stands in this statement's snapshot."""

_PAGE: Final = f"""
with seen as materialized (
    {NOW}
),
rows as materialized (
    select r.*, {wanted(_FIRST)} as wanted
    from ({{source}}
    ) as r
    order by r.id
    limit {{most}}
),
sized as materialized (
    select
        r.*,
        row_number() over up_to_here as place,
        coalesce(sum(octet_length(r.data)) filter (where r.wanted) over before_it, 0) < $5::bigint as fits
    from rows as r
    window
        up_to_here as (order by r.id),
        before_it as (order by r.id rows between unbounded preceding and 1 preceding)
),
page as materialized (
    select
        count(*) as found,
        max(s.id) filter (where s.fits and s.place < $4::integer) as last,
        coalesce(bool_or(not (s.fits and s.place < $4::integer)), false) as more
    from sized as s
)
select seen.*, page.found, page.last, page.more, s.*
from seen
cross join page
left join sized as s on s.fits and s.place < $4::integer and s.wanted
order by s.id
"""

STEP_BY_ARMS: Final = _PAGE.format(source=_ARMS, most="2 * $4::integer")
"""Rows by transaction. An arm that came to its limit is told by `found` over the limit: then walk."""

STEP_BY_WALK: Final = _PAGE.format(source=_WALK.format(last=_LAST), most="$4::integer")
"""Rows by id, up to a last one."""

LOWEST_ID: Final = """
select least(
    (
        select min(e.id)
        from (
            select e.id from jobstream.job_events as e where e.xid = any ($1::text[]::xid8[]) offset 0
        ) as e
    ),
    (select min(e.id) from (select e.id from jobstream.job_events as e where e.xid >= $2::text::xid8 offset 0) as e)
)
"""
"""The lower bound of a walk."""


def snapshot_arguments(seen: Snapshot) -> list[Any]:
    """$1 and $2 of all these statements."""
    return [[str(xid) for xid in seen.running], str(seen.xmax)]


def filter_arguments(filter: EventFilter) -> list[Sequence[str] | None]:
    """The arguments of a filter, as `wanted` counts them."""
    names: list[Sequence[str] | None] = [list(getattr(filter, name)) or None for name in _NAMES]
    pairs = [[name for name, _ in filter.label], [value for _, value in filter.label]]
    return [*names, *((values or None) for values in pairs)]
