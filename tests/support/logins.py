"""Logins that tests make to see what a role may do."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from tests.support.databases import with_user


class Logins:
    """Makes logins on the server of `url`, for that database; `drop` ends them."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._names: list[str] = []

    def __call__(self, *roles: str, name: str | None = None, database: str | None = None) -> str:
        """Make a login that is a member of `roles` and return its URL; its name is in it.

        `database`: the URL of another database than the test's own.
        """
        name = name or f"jobstream_test_{secrets.token_hex(4)}"
        password = secrets.token_hex(8)
        with self._connected() as connection:
            create = sql.SQL("create role {} login password {}").format(
                sql.Identifier(name), sql.Literal(password)
            )
            connection.execute(create)
            self._names.append(name)
            for role in roles:
                connection.execute(
                    sql.SQL("grant {} to {}").format(sql.Identifier(role), sql.Identifier(name))
                )
        return with_user(database or self._url, name, password)

    def drop(self) -> None:
        """Drop every login that was made."""
        with self._connected() as connection:
            for name in self._names:
                connection.execute(sql.SQL("drop owned by {}").format(sql.Identifier(name)))
                connection.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self._url, autocommit=True) as connection:
            yield connection
