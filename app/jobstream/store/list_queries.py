"""The queries of lists, built once per shape of filter: values are parameters, but for statuses, which partial indexes
want to see.

One name of the filter *drives*: its index gives ids in the list's order (`job_labels` holds labels, and kind, queue and
owner beside them), and each is looked up and held against the rest. With several names the one with the fewest jobs
drives, as a probe says beforehand. A page looks at a bounded number of ids, so it may be short.
"""

from functools import lru_cache
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, TEXT, TIMESTAMP
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.sql.compiler import SQLCompiler

from jobstream.domain.job import Status
from jobstream.store.rows import JOB_EXPRESSIONS
from jobstream.store.snapshots import IS_FLUSHED

EXAMINED_ROWS: Final = 6_000
"""The most rows that a page looks at as it goes through all jobs (measured at a million: 10 to 30 ms)."""

LOOKED_UP_ROWS: Final = 2_000
"""The most ids that a page looks up where another name's index gives them (10 to 40 ms)."""

MOST_ARMS: Final = 8
"""Values of one name up to which the index is asked for each; it gives no order over several."""

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
_ID: Final = sa.literal_column("id", TEXT)
_labels = sa.table("job_labels", *map(sa.column, ("name", "value", "job_id")), schema="jobstream")

_INDEXED_ALONE: Final = ("pending", "running")
_INDEXED_TOGETHER: Final = ("waiting", "failed", "dlq", "cancelled")

_TAGS: Final = {"owner": ":owner", "kind": ":kind", "queue": ":queue"}
NAMES: Final = ("kind", "queue", "owner", "pipeline_id")


class Shape(msgspec.Struct, frozen=True):
    """What of a filter decides about the query's text: which statuses, how many values of the others, what drives."""

    statuses: tuple[str, ...]
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
    driver: str | None = None
    few_pending: bool = False
    counting: bool = False

    def drivers(self) -> list[str]:
        """The names that may drive."""
        found = [name for name in ("pipeline_id", "label", *_TAGS) if 0 < getattr(self, name) <= MOST_ARMS]
        return found + (["status"] if self.statuses and Status.DONE not in self.statuses else [])

    def probes(self) -> list[str]:
        """What is worth to be counted beforehand: who drives, and whether few are pending."""
        drivers = self.drivers()
        found = drivers if (len(drivers) > 1 or self.counting) and not self.pipeline_id else []
        return found + (["pending"] if Status.PENDING in self.statuses else [])

    @property
    def most(self) -> int:
        """The most rows that a page looks at."""
        return EXAMINED_ROWS if self.driver is None else LOOKED_UP_ROWS

    @property
    def is_bounded(self) -> bool:
        """Whether rows may be looked at in vain, so that their number must be bounded."""
        names = sum(getattr(self, name) > 0 for name in (*NAMES, "label"))
        return self.q or self.driver is not None or names + bool(self.statuses) + self.only_owner > 1


@lru_cache(maxsize=1_024)
def page_query(shape: Shape) -> tuple[str, tuple[str, ...]]:
    """A page: one job more than asked; epoch, snapshot, and the last id examined if it is short."""
    many = sa.bindparam("many", type_=sa.Integer)
    page = _matching(shape).limit(many).cte("page")
    full = sa.select(sa.func.count()).select_from(page).scalar_subquery() >= many
    last = _source(shape).offset(_number(shape.most - 1)).limit(_number(1)).scalar_subquery()
    # A CASE asks for the last id examined only where the page is not full.
    examined = sa.case((full, sa.null()), else_=last) if shape.is_bounded else sa.null()
    seen = (
        sa.select(
            sa.func.jobstream.stream_epoch().label("epoch"),
            sa.cast(sa.func.pg_current_snapshot(), TEXT).label("snapshot"),
            sa.literal_column(IS_FLUSHED).label("flushed"),
        )
        .cte("seen")
        .prefix_with("materialized", dialect="postgresql")
    )
    j = _jobs.alias("j")
    return _compiled(
        sa.select(
            seen.c.epoch,
            seen.c.snapshot,
            seen.c.flushed,
            examined.label("examined"),
            *(sa.literal_column(expression).label(name) for name, expression in JOB_EXPRESSIONS.items()),
        )
        .select_from(seen.outerjoin(page.join(j, j.c.id == page.c.id), sa.true()))
        .order_by(j.c.id.desc())
    )


@lru_cache(maxsize=256)
def probe_query(shape: Shape) -> tuple[str, tuple[str, ...]]:
    """How many, up to a bound, there are of what `Shape.probes` names."""

    def count(name: str) -> sa.ColumnElement[Any]:
        if name == "pending":
            wanted = msgspec.structs.replace(shape, driver="status", statuses=("pending",))
        else:
            wanted = msgspec.structs.replace(shape, driver=name)
        some = _source(wanted, ordered=False).limit(_number(LOOKED_UP_ROWS)).subquery()
        return sa.select(sa.func.count()).select_from(some).scalar_subquery().label(name)

    return _compiled(sa.select(*map(count, shape.probes())))


@lru_cache(maxsize=256)
def counts_query(shape: Shape, *, live: bool = False) -> tuple[str, tuple[str, ...]]:
    """Counts by status, and the jobs that run; of `live` ones, but for done, an index knows each."""
    j = _jobs.alias("j")
    conditions = [*_conditions(shape, j), *_tagged_few(shape, j)]
    number = sa.func.count().label("jobs")
    counted = sa.select(j.c.status, number).where(*conditions).group_by(j.c.status)
    # Their indexes do not hold the status that they are about, and to fetch it took ten times as long (measured).
    lone = [
        sa.select(_word(status).label("status"), number).where(*conditions, j.c.status == _word(status))
        for status in _INDEXED_ALONE
    ]
    together = counted.where(j.c.status.in_(map(_word, _INDEXED_TOGETHER)))
    counts = (sa.union_all(*lone, together) if live else counted).subquery("counts")
    running = (
        sa.select(j.c.id, j.c.kind, j.c.progress)
        .where(*conditions, j.c.status == _word(Status.RUNNING))
        .order_by(j.c.id)
        .limit(_number(10))
    ).subquery("current")
    return _compiled(
        sa.select(
            sa.select(sa.func.coalesce(sa.func.json_object_agg(counts.c.status, counts.c.jobs), _word("{}")))
            .scalar_subquery()
            .cast(TEXT)
            .label("counts"),
            sa.select(sa.func.coalesce(sa.func.json_agg(sa.literal_column("to_jsonb(current)")), _word("[]")))
            .select_from(running)
            .scalar_subquery()
            .cast(TEXT)
            .label("current"),
        )
    )


def _tagged_few(shape: Shape, j: sa.FromClause) -> list[sa.ColumnElement[bool]]:
    """Says the driver's condition once more by `job_labels`, which has an index for it where `jobs` has none.

    That pays for few jobs only: for many it is quicker to go through all.
    """
    if shape.driver not in _TAGS:
        return []
    values = sa.any_(sa.bindparam(shape.driver, type_=_TEXTS))
    borne = sa.select(_labels.c.job_id).where(
        _labels.c.name == _word(_TAGS[shape.driver]), _labels.c.value == values
    )
    return [j.c.id.in_(borne)]


def _matching(shape: Shape) -> sa.Select[Any]:
    """The ids of the filter's jobs, the newest first."""
    f = _jobs.alias("f")
    if not shape.is_bounded:
        return sa.select(f.c.id).where(*_conditions(shape, f), *_range(shape, f.c.id)).order_by(f.c.id.desc())
    source = _source(shape).limit(_number(shape.most)).subquery("source")
    # Looked up one by one, in the source's order, until the page is full: a join might read all of either first.
    looked_up = (
        sa.select(sa.literal_column("1"))
        .select_from(f)
        .where(f.c.id == source.c.id, *_conditions(shape, f))
        .offset(_number(0))
        .lateral("looked_up")
    )
    found = sa.select(source.c.id).select_from(source.join(looked_up, sa.true()))
    if shape.driver == "label" and shape.label > 1:
        found = found.distinct()
    return found.order_by(source.c.id.desc())


def _source(shape: Shape, *, ordered: bool = True) -> Any:
    """The ids that the driver gives, the newest first."""
    arms = [arm.order_by(_ID.desc()) if ordered else arm for arm in _arms(shape)]
    if len(arms) == 1:
        return arms[0]
    limited = [arm.limit(_number(shape.most)).subquery() for arm in arms]
    merged = sa.union_all(*(sa.select(arm.c.id) for arm in limited))
    return merged.order_by(_ID.desc()) if ordered else merged


def _arms(shape: Shape) -> list[sa.Select[Any]]:
    """The driver's ids, a query for each of its values."""
    places = (
        range(getattr(shape, shape.driver)) if shape.driver in (*_TAGS, "label", "pipeline_id") else range(0)
    )
    match shape.driver:
        case None:
            return [_jobs_where(shape)]
        case "status":
            return [_jobs_of(shape, status) for status in shape.statuses]
        case "pipeline_id":
            return [
                _jobs_where(shape, _jobs.c.pipeline_id == _text(f"pipeline_id_{place}")) for place in places
            ]
        case "label":
            return [_tagged(shape, _text(f"label_name_{place}"), _text(f"label_{place}")) for place in places]
        case name:
            return [_tagged(shape, _word(_TAGS[name]), _text(f"{name}_{place}")) for place in places]


def _jobs_of(shape: Shape, status: str) -> sa.Select[Any]:
    """The ids of a status. Its partial index gives an order to those that are apart from a job's usual way.

    The others are asked for in the order of ids, which finds many soon but goes through all jobs for a few; so where
    they are few they are fetched first, and then sorted.
    """
    ids = _jobs_where(shape, _jobs.c.status == _word(status))
    if status == Status.RUNNING or (status == Status.PENDING and shape.few_pending):
        return sa.select(ids.offset(_number(0)).subquery("few").c.id)
    return ids


def _jobs_where(shape: Shape, *conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(_jobs.c.id.label("id")).where(*conditions, *_range(shape, _jobs.c.id))


def _tagged(shape: Shape, name: sa.ColumnElement[str], value: sa.ColumnElement[str]) -> sa.Select[Any]:
    id = _labels.c.job_id
    return sa.select(id.label("id")).where(
        _labels.c.name == name, _labels.c.value == value, *_range(shape, id)
    )


def _range(shape: Shape, id: sa.ColumnElement[str]) -> list[sa.ColumnElement[bool]]:
    found = []
    if shape.since:
        found.append(id >= _text("since_id"))
    if shape.until:
        found.append(id < _text("until_id"))
    if shape.before:
        found.append(id < _text("before"))
    return found


def _conditions(shape: Shape, j: sa.FromClause) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = [
        j.c[name] == (_text(f"{name}_0") if count == 1 else sa.any_(sa.bindparam(name, type_=_TEXTS)))
        for name in NAMES
        if (count := getattr(shape, name))
    ]
    if shape.statuses:
        found.append(j.c.status.in_([_word(status) for status in shape.statuses]))
    if shape.label:
        found.append(_labelled(j))
    if shape.since:
        found.append(j.c.created_at >= _moment("since"))
    if shape.until:
        found.append(j.c.created_at < _moment("until"))
    if shape.only_owner:
        found.append(j.c.owner == _text("only_owner"))
    if shape.q:
        pattern = _text("q")
        found.append(j.c.kind.ilike(pattern) | j.c.last_error.ilike(pattern))
    return found


def _labelled(j: sa.FromClause) -> sa.ColumnElement[bool]:
    pairs = (
        sa.func.unnest(sa.bindparam("label_names", type_=_TEXTS), sa.bindparam("label_values", type_=_TEXTS))
        .table_valued("name", "value")
        .render_derived(name="pairs")
    )
    borne = sa.select(_labels.c.job_id).where(
        _labels.c.name == pairs.c.name,
        _labels.c.value == pairs.c.value,
        _labels.c.job_id == j.c.id,
    )
    return borne.correlate(j).exists()


def _text(name: str) -> sa.BindParameter[str]:
    return sa.bindparam(name, type_=TEXT)


def _moment(name: str) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=TIMESTAMP(timezone=True))


def _number(value: int) -> sa.ColumnElement[int]:
    return sa.literal_column(str(value))


def _word(value: str) -> sa.ColumnElement[str]:
    """One of our own words, never a caller's, as it stands in the query."""
    return sa.literal_column(f"'{value}'")


def _compiled(statement: sa.SelectBase) -> tuple[str, tuple[str, ...]]:
    compiled = statement.compile(dialect=_dialect)
    assert isinstance(compiled, SQLCompiler)
    return compiled.string, tuple(compiled.positiontup or ())
