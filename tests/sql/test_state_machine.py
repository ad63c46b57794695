"""Random lives of jobs on real PostgreSQL, held against the table of transitions.

Two sessions call verbs in any order, one of them now and then in a transaction that stays open over several steps; the
clock stands still and is moved by hand. A third session looks on: what it sees after each step must follow from the
table, from what the step may do, and from the model's own account of attempts and their ends.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg.rows import TupleRow, namedtuple_row

from jobstream.domain.job import Status
from jobstream.domain.transitions import FIRST, may_become
from tests.support.databases import Databases

W, P, R, F, D, Q, C = (
    Status.WAITING, Status.PENDING, Status.RUNNING, Status.FAILED, Status.DONE, Status.DLQ, Status.CANCELLED,
)  # fmt: skip
TERMINAL = {D, Q, C}

FIXED_CLOCK = """
create schema jobstream_test;
create table jobstream_test.clock (moment timestamptz not null);
insert into jobstream_test.clock values (now());
create or replace function jobstream.clock() returns timestamptz language sql volatile
as $$ select moment from jobstream_test.clock $$;
"""

Change = tuple[Status, Status]
HELD: set[Change] = {(W, P), (F, P), (W, C), (P, W)}
"""What may happen to held jobs beside any verb: let through, cancelled with an upstream, displaced from a key."""
BY_MAINTENANCE: set[Change] = HELD | {(W, Q), (P, Q), (F, Q), (R, P), (R, F), (R, Q), (R, C)}
BY: dict[str, set[Change]] = {
    "enqueue": set(),
    "claim": HELD | {(P, R)},
    "complete": HELD | {(R, D)},
    "fail": HELD | {(R, F), (R, Q), (R, C)},
    "release": HELD | {(R, P), (R, W), (R, C)},
    "heartbeat": set(),
    "progress": set(),
    "cancel": HELD | {(W, C), (P, C), (F, C)},
    "retry": HELD | {(D, P), (D, W), (Q, P), (Q, W), (C, P), (C, W), (F, P)},
    "reschedule": HELD | {(P, W), (W, P), (F, P)},
    "maintain": BY_MAINTENANCE,
    "pause": set(),
    "update": HELD | {(a, b) for a in Status for b in Status if may_become(a, b) and b is not R},
    "nothing": set(),
}
LEASE = 30


@dataclass
class Known:
    """What the model knows of one job."""

    status: Status
    attempt: int = 0
    ended: tuple[int, str | None] | None = None
    """The attempt that ended last and the verb that ended it; None where it came out of the open transaction."""
    told: list[tuple[Any, ...]] = field(default_factory=list)


class Lives(RuleBasedStateMachine):
    """The machine; `url` is set by the test."""

    url: str
    serial = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).serial += 1
        self.queue = f"q{self.serial}"
        self.one, self.two, self.watcher = (self._connect() for _ in range(3))
        self.known: dict[str, Known] = {}
        self.leases: dict[tuple[str, int], str] = {}
        self.uncommitted: list[tuple[str, int]] = []
        self.is_open = False
        self.did: set[str] = set()
        self.open_did: set[str] = set()
        self.closed = False

    def _connect(self) -> psycopg.Connection[TupleRow]:
        connection = psycopg.connect(self.url, autocommit=True)
        connection.execute("set lock_timeout = '20ms'")
        connection.execute("set statement_timeout = '5s'")
        return connection

    def teardown(self) -> None:
        """Leave nothing that later lives could meet."""
        if self.is_open:
            self.two.execute("rollback")
        self.one.execute("select jobstream.resume_queue(%s)", [self.queue])
        self.one.execute(
            "update jobstream.jobs set status = 'cancelled' where status not in ('done', 'dlq', 'cancelled')"
        )
        self.one.execute("delete from jobstream.jobs")
        for connection in (self.one, self.two, self.watcher):
            connection.close()

    # -- helpers

    @contextmanager
    def session(self, second: bool, verb: str) -> Iterator[psycopg.Connection[TupleRow]]:
        """Lend a session for one verb; what waits for the open transaction gives up and has done nothing."""
        connection = self.two if second else self.one
        mark = second and self.is_open
        try:
            with connection.transaction():
                yield connection
        except psycopg.errors.LockNotAvailable:
            assert self.is_open, f"{verb} waited, and for nobody"
            return
        (self.did if not mark else self.open_did).add(verb)

    def job(self, pick: int, *wanted: Status) -> str:
        """Choose a job; of those in a wanted status, if there are any, for all but every fifth pick."""
        ids = sorted(self.known)
        fitting = [one for one in ids if self.known[one].status in wanted] if pick % 5 else []
        return (fitting or ids)[pick % len(fitting or ids)]

    def attempt(self, job_id: str, offset: int) -> int:
        """Choose an attempt, most often the one that runs."""
        return max(self.known[job_id].attempt + offset, 0)

    def fence(self, job_id: str, attempt: int, verb: str) -> str:
        """Say what the fence must answer: through, again, lost; or unknown."""
        known = self.known[job_id]
        if known.status is R and known.attempt == attempt:
            return "through"
        if known.ended == (attempt, None):
            return "unknown"
        return "again" if known.ended == (attempt, verb) else "lost"

    def call(
        self, second: bool, verb: str, job_id: str, attempt: int, statement: str, values: list[Any]
    ) -> str | None:
        """Call a fenced verb; where no transaction is open the answer must be what the model says."""
        expected = self.fence(job_id, attempt, verb)
        status: str | None = None
        try:
            with self.session(second, verb) as connection:
                row = connection.execute(statement.encode(), values).fetchone()
                assert row is not None
                status = row[0]
        except psycopg.Error as error:
            assert error.sqlstate == "JS410", error
            assert self.is_open or expected in {"lost", "unknown"}, f"{verb} was refused: {error}"
            return None
        if self.is_open:
            return status
        assert expected != "lost", f"{verb} of attempt {attempt} was let through: {self.known[job_id]}"
        if expected == "through" and verb != "progress":
            self.known[job_id].ended = (attempt, verb)
        return status

    # -- rules

    @rule(
        second=st.booleans(),
        delay=st.sampled_from([None, None, 10]),
        key=st.sampled_from([None, None, "k"]),
        deadline=st.sampled_from([None, None, 25]),
        upstream=st.one_of(st.none(), st.integers(0, 50)),
        await_for=st.sampled_from(["done", "ended"]),
        priority=st.integers(-1, 1),
    )
    def enqueue(
        self, second: bool, delay: int | None, key: str | None, deadline: int | None, upstream: int | None,
        await_for: str, priority: int,
    ) -> None:  # fmt: skip
        """Enqueue."""
        awaits = [self.job(upstream)] if upstream is not None and self.known else None
        with self.session(second, "enqueue") as connection:
            connection.execute(
                "select * from jobstream.enqueue('work', queue => %s, max_attempts => 2, delay => make_interval(secs => %s),"
                " concurrency_key => %s, await_jobs => %s, await_for => %s, priority => %s,"
                " deadline => jobstream.clock() + make_interval(secs => %s),"
                """ backoff => '{"type": "fixed", "base": 5, "jitter": 0}')""",
                [self.queue, delay, key, awaits, await_for, priority, deadline],
            )

    @initialize(n=st.integers(1, 4))
    def begin(self, n: int) -> None:
        """Begin with a few jobs that run."""
        with self.session(False, "enqueue") as connection:
            connection.execute(
                "select jobstream.enqueue('work', queue => %s, max_attempts => 2) from generate_series(0, %s)",
                [self.queue, n],
            )
        self.claim(second=False, n=n)

    @rule(second=st.booleans(), n=st.integers(1, 4))
    def claim(self, second: bool, n: int) -> None:
        """Claim; an attempt is handed out once."""
        with self.session(second, "claim") as connection:
            rows = connection.execute(
                "select id, attempt, status, lease_until - jobstream.clock() from jobstream.claim(array[%s], %s, %s)",
                [self.queue, n, "two" if second else "one"],
            ).fetchall()
            assert len(rows) <= n
        for job_id, attempt, status, lease in rows:
            assert (status, lease.total_seconds()) == ("running", LEASE)
            if second and self.is_open:
                self.uncommitted.append((job_id, attempt))
            else:
                self.take((job_id, attempt))

    def take(self, lease: tuple[str, int]) -> None:
        """Note a lease that was committed."""
        assert lease not in self.leases, f"attempt {lease} was handed out twice"
        self.leases[lease] = self.queue

    @precondition(lambda self: self.known)
    @rule(
        second=st.booleans(),
        pick=st.integers(0, 50),
        offset=st.sampled_from([0, 0, 0, -1, 1]),
        many=st.booleans(),
    )
    def complete(self, second: bool, pick: int, offset: int, many: bool) -> None:
        """Complete, singly or among many."""
        job_id = self.job(pick, R)
        attempt = self.attempt(job_id, offset)
        if not many:
            self.call(
                second, "complete", job_id, attempt, "select jobstream.complete(%s, %s)", [job_id, attempt]
            )
            return
        expected = self.fence(job_id, attempt, "complete")
        with self.session(second, "complete") as connection:
            row = connection.execute(
                "select lost from jobstream.complete_many(array[%s], array[%s])", [job_id, attempt]
            ).fetchone()
            assert row is not None
            if not self.is_open and expected != "unknown":
                assert row[0] is (expected == "lost")
                if expected == "through":
                    self.known[job_id].ended = (attempt, "complete")

    @precondition(lambda self: self.known)
    @rule(
        second=st.booleans(),
        pick=st.integers(0, 50),
        offset=st.sampled_from([0, 0, 0, -1]),
        retryable=st.booleans(),
    )
    def fail(self, second: bool, pick: int, offset: int, retryable: bool) -> None:
        """Fail."""
        job_id = self.job(pick, R)
        attempt = self.attempt(job_id, offset)
        statement = "select jobstream.fail(%s, %s, '\"boom\"', %s)"
        self.call(second, "fail", job_id, attempt, statement, [job_id, attempt, retryable])

    @precondition(lambda self: self.known)
    @rule(
        second=st.booleans(),
        pick=st.integers(0, 50),
        offset=st.sampled_from([0, 0, 0, -1]),
        delay=st.sampled_from([0, 7]),
    )
    def release(self, second: bool, pick: int, offset: int, delay: int) -> None:
        """Release."""
        job_id = self.job(pick, R)
        attempt = self.attempt(job_id, offset)
        statement = "select jobstream.release(%s, %s, make_interval(secs => %s))"
        self.call(second, "release", job_id, attempt, statement, [job_id, attempt, delay])

    @precondition(lambda self: self.known)
    @rule(second=st.booleans(), pick=st.integers(0, 50), offset=st.sampled_from([0, 0, -1]))
    def heartbeat(self, second: bool, pick: int, offset: int) -> None:
        """Renew a lease."""
        job_id = self.job(pick, R)
        attempt = self.attempt(job_id, offset)
        expected = self.fence(job_id, attempt, "heartbeat")
        with self.session(second, "heartbeat") as connection:
            row = connection.execute(
                "select lost from jobstream.heartbeat(array[%s], array[%s])", [job_id, attempt]
            ).fetchone()
            assert row is not None
            assert self.is_open or row[0] is (expected != "through")

    @precondition(lambda self: self.known)
    @rule(second=st.booleans(), pick=st.integers(0, 50), current=st.integers(0, 9))
    def progress(self, second: bool, pick: int, current: int) -> None:
        """Report progress."""
        job_id = self.job(pick, R)
        attempt = self.attempt(job_id, 0)
        statement = "select jobstream.report_progress(%s, %s, %s)::text"
        self.call(second, "progress", job_id, attempt, statement, [job_id, attempt, current])

    @precondition(lambda self: self.known)
    @rule(second=st.booleans(), pick=st.integers(0, 50), force=st.booleans())
    def cancel(self, second: bool, pick: int, force: bool) -> None:
        """Cancel, or ask a worker to stop."""
        job_id = self.job(pick)
        before = self.known[job_id].status
        try:
            with self.session(second, "cancel") as connection:
                row = connection.execute("select jobstream.cancel(%s, %s)", [job_id, force]).fetchone()
                assert row is not None
                if not self.is_open:
                    assert row[0] == (before if before in TERMINAL | {R} else C)
        except psycopg.Error as error:
            assert error.sqlstate == "JS409"
            assert self.is_open or (before is R and not force)

    @precondition(lambda self: self.known)
    @rule(second=st.booleans(), pick=st.integers(0, 50), verb=st.sampled_from(["retry", "run_now"]))
    def restart(self, second: bool, pick: int, verb: str) -> None:
        """Retry, or run now."""
        job_id = self.job(pick, F, D, Q, C) if verb == "retry" else self.job(pick, W, F)
        before = self.known[job_id].status
        legal = TERMINAL | {F} if verb == "retry" else {W, P, F}
        try:
            with self.session(second, "retry" if verb == "retry" else "reschedule") as connection:
                connection.execute(f"select jobstream.{verb}(%s)".encode(), [job_id])
            assert self.is_open or before in legal
        except psycopg.Error as error:
            assert error.sqlstate == "JS409"
            assert self.is_open or before not in legal

    @rule(second=st.booleans())
    def maintain(self, second: bool) -> None:
        """Promote, rescue, expire, settle."""
        with self.session(second, "maintain") as connection:
            connection.execute("select jobstream.maintain()")

    @rule(seconds=st.sampled_from([1, 6, 11, 31]))
    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.one.execute(
            "update jobstream_test.clock set moment = moment + make_interval(secs => %s)", [seconds]
        )

    @rule(paused=st.booleans(), limit=st.sampled_from([1, 2]))
    def steer(self, paused: bool, limit: int) -> None:
        """Pause or resume the queue, and set its limit of a key."""
        with self.session(False, "pause") as connection:
            connection.execute(
                "select jobstream.set_queue(%s, paused => %s, key_limit => %s)", [self.queue, paused, limit]
            )

    @precondition(lambda self: self.known)
    @rule(second=st.booleans(), pick=st.integers(0, 50), status=st.sampled_from(list(Status)))
    def update(self, second: bool, pick: int, status: Status) -> None:
        """Change a status by plain SQL."""
        job_id = self.job(pick)
        before = self.known[job_id].status
        try:
            with self.session(second, "update") as connection:
                connection.execute("update jobstream.jobs set status = %s where id = %s", [status, job_id])
            legal = before is status or (may_become(before, status) and status is not R)
            assert self.is_open or legal
        except psycopg.Error as error:
            assert error.sqlstate == "JS409", error

    @precondition(lambda self: not self.is_open)
    @rule()
    def open(self) -> None:
        """Begin a transaction that stays open."""
        self.two.execute("begin")
        self.is_open, self.open_did, self.uncommitted = True, set(), []

    @precondition(lambda self: self.is_open)
    @rule(commit=st.booleans())
    def close(self, commit: bool) -> None:
        """End it."""
        self.two.execute("commit" if commit else "rollback")
        self.is_open = False
        if commit:
            self.did |= self.open_did
            self.closed = True
            for lease in self.uncommitted:
                self.take(lease)

    # -- what must hold after each step

    @invariant()
    def table_holds(self) -> None:
        """Compare what is to be seen now with what was seen before and what was done since."""
        cursor: psycopg.Cursor[Any] = self.watcher.cursor(row_factory=namedtuple_row)
        rows = {
            row.id: row
            for row in cursor.execute(
                "select id, status, attempt, lease_until, worker, completed_at, reason, failures, crashes"
                " from jobstream.jobs where queue = %s",
                [self.queue],
            ).fetchall()
        }
        told = defaultdict(list)
        for event in cursor.execute(
            "select job_id, id, type, status, attempt, data ->> 'from' as before from jobstream.job_events"
            " where queue = %s order by id",
            [self.queue],
        ).fetchall():
            told[event.job_id].append(tuple(event)[1:])
        allowed = set().union(*(BY[verb] for verb in self.did)) if self.did else set()
        assert set(self.known) <= set(rows)
        for job_id, row in rows.items():
            known = self.known.setdefault(job_id, Known(status=Status(told[job_id][0][2])))
            self.follow(known, told[job_id], allowed)
            self.check_row(known, row)
        self.did, self.closed = set(), False

    def follow(self, known: Known, told: list[tuple[Any, ...]], allowed: set[Change]) -> None:
        """Follow a job's events: none missing, none out of order, none that the step could not make."""
        assert told[: len(known.told)] == known.told, "an event came in before one that was seen already"
        if not known.told:
            assert Status(told[0][2]) in FIRST
            assert told[0][4] is None
            allowed = allowed | HELD
        for _, type, status, attempt, before in told[max(len(known.told), 1) :]:
            after = Status(status)
            if type != "status":
                assert after is known.status
                continue
            assert before == known.status, "an event is missing"
            assert may_become(known.status, after)
            assert (known.status, after) in allowed, f"{self.did} made {known.status} {after}"
            assert attempt == known.attempt + (1 if after is R else 0)
            if known.status is R and (known.ended is None or known.ended[0] != known.attempt):
                known.ended = (known.attempt, None if self.closed or self.is_open else "another verb")
            known.status, known.attempt = after, attempt
        known.told = told

    def check_row(self, known: Known, row: Any) -> None:
        """The row is what its events told, and keeps the invariants."""
        assert (row.status, row.attempt) == (known.status, known.attempt)
        assert (row.lease_until is not None) is (row.worker is not None) is (known.status is R)
        assert (row.completed_at is not None) is (known.status in TERMINAL)
        assert (row.reason is not None) is (known.status in {Q, C})
        assert row.failures <= row.attempt
        assert row.crashes <= 3
        if known.status is R:
            assert (row.id, row.attempt) in self.leases, "it runs without a lease that anybody was given"


@pytest.fixture
def lives(databases: Databases) -> Iterator[type[Lives]]:
    """The machine on a database of its own, whose clock stands still."""
    with databases.separate() as url:
        with psycopg.connect(url) as connection:
            connection.execute(FIXED_CLOCK.encode())
        yield type("LivesHere", (Lives,), {"url": url})


COMMON: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.filter_too_much],
}


@pytest.mark.timeout(600)  # a failure is shrunk for up to five minutes
def test_random_lives_keep_to_the_table(lives: type[Lives]) -> None:
    run_state_machine_as_test(lives, settings=settings(max_examples=12, stateful_step_count=30, **COMMON))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_many_long_random_lives_keep_to_the_table(lives: type[Lives]) -> None:
    run_state_machine_as_test(lives, settings=settings(max_examples=400, stateful_step_count=60, **COMMON))
