"""The four roles: a matrix of what each may call and write, and what each sees when it logs in."""

import itertools
import json

import asyncpg
import pytest

from tests.support import Connect, Connection
from tests.support.logins import Logins
from tests.support.sql import call, claim, ended, enqueue, events, job, maintain, refused, running, status_of

READ, PRODUCE, WORK, OPERATE = ("jobstream_read", "jobstream_produce", "jobstream_work", "jobstream_operate")
ROLES = (READ, PRODUCE, WORK, OPERATE)

ALL = set(ROLES)
PRODUCERS = {PRODUCE, WORK, OPERATE}
WORKERS = {WORK, OPERATE}
OPERATORS = {OPERATE}
FUNCTIONS: dict[str, set[str]] = {
    **dict.fromkeys(["clock", "explain_job", "stream_epoch", "enter_epoch", "flush_wal", "keep_snapshots"], ALL),
    **dict.fromkeys(
        [
            "new_id", "id_time", "id_tail", "base32_digit", "enqueue", "enqueue_many", "create_pipeline", "cancel",
            "cancel_pipeline",
        ],
        PRODUCERS,
    ),
    **dict.fromkeys(
        [
            "claim", "heartbeat", "complete", "complete_many", "fail", "reject_result", "release", "report_progress",
            "log", "emit", "register_worker", "attach_worker", "detach_worker", "touch_worker", "remove_worker",
            "declare_schedules", "fire_schedule", "defer_schedule", "maintain",
        ],
        WORKERS,
    ),
    **dict.fromkeys(
        [
            "retry", "run_now", "reschedule", "retry_dlq", "cancel_where", "retry_where", "delete_where",
            "retry_pipeline", "set_queue", "pause_queue", "resume_queue", "put_schedule", "delete_schedule",
            "run_schedule", "set_event_retention",
        ],
        OPERATORS,
    ),
}  # fmt: skip
SEEN_BY_PRODUCERS = {
    "jobs", "job_events", "event_horizon", "stream_snapshots", "pipelines", "schema_version", "job_timeline",
}  # fmt: skip
SECRET = {"tokens", "settings", "leftovers"}


async def test_each_function_may_be_called_by_whom_the_matrix_says(conn: Connection) -> None:
    rows = await conn.fetch(
        "select p.proname as name, array_agg(distinct r.rolname::text) filter"
        " (where has_function_privilege(r.oid, p.oid, 'execute')) as roles"
        " from pg_proc as p cross join pg_roles as r"
        " where p.pronamespace = 'jobstream'::regnamespace and r.rolname = any($1) group by p.proname",
        list(ROLES),
    )
    allowed = {row["name"]: set(row["roles"] or ()) for row in rows if row["roles"]}
    assert allowed == FUNCTIONS


async def test_each_relation_may_be_read_by_whom_the_matrix_says(conn: Connection) -> None:
    rows = await conn.fetch(
        "select c.relname as name, array_agg(r.rolname::text order by r.rolname) filter"
        " (where has_table_privilege(r.oid, c.oid, 'select')) as roles"
        " from pg_class as c cross join pg_roles as r"
        " where c.relnamespace = 'jobstream'::regnamespace and c.relkind in ('r', 'p', 'v')"
        " and c.relname !~ '[0-9]{8}$' and r.rolname = any($1) group by c.relname",
        list(ROLES),
    )
    for row in rows:
        expected = set() if row["name"] in SECRET else {READ, WORK, OPERATE}
        if row["name"] in SEEN_BY_PRODUCERS:
            expected = ALL
        assert set(row["roles"] or ()) == expected, row["name"]


async def test_nobody_writes_but_operators_and_they_only_jobs(conn: Connection) -> None:
    rows = await conn.fetch(
        "select r.rolname || ' ' || p.privilege || ' ' || c.relname as line"
        " from pg_class as c cross join pg_roles as r"
        " cross join unnest(array['insert', 'update', 'delete', 'truncate', 'trigger', 'references']) as p (privilege)"
        " where c.relnamespace = 'jobstream'::regnamespace and c.relkind in ('r', 'p', 'v')"
        " and r.rolname = any($1) and has_table_privilege(r.oid, c.oid, p.privilege) order by 1",
        list(ROLES),
    )
    assert [row["line"] for row in rows] == ["jobstream_operate delete jobs"]


async def test_operators_may_not_write_what_is_no_business_of_plain_sql(conn: Connection) -> None:
    rows = await conn.fetch(
        "select attname from pg_attribute where attrelid = 'jobstream.jobs'::regclass and attnum > 0"
        " and not has_column_privilege('jobstream_operate', attrelid, attnum, 'update')"
    )
    assert {row["attname"] for row in rows} == {
        "hold", "look_at", "cancel_requested_at", "unique_for", "fingerprint", "ended_attempt", "ended_verb",
        "traceparent", "error_count", "revision",
    }  # fmt: skip


@pytest.fixture
def as_role(login: Logins, connect: Connect) -> Connect:
    """Connect as a new login in a role."""

    async def open_as(role: str, name: str | None = None) -> Connection:
        return await connect(login(role, name=name))

    return open_as


@pytest.mark.parametrize("role", ROLES)
async def test_no_role_reads_secrets_or_forges_events(as_role: Connect, role: str) -> None:
    session = await as_role(role)
    statements = [f"select from jobstream.{table}" for table in SECRET]
    statements += [
        "insert into jobstream.job_events (type, owner) values ('status', '')",
        "update jobstream.job_events set data = '{}'",
        "delete from jobstream.job_events",
        "insert into jobstream.jobs (kind, status) values ('a', 'pending')",
        "truncate jobstream.jobs",
        "update jobstream.queues set paused = true",
        "select jobstream.create_token('root', '{admin}')",
        "select jobstream.authenticate('x')",
        "select jobstream.secret_key()",
        "select jobstream.admit_jobs('default', 'c')",
        "create table jobstream.mine ()",
    ]
    for statement in statements:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await session.execute(statement)


async def test_reader_sees_everything_and_changes_nothing(conn: Connection, as_role: Connect) -> None:
    job_id = await enqueue(conn, owner="ann")
    reader = await as_role(READ)
    assert await status_of(reader, job_id) == "pending"
    assert len(await events(reader, job_id)) == 1
    assert (await call(reader, "explain_job", job_id)).startswith("no registered worker")
    for view in (
        "queue_stats",
        "running_jobs",
        "stuck_jobs",
        "dlq_jobs",
        "job_timeline",
        "live_workers",
        "health",
        "status",
    ):
        await reader.fetch(f"select * from jobstream.{view}")
    for statement in (
        "select jobstream.enqueue('a')",
        "update jobstream.jobs set priority = 1",
        "delete from jobstream.jobs",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await reader.execute(statement)


async def test_producer_enqueues_sees_and_cancels_what_is_its_own_or_nobodys(
    conn: Connection, as_role: Connect
) -> None:
    producer = await as_role(PRODUCE, "jobstream_test_ann")
    mine = await enqueue(producer, owner="jobstream_test_ann", labels={"a": "b"}, idempotency_key="k")
    nobodys = await enqueue(producer)
    others = await enqueue(conn, owner="bob")
    seen = {row["id"] for row in await producer.fetch("select id from jobstream.jobs")}
    assert seen == {mine, nobodys}
    told = {row["job_id"] for row in await producer.fetch("select job_id from jobstream.job_events")}
    assert told == {mine, nobodys}
    assert {
        row["job_id"] for row in await producer.fetch("select job_id from jobstream.job_timeline")
    } == told
    for job_id in (mine, nobodys):
        assert await call(producer, "cancel", job_id) == "cancelled"
    for verb in ("cancel", "explain_job"):
        with refused("JS404"):
            await call(producer, verb, others)
    assert (await events(conn, mine))[-1]["by"] == "jobstream_test_ann"


async def test_producer_enqueues_for_nobody_else(conn: Connection, as_role: Connect) -> None:
    producer = await as_role(PRODUCE)
    with refused("JS400"):
        await enqueue(producer, owner="bob")
    with refused("JS400"):
        await producer.execute(
            """select jobstream.create_pipeline('p', '[{"key": "a", "kind": "a"}]', owner => 'bob')"""
        )
    others = await enqueue(conn, owner="bob")
    for rest in ({"await_jobs": [others]}, {"parent_job": others}):
        with refused("JS404"):
            await enqueue(producer, **rest)


async def test_producer_sees_only_its_pipelines(conn: Connection, as_role: Connect) -> None:
    for owner in ("bob", ""):
        await conn.execute(
            f"""select jobstream.create_pipeline('p', '[{{"key": "a", "kind": "a"}}]', owner => '{owner}')"""
        )
    producer = await as_role(PRODUCE)
    assert [row["owner"] for row in await producer.fetch("select owner from jobstream.pipelines")] == [""]
    bobs = await conn.fetchval("select id from jobstream.pipelines where owner = 'bob'")
    with refused("JS404"):
        await call(producer, "cancel_pipeline", bobs)


async def test_worker_runs_anybodys_jobs_and_steers_none(conn: Connection, as_role: Connect) -> None:
    job_id = await enqueue(conn, owner="ann")
    worker = await as_role(WORK)
    [row] = await claim(worker)
    assert row["id"] == job_id
    await call(worker, "report_progress", job_id, 1, 1)
    await call(worker, "log", job_id, 1, "x")
    await call(worker, "emit", job_id, 1, "x")
    await worker.fetch("select * from jobstream.heartbeat(array[$1], array[1])", job_id)
    child = await enqueue(worker, owner="ann", parent_job=job_id)
    assert await call(worker, "complete", job_id, 1) == "done"
    await worker.execute("select jobstream.register_worker('w', 'h', 1, '1', '{}', '{}', 1)")
    await maintain(worker)
    assert await status_of(worker, child) == "pending"
    for statement in (
        "select jobstream.retry('x')",
        "select jobstream.pause_queue('default')",
        "update jobstream.jobs set status = 'cancelled'",
        "select jobstream.cancel_where('{}', false)",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await worker.execute(statement)


async def test_operator_does_everything_on_every_job(conn: Connection, as_role: Connect) -> None:
    operator = await as_role(OPERATE, "jobstream_test_op")
    job_id = await ended(operator, "dlq", owner="ann")
    await call(operator, "retry", job_id)
    await operator.execute(
        'update jobstream.jobs set priority = 3, labels = \'{"a": "b"}\' where id = $1', job_id
    )
    await operator.execute("update jobstream.jobs set status = 'cancelled' where id = $1", job_id)
    assert [row["by"] for row in (await events(conn, job_id))[-3:]] == ["jobstream_test_op"] * 3
    await operator.execute("delete from jobstream.jobs where id = $1", job_id)
    await call(operator, "set_queue", "default", key_limit=2)
    await call(operator, "pause_queue", "default")
    await operator.execute(
        """select jobstream.put_schedule('s', '* * * * *', 'UTC', '{"kind": "a"}', 'skip')"""
    )
    await operator.execute("select jobstream.cancel_where('{}', false)")
    await maintain(operator)
    assert await status_of(conn, job_id) is None


@pytest.mark.parametrize(
    "setting",
    [
        "jobstream.verb = 'work'",
        "jobstream.verb = 'maintain'",
        "jobstream.silent = 'on'",
        "search_path = 'pg_temp'",
    ],
)
async def test_operator_cannot_talk_its_way_past_the_checks(
    conn: Connection, as_role: Connect, setting: str
) -> None:
    job_id, waiting = await running(conn), await enqueue(conn)
    operator = await as_role(OPERATE)
    await operator.execute(f"set {setting}")
    with refused("JS409"):
        await operator.execute("update jobstream.jobs set status = 'running' where id = $1", waiting)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await operator.execute("update jobstream.jobs set revision = revision + 1, status = 'done'")
    await operator.execute("update jobstream.jobs set status = 'done' where id = $1", job_id)
    last = (await events(conn, job_id))[-1]
    assert (last["status"], last["by"] is not None) == ("done", True)
    assert (await job(conn, job_id))["completed_at"] is not None


@pytest.mark.parametrize(("role", "believed"), [(PRODUCE, False), (WORK, True), (OPERATE, True)])
async def test_principal_is_believed_of_those_who_may_act_for_others(
    conn: Connection, as_role: Connect, role: str, believed: bool
) -> None:
    session = await as_role(role)
    await session.execute("set jobstream.principal = 'ann'")
    [event] = await events(conn, await enqueue(session))
    assert (event["by"] == "ann") == believed
    assert event["by"] is not None


async def test_operator_that_deletes_is_not_taken_for_maintenance(conn: Connection, as_role: Connect) -> None:
    job_id = await ended(conn)
    operator = await as_role(OPERATE, "jobstream_test_op")
    await operator.execute("set jobstream.verb = 'maintain'")
    await operator.execute("delete from jobstream.jobs where id = $1", job_id)
    assert (await events(conn, job_id))[-1]["by"] == "jobstream_test_op"


async def test_nobody_enqueues_into_a_pipeline_or_in_the_name_of_a_schedule(conn: Connection) -> None:
    for field in ("trigger", "pipeline_id", "pipeline_step", "cron_expr"):
        for statement in (
            "select from jobstream.enqueue_many(jsonb_build_array($1::jsonb))",
            "select jobstream.put_schedule('s', '* * * * *', 'UTC', $1)",
        ):
            with refused("JS400", f"unknown field {field}"):
                await conn.fetch(statement, json.dumps({"kind": "a", field: "x"}))


@pytest.mark.parametrize("role", ROLES)
async def test_objects_in_front_of_the_search_path_deceive_no_function(
    conn: Connection, as_role: Connect, role: str
) -> None:
    session = await as_role(role)
    await session.execute("create temporary table jobs (id text)")
    await session.execute(
        "create function pg_temp.now() returns timestamptz language sql as 'select null::timestamptz'"
    )
    await session.execute("set search_path = pg_temp, jobstream, pg_catalog")
    if role != READ:
        job_id = await enqueue(session)
        assert await status_of(conn, job_id) == "pending"
    assert await session.fetchval("select count(*) from pg_temp.jobs") == 0


def test_matrix_names_each_role_somewhere() -> None:
    assert set(itertools.chain.from_iterable(FUNCTIONS.values())) == ALL
