"""Lists of jobs: the queries that a filter makes, and the cursors of their pages.

A query is compiled once per shape of filter (which names it sets, and whether to one value or several): values are
parameters. Pages go down by id, so a job that is added meanwhile lies before the first page and disturbs none.
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, TEXT, TIMESTAMP
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.sql.compiler import SQLCompiler

from jobstream.domain.ids import is_ulid, ulid_floor
from jobstream.domain.job import JobFilter
from jobstream.errors import ErrorDetail, InvalidArgument
from jobstream.store.rows import JOB_EXPRESSIONS

EXAMINED_ROWS: Final = 20_000
"""The most rows that one page with `q` looks at."""

_DIGEST: Final = 12
_dialect = PGDialect_asyncpg()  # type: ignore[no-untyped-call]
_TEXTS = ARRAY(TEXT)
_jobs = sa.table(
    "jobs",
    *map(
        sa.column,
        ("id", "status", "kind", "queue", "owner", "pipeline_id", "created_at", "last_error", "progress"),
    ),
    schema="jobstream",
)
_labels = sa.table("job_labels", *map(sa.column, ("name", "value", "job_id")), schema="jobstream")

# Names that an index leads to, those that usually leave least first. For several values of one the index is asked once
# for each: an index on (status, id) gives no order over two statuses, and the primary key may find none in a million.
_DRIVERS: Final = ("pipeline_id", "status", "kind", "owner", "queue")


class Shape(msgspec.Struct, frozen=True):
    """What of a filter decides about the query's text: for each name how many values, up to two."""

    status: int
    kind: int
    queue: int
    owner: int
    pipeline_id: int
    label: int
    since: bool
    until: bool
    q: bool
    only_owner: bool
    before: bool


def list_query(
    filter: JobFilter, owner: str | None, before: str | None, limit: int
) -> tuple[str, Sequence[Any]]:
    """The page of jobs below the id `before`, and one more; with epoch, snapshot and, for `q`, the last id examined."""
    text, names = _compiled_list(_shape(filter, owner, before))
    return text, _arguments(names, filter, owner, before, limit)


def count_query(filter: JobFilter, owner: str | None) -> tuple[str, Sequence[Any]]:
    """Counts by status and the jobs that run, of a filter."""
    text, names = _compiled_count(_shape(filter, owner, None))
    return text, _arguments(names, filter, owner, None, 0)


def next_cursor(last: str, filter: JobFilter, owner: str | None) -> str:
    """The cursor of the page that follows that id."""
    return urlsafe_b64encode(last.encode() + _digest(filter, owner)).decode().rstrip("=")


def read_cursor(cursor: str, filter: JobFilter, owner: str | None) -> str:
    """The id that a cursor stands for. Raises InvalidArgument if it is none, or another filter's."""
    try:
        data = (
            urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
            if len(cursor) <= 64
            else b""
        )
        last = data[:-_DIGEST].decode("ascii")
    except ValueError:
        data, last = b"", ""
    if not is_ulid(last) or data[-_DIGEST:] != _digest(filter, owner):
        raise InvalidArgument("no cursor of this list", detail=ErrorDetail(field="cursor"))
    return last


def _digest(filter: JobFilter, owner: str | None) -> bytes:
    return hashlib.sha256(msgspec.json.encode((filter, owner))).digest()[:_DIGEST]


def _shape(filter: JobFilter, owner: str | None, before: str | None) -> Shape:
    counts = {name: min(len(getattr(filter, name)), 2) for name in (*_DRIVERS, "label")}
    return Shape(
        **counts,
        since=filter.since is not None,
        until=filter.until is not None,
        q=filter.q is not None,
        only_owner=owner is not None,
        before=before is not None,
    )


def _arguments(
    names: Sequence[str], filter: JobFilter, owner: str | None, before: str | None, limit: int
) -> list[Any]:
    for field in ("since", "until"):
        moment = getattr(filter, field)
        if moment is not None and moment.tzinfo is None:
            raise InvalidArgument(f"{field} needs a time zone", detail=ErrorDetail(field=field))
    values: dict[str, Any] = {name: list(getattr(filter, name)) for name in _DRIVERS}
    values |= {f"one_{name}": found[0] for name, found in values.items() if found}
    values |= {
        "label_names": [name for name, _ in filter.label],
        "label_values": [value for _, value in filter.label],
        "since": filter.since,
        "since_id": ulid_floor(filter.since) if filter.since else None,
        "until": filter.until,
        "until_id": ulid_floor(filter.until + timedelta(milliseconds=1)) if filter.until else None,
        "q": _pattern(filter.q or ""),
        "only_owner": owner,
        "before": before,
        "many": limit + 1,
    }
    return [values[name] for name in names]


def _pattern(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


@lru_cache(maxsize=512)
def _compiled_list(shape: Shape) -> tuple[str, tuple[str, ...]]:
    many = sa.bindparam("many", type_=sa.Integer)
    page, ending = _searched(shape, many) if shape.q else (_ids(shape, many, "id").cte("page"), sa.null())
    seen = (
        sa.select(
            sa.func.jobstream.stream_epoch().label("epoch"),
            sa.cast(sa.func.pg_current_snapshot(), TEXT).label("snapshot"),
        )
        .cte("seen")
        .prefix_with("materialized", dialect="postgresql")
    )
    j = _jobs.alias("j")
    return _compiled(
        sa.select(
            seen.c.epoch,
            seen.c.snapshot,
            ending.label("examined"),
            *(sa.literal_column(expression).label(name) for name, expression in JOB_EXPRESSIONS.items()),
        )
        .select_from(seen.outerjoin(page.join(j, j.c.id == page.c.id), sa.true()))
        .order_by(j.c.id.desc())
    )


@lru_cache(maxsize=512)
def _compiled_count(shape: Shape) -> tuple[str, tuple[str, ...]]:
    j = _jobs.alias("j")
    counted = (
        sa.select(j.c.status, sa.func.count().label("jobs"))
        .where(*_conditions(shape, j))
        .group_by(j.c.status)
    )
    counts = counted.subquery("counts")
    running = (
        sa.select(j.c.id, j.c.kind, j.c.progress)
        .where(*_conditions(shape, j), j.c.status == sa.literal_column("'running'"))
        .order_by(j.c.id)
        .limit(sa.literal_column("10"))
    ).subquery("current")
    return _compiled(
        sa.select(
            sa.select(
                sa.func.coalesce(
                    sa.func.json_object_agg(counts.c.status, counts.c.jobs), sa.literal_column("'{}'")
                )
            )
            .scalar_subquery()
            .cast(TEXT)
            .label("counts"),
            sa.select(
                sa.func.coalesce(
                    sa.func.json_agg(sa.literal_column("to_jsonb(current)")), sa.literal_column("'[]'")
                )
            )
            .select_from(running)
            .scalar_subquery()
            .cast(TEXT)
            .label("current"),
        )
    )


def _searched(shape: Shape, many: sa.BindParameter[int]) -> tuple[sa.CTE, sa.ColumnElement[Any]]:
    """The ids whose text matches, and the last id that was examined where those are too few for a page.

    The rows are looked at one by one until the page is full, thus the second answer is only sought when it is not.
    """
    examined = _ids(shape, sa.literal_column(str(EXAMINED_ROWS)), "id", "kind", "last_error").cte("examined")
    pattern = sa.bindparam("q", type_=TEXT)
    page = (
        sa.select(examined.c.id)
        .where(examined.c.kind.ilike(pattern) | examined.c.last_error.ilike(pattern))
        .order_by(examined.c.id.desc())
        .limit(many)
    ).cte("page")
    full = sa.select(sa.func.count()).select_from(page).scalar_subquery() >= many
    last = (
        sa.select(examined.c.id)
        .order_by(examined.c.id.desc())
        .offset(sa.literal_column(str(EXAMINED_ROWS - 1)))
        .limit(sa.literal_column("1"))
    ).scalar_subquery()
    return page, sa.case((full, sa.null()), else_=last)


def _ids(shape: Shape, limit: sa.ColumnElement[int], *names: str) -> sa.SelectBase:
    """The newest jobs of a filter."""
    j = _jobs.alias("f")
    columns = [j.c[name] for name in names]
    driver = next((name for name in _DRIVERS if getattr(shape, name) > 1), None)
    if shape.label or driver is None:
        return sa.select(*columns).where(*_conditions(shape, j)).order_by(j.c.id.desc()).limit(limit)
    values = (
        sa.func.unnest(sa.bindparam(driver, type_=_TEXTS)).table_valued("value").render_derived(name="asked")
    )
    each = (
        sa.select(*columns)
        .where(j.c[driver] == values.c.value, *_conditions(shape, j, without=driver))
        .order_by(j.c.id.desc())
        .limit(limit)
    ).lateral("each")
    merged = sa.select(*(each.c[name] for name in names)).select_from(values.join(each, sa.true())).distinct()
    return merged.order_by(each.c.id.desc()).limit(limit)


def _conditions(
    shape: Shape, j: sa.FromClause, *, without: str | None = None
) -> list[sa.ColumnElement[bool]]:
    found = [
        _equal(j, name, getattr(shape, name)) for name in _DRIVERS if getattr(shape, name) and name != without
    ]
    if shape.label:
        found.append(j.c.id.in_(_labelled()))
    if shape.since:
        found.append(j.c.created_at >= _moment("since"))
        found.append(j.c.id >= _text("since_id"))
    if shape.until:
        found.append(j.c.created_at < _moment("until"))
        found.append(j.c.id < _text("until_id"))
    if shape.only_owner:
        found.append(j.c.owner == _text("only_owner"))
    if shape.before:
        found.append(j.c.id < _text("before"))
    return found


def _equal(j: sa.FromClause, name: str, values: int) -> sa.ColumnElement[bool]:
    if values == 1:
        return j.c[name] == _text(f"one_{name}")
    return j.c[name] == sa.any_(sa.bindparam(name, type_=_TEXTS))


def _labelled() -> sa.SelectBase:
    pairs = (
        sa.func.unnest(sa.bindparam("label_names", type_=_TEXTS), sa.bindparam("label_values", type_=_TEXTS))
        .table_valued("name", "value")
        .render_derived(name="pairs")
    )
    return sa.select(_labels.c.job_id).where(_labels.c.name == pairs.c.name, _labels.c.value == pairs.c.value)


def _text(name: str) -> sa.BindParameter[str]:
    return sa.bindparam(name, type_=TEXT)


def _moment(name: str) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=TIMESTAMP(timezone=True))


def _compiled(statement: sa.SelectBase) -> tuple[str, tuple[str, ...]]:
    compiled = statement.compile(dialect=_dialect)
    assert isinstance(compiled, SQLCompiler)
    return compiled.string, tuple(compiled.positiontup or ())
