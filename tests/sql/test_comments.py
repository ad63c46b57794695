"""Everything that one can meet in psql has a comment; functions are closed and safe."""

from tests.support import Connection

UNCOMMENTED = """
select 'relation ' || c.oid::regclass::text as name
from pg_class as c
where c.relnamespace = 'jobstream'::regnamespace
    and c.relkind in ('r', 'p', 'v', 'S')
    and obj_description(c.oid, 'pg_class') is null
    and not exists (
        select from pg_depend as d
        where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'i' and c.relkind = 'S'
    )
union all
select 'column ' || c.oid::regclass::text || '.' || a.attname
from pg_class as c
inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = 'jobstream'::regnamespace
    and c.relkind in ('r', 'p', 'v')
    and not c.relispartition
    and col_description(c.oid, a.attnum) is null
union all
select 'function ' || p.oid::regprocedure::text
from pg_proc as p
where p.pronamespace = 'jobstream'::regnamespace and obj_description(p.oid, 'pg_proc') is null
union all
select 'index ' || i.indexrelid::regclass::text
from pg_index as i
inner join pg_class as c on i.indexrelid = c.oid
inner join pg_class as t on i.indrelid = t.oid
where c.relnamespace = 'jobstream'::regnamespace
    and not i.indisprimary
    and not t.relispartition
    and not exists (select from pg_constraint as k where k.conindid = i.indexrelid)
    and obj_description(c.oid, 'pg_class') is null
union all
select 'schema' where obj_description('jobstream'::regnamespace, 'pg_namespace') is null
order by 1
"""


async def test_everything_has_a_comment(conn: Connection) -> None:
    assert [row["name"] for row in await conn.fetch(UNCOMMENTED)] == []


async def test_new_days_have_a_comment_too(conn: Connection) -> None:
    bare = await conn.fetch(
        "select relid::regclass from pg_partition_tree('jobstream.job_events') where obj_description(relid) is null"
    )
    assert bare == []


async def test_functions_with_the_owners_rights_search_nowhere(conn: Connection) -> None:
    rows = await conn.fetch(
        "select oid::regprocedure::text as name from pg_proc where pronamespace = 'jobstream'::regnamespace"
        " and prosecdef and not coalesce(proconfig @> array['search_path=\"\"'], false)"
    )
    assert [row["name"] for row in rows] == []


async def test_public_may_do_nothing(conn: Connection) -> None:
    functions = await conn.fetch(
        "select oid::regprocedure::text as name from pg_proc as p where pronamespace = 'jobstream'::regnamespace"
        " and exists (select from aclexplode(coalesce(proacl, acldefault('f', proowner))) as a where a.grantee = 0)"
    )
    tables = await conn.fetch(
        "select oid::regclass::text as name from pg_class where relnamespace = 'jobstream'::regnamespace"
        " and exists (select from aclexplode(relacl) as a where a.grantee = 0)"
    )
    assert [row["name"] for row in (*functions, *tables)] == []


async def test_contracts_columns_are_there(conn: Connection) -> None:
    wanted = {
        "jobs": "id, queue, kind, priority, status, reason, attempt, failures, crashes, max_attempts, scheduled_at, deadline,"
        " created_at, started_at, completed_at, lease_until, worker, cancel_requested, owner, idempotency_key,"
        " concurrency_key, unique_key, await_jobs, await_for, timeout_seconds, backoff, labels, args, progress, result,"
        " last_error, errors, trigger, triggered_by, parent_job, pipeline_id, pipeline_step, cron_expr, cost_usd, class,"
        " mode, scope",
        "job_events": "id, xid, at, job_id, type, status, attempt, queue, kind, owner, pipeline_id, labels, by, data",
    }
    for table, names in wanted.items():
        rows = await conn.fetch(
            "select attname from pg_attribute where attrelid = $1::text::regclass and attnum > 0 order by attnum",
            f"jobstream.{table}",
        )
        columns = [row["attname"] for row in rows]
        assert columns[: len(names.split(", "))] == names.split(", ")
