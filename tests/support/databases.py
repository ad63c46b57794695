"""Databases for tests: one template with the schema, a clone for each test process, made clean between tests.

Between tests only tables that hold rows are truncated (TRUNCATE fires no row trigger, so no rule stands in the way),
and what the schema itself puts into its tables comes back. Where a test has changed the schema (a function replaced, a
partition dropped) the clone is made anew.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from jobstream.schema import latest_version, read_script, sql_folder

LOCK = 4_711_011
LEAK_SECONDS = 3.0

# Whatever a test may change that TRUNCATE does not undo.
FINGERPRINT = """
select pg_catalog.md5(pg_catalog.string_agg(line, ',' order by line))
from (
    select pg_catalog.concat_ws(' ', relname, relkind, relrowsecurity, relacl, reloptions) as line
    from pg_catalog.pg_class
    where relnamespace = 'jobstream'::regnamespace
    union all
    select pg_catalog.concat_ws(' ', oid::regprocedure, pg_catalog.md5(prosrc), prosecdef, proacl, proconfig)
    from pg_catalog.pg_proc
    where pronamespace = 'jobstream'::regnamespace
    union all
    select pg_catalog.concat_ws(' ', tgrelid::regclass, tgname, tgenabled)
    from pg_catalog.pg_trigger
    where not tgisinternal
    union all
    select pg_catalog.concat_ws(' ', inhrelid::regclass, inhparent::regclass)
    from pg_catalog.pg_inherits
    union all
    select pg_catalog.concat_ws(' ', setdatabase, setrole, setconfig)
    from pg_catalog.pg_db_role_setting
    where setdatabase = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
) as catalogue
"""
LEAVES = """
select c.oid::regclass::text
from pg_catalog.pg_class as c
where c.relnamespace = 'jobstream'::regnamespace and c.relkind = 'r'
order by 1
"""


def with_database(url: str, name: str) -> str:
    """Return the URL of another database on the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def with_user(url: str, user: str, password: str) -> str:
    """Return the URL for another login."""
    parts = urlsplit(url)
    address = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{address}"))


def database_name(url: str) -> str:
    """Return the database that a URL names."""
    return urlsplit(url).path.lstrip("/")


def user_name(url: str) -> str:
    """Return the login that a URL names."""
    return urlsplit(url).username or ""


class Databases:
    """Makes, cleans and drops the databases of one test process on the server at `url`."""

    def __init__(self, *, url: str, session: str, worker: str) -> None:
        self._url = url
        self._template = f"jobstream_template_{session}"
        self._own = f"jobstream_test_{session}_{worker}"
        self._count = 0
        self._fingerprint = ""
        self._leaves: list[str] = []
        self._seeds: dict[str, list[tuple[object, ...]]] = {}

    def clean(self) -> str:
        """Return the URL of this process's database, as if it were new."""
        url = with_database(self._url, self._own)
        if not self._fingerprint or not self._reset(url):
            self._drop(self._own)
            self._clone(self._own)
            self._remember(url)
        return url

    @contextmanager
    def separate(self, *, schema: bool = True) -> Iterator[str]:
        """Lend a database that is dropped afterwards: a clone of the template, or an empty one."""
        self._count += 1
        name = f"{self._own}_{self._count}"
        if schema:
            self._clone(name)
        else:
            self._execute("create database {}", name)
        try:
            yield with_database(self._url, name)
        finally:
            self._drop(name)

    def check_connections(self, url: str) -> None:
        """Fail if anybody is still connected; a connection that is being closed gets a moment."""
        name = database_name(url)
        deadline = time.monotonic() + LEAK_SECONDS
        with psycopg.connect(self._url, autocommit=True) as connection:
            while left := self._connected(connection, name):
                if time.monotonic() > deadline:
                    connection.execute(
                        "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name]
                    )
                    raise AssertionError(f"connections that the test left open: {left}")
                time.sleep(0.01)

    def drop_all(self) -> None:
        """Drop this process's database; the template goes with the session."""
        self._drop(self._own)

    def drop_template(self) -> None:
        """Drop the session's template: for servers that outlive the session."""
        self._drop(self._template)

    def _reset(self, url: str) -> bool:
        with psycopg.connect(url, autocommit=True, row_factory=tuple_row) as connection:
            self._end_prepared(connection)
            if self._read_fingerprint(connection) != self._fingerprint:
                return False
            connection.execute("set session_replication_role = replica")
            checks = (f"select '{leaf}' where exists (select from {leaf})" for leaf in self._leaves)
            filled = [leaf for (leaf,) in connection.execute(" union all ".join(checks))]
            changed = [leaf for leaf in filled if leaf not in self._seeds or self._differs(connection, leaf)]
            missing = [leaf for leaf in self._seeds if leaf not in filled]
            if changed:
                connection.execute(f"truncate {', '.join(changed)}")
            for leaf in {*changed, *missing} & set(self._seeds):
                self._plant(connection, leaf)
        return True

    def _end_prepared(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        """Roll back what a test prepared and was stopped before ending: its locks would outlive it."""
        for (name,) in connection.execute(
            "select gid from pg_prepared_xacts where database = current_database()"
        ):
            connection.execute(sql.SQL("rollback prepared {}").format(sql.Literal(name)))

    def _remember(self, url: str) -> None:
        with psycopg.connect(url, autocommit=True, row_factory=tuple_row) as connection:
            self._fingerprint = self._read_fingerprint(connection)
            self._leaves = [leaf for (leaf,) in connection.execute(LEAVES)]
            rows = {leaf: self._rows(connection, leaf) for leaf in self._leaves}
        self._seeds = {leaf: found for leaf, found in rows.items() if found}

    def _rows(self, connection: psycopg.Connection, leaf: str) -> list[tuple[object, ...]]:
        return sorted(connection.execute(f"select t::text from {leaf} as t").fetchall())

    def _differs(self, connection: psycopg.Connection, leaf: str) -> bool:
        return self._rows(connection, leaf) != self._seeds[leaf]

    def _plant(self, connection: psycopg.Connection, leaf: str) -> None:
        for (row,) in self._seeds[leaf]:
            connection.execute(f"insert into {leaf} select (%s::{leaf}).*", [row])

    def _read_fingerprint(self, connection: psycopg.Connection) -> str:
        row = connection.execute(FINGERPRINT).fetchone()
        assert row is not None
        return str(row[0])

    def _clone(self, name: str) -> None:
        """Clone the template; the first process of the session makes it, under a lock."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute("select pg_advisory_lock(%s)", [LOCK])
            found = connection.execute("select from pg_database where datname = %s", [self._template])
            if found.rowcount == 0:
                self._make_template(connection)
            statement = sql.SQL("create database {} template {}")
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(self._template)))

    def _make_template(self, connection: psycopg.Connection) -> None:
        unfinished = f"{self._template}_unfinished"
        self._drop(unfinished)
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(unfinished)))
        with psycopg.connect(with_database(self._url, unfinished)) as inside:
            inside.execute(read_script(sql_folder()).encode())
            inside.execute(
                "insert into jobstream.schema_version (version_num) values (%s)", [latest_version()]
            )
        rename = sql.SQL("alter database {} rename to {}")
        connection.execute(rename.format(sql.Identifier(unfinished), sql.Identifier(self._template)))

    def _drop(self, name: str) -> None:
        self._execute("drop database if exists {} with (force)", name)

    def _execute(self, statement: str, name: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))

    def _connected(self, connection: psycopg.Connection, name: str) -> list[tuple[object, ...]]:
        return connection.execute(
            "select pid, application_name, state, left(query, 200) from pg_stat_activity"
            " where datname = %s and backend_type = 'client backend'",
            [name],
        ).fetchall()
