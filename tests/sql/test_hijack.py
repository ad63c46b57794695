"""Functions that run with the owner's rights look nothing up in a schema that their caller can write to.

An empty search_path is not enough: the temporary schema of a session comes first for types and relations all the same,
and a domain's check, or a view's function, would run with the owner's rights.
"""

import re

import psycopg

from tests.support import Connection
from tests.support.logins import Logins

TRAP = """
create function pg_temp.trap() returns boolean language plpgsql as $$
begin
    raise exception 'trapped: runs as %', current_user;
end
$$
"""
# A domain for each type that SQL does not spell with a keyword, a view for each catalog.
SHADOWS = """
select format('create domain pg_temp.%1$I as pg_catalog.%1$I check (pg_temp.trap())', t.typname)
from pg_catalog.pg_type as t
where t.typnamespace = 'pg_catalog'::regnamespace and t.typtype = 'b' and t.typcategory <> 'A' and t.typname ~ '^[a-z]'
    and t.typname <> 'cstring'
union all
select format('create temporary view %1$I as select c.* from pg_catalog.%1$I as c where pg_temp.trap()', c.relname)
from pg_catalog.pg_class as c
where c.relnamespace = 'pg_catalog'::regnamespace and c.relkind in ('r', 'v')
    and has_table_privilege(c.oid, 'select')
    and not exists (
        select from pg_catalog.pg_attribute as a where a.attrelid = c.oid and a.atttypid = 'anyarray'::regtype
    )
"""
TYPES = "bytea|date|float4|float8|json|jsonb|name|oid|record|regclass|text|tid|timestamptz|uuid|xid8"


# Every function that a login may call for, and what their triggers do.
TOUR = """
select * from jobstream.enqueue('a', idempotency_key => 'k', unique_for => 'active', unique_key => 'u');
select * from jobstream.enqueue_many((
    select jsonb_build_array(jsonb_build_object(
        'kind', 'b', 'await_jobs', jsonb_build_array(j.id), 'concurrency_key', 'c', 'labels', '{"a": "b"}'::pg_catalog.jsonb
    ), '{"kind": "c", "delay": "1 h", "backoff": {"base": 1}}'::pg_catalog.jsonb) from jobstream.jobs as j
));
select jobstream.maintain();
select id from jobstream.claim('{default}', after => '{"default": [0, ""]}');
select * from jobstream.heartbeat(array(select id from jobstream.running_jobs), '{1}');
select jobstream.report_progress(id, 1, 1, 2) from jobstream.running_jobs;
select jobstream.log(id, 1, 'x') from jobstream.running_jobs;
select jobstream.emit(id, 1, 'x') from jobstream.running_jobs;
select jobstream.fail(id, 1, '"boom"') from jobstream.running_jobs;
select jobstream.run_now(id) from jobstream.jobs where kind = 'a';
select id from jobstream.claim('{default}');
select * from jobstream.complete_many(array(select id from jobstream.running_jobs), '{2}', array['1'::pg_catalog.jsonb]);
update jobstream.jobs set labels = '{}', priority = 1 where kind = 'b';
select jobstream.explain_job(id) from jobstream.jobs;
select jobstream.cancel(id) from jobstream.jobs where kind = 'b';
select jobstream.set_queue('default', key_limit => 2, rate_count => 1, rate_seconds => 1);
select jobstream.put_schedule('s', '* * * * *', 'UTC', '{"kind": "a"}');
select jobstream.run_schedule('s');
select jobstream.create_pipeline('p', '[{"key": "a", "kind": "a"}, {"key": "b", "kind": "b", "after": ["a"]}]');
select jobstream.cancel_pipeline(id) from jobstream.pipelines;
select jobstream.retry_pipeline(id) from jobstream.pipelines;
select * from jobstream.cancel_where('{"kind": "a", "label": "a:b"}', false);
select * from jobstream.retry_where('{"status": "cancelled"}', false);
select * from jobstream.delete_where('{"kind": "a", "until": "2100-01-01"}', false);
select jobstream.stream_epoch();
delete from jobstream.jobs where status = 'cancelled';
select jobstream.maintain()
"""


def test_temporary_types_and_views_deceive_no_function(login: Logins) -> None:
    with psycopg.connect(login("jobstream_operate"), autocommit=True) as session:
        session.execute(TRAP)
        for (shadow,) in session.execute(SHADOWS).fetchall():
            session.execute(shadow)
        session.execute("set search_path = pg_temp, pg_catalog")
        for statement in TOUR.split(";"):
            session.execute(statement)
        counted = session.execute(
            "select array_agg(distinct status order by status) from jobstream.jobs"
        ).fetchone()
    assert counted == (["done", "pending", "waiting"],)


async def test_every_type_and_relation_in_a_body_is_named_with_its_schema(conn: Connection) -> None:
    bodies = await conn.fetch(
        "select proname, prosrc from pg_proc where pronamespace = 'jobstream'::regnamespace and prolang <> 12"
    )
    assert len(bodies) > 100
    for name, body in bodies:
        code = re.sub(r"--.*|'(?:''|[^'])*'", "", body)
        declared = re.search(r"\bdeclare\b(.*?)\bbegin\b", code, re.DOTALL)
        found = re.findall(rf"::({TYPES})\b", code)
        found += (
            re.findall(rf"^\s+v_\w+ (?:constant )?({TYPES})\b", declared[1], re.MULTILINE) if declared else []
        )
        found += re.findall(r"\b(?:from|join) (pg_\w+\b(?! *\())(?!\.)", code)
        assert not found, (name, found)
