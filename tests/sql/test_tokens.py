"""Tokens: shown once, kept as hashes, revoked at once. secret_key(), stream_epoch()."""

from datetime import timedelta

import asyncpg
import pytest

from tests.support import Connection
from tests.support.clock import Clock
from tests.support.sql import call, refused

WHO = "select id, principal, scopes, queues from jobstream.authenticate($1)"


async def test_token_says_who_bears_it_and_is_not_stored(conn: Connection) -> None:
    token = await call(conn, "create_token", "ann", ["read", "work"], queues=["a"])
    assert token.startswith("jst_01")
    row = await conn.fetchrow(WHO, token)
    assert row is not None
    assert (row["principal"], row["scopes"], row["queues"]) == ("ann", ["read", "work"], ["a"])
    stored = await conn.fetchval("select t::text from jobstream.tokens as t")
    assert token.rsplit("_", 1)[1] not in stored


@pytest.mark.parametrize(
    "spoil",
    [
        lambda t: t[:-1],
        lambda t: t + "x",
        lambda t: t.upper(),
        lambda t: t[4:30],
        lambda t: "",
        lambda t: None,
    ],
)
async def test_anything_else_is_nobody(conn: Connection, spoil: "object") -> None:
    token = await call(conn, "create_token", "ann", ["read"])
    assert callable(spoil)
    assert await conn.fetch(WHO, spoil(token)) == []


@pytest.mark.parametrize("whole", [True, False])
async def test_revoked_token_counts_no_more(conn: Connection, whole: bool) -> None:
    token = await call(conn, "create_token", "ann", ["read"])
    await call(conn, "revoke_token", token if whole else token[4:30])
    assert await conn.fetch(WHO, token) == []
    await call(conn, "revoke_token", token[4:30])


async def test_expired_token_counts_no_more(conn: Connection, clock: Clock) -> None:
    token = await call(
        conn, "create_token", "ann", ["read"], expires_at=await clock.now() + timedelta(hours=1)
    )
    assert len(await conn.fetch(WHO, token)) == 1
    await clock.advance(3601)
    assert await conn.fetch(WHO, token) == []


async def test_use_is_noted_at_most_once_a_minute(conn: Connection, clock: Clock) -> None:
    token = await call(conn, "create_token", "ann", ["read"])
    used = "select last_used_at from jobstream.tokens"
    assert await conn.fetchval(used) is None
    await conn.fetch(WHO, token)
    first = await conn.fetchval(used)
    await conn.fetch(WHO, token)
    assert await conn.fetchval(used) == first
    await clock.advance(61)
    await conn.fetch(WHO, token)
    assert await conn.fetchval(used) > first


@pytest.mark.parametrize(
    ("principal", "scopes"),
    [
        ("", ["read"]),
        (None, ["read"]),
        ("a" * 257, ["read"]),
        ("a", []),
        ("a", ["all"]),
        ("a", None),
        ("a", [None]),
    ],
)
async def test_bad_token_is_not_made(
    conn: Connection, principal: str | None, scopes: list[str] | None
) -> None:
    with refused("JS400"):
        await call(conn, "create_token", principal, scopes)


async def test_unknown_token_is_not_found(conn: Connection) -> None:
    with refused("JS404"):
        await call(conn, "revoke_token", "01ARZ3NDEKTSV4RRFFQ69G5FAV")


async def test_secret_key_is_made_once(conn: Connection) -> None:
    key = await call(conn, "secret_key")
    assert len(key) == 64
    assert await call(conn, "secret_key") == key


async def test_epoch_is_short_and_follows_the_stored_value(conn: Connection) -> None:
    epoch = await call(conn, "stream_epoch")
    assert len(epoch) == 8
    assert await call(conn, "stream_epoch") == epoch
    transaction = conn.transaction()
    await transaction.start()
    await conn.execute("update jobstream.settings set value = 'other' where name = 'epoch'")
    assert await call(conn, "stream_epoch") != epoch
    await transaction.rollback()


async def test_scopes_are_checked_for_plain_sql_too(conn: Connection) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await conn.execute(
            "insert into jobstream.tokens (principal, scopes, hash) values ('a', '{all}', 'x')"
        )
