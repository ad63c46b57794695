"""Access tokens."""

from datetime import timedelta

import pytest

from jobstream.errors import InvalidArgument, NotFound, Unauthorized
from jobstream.store.pool import Database
from jobstream.store.tokens import TokenStore
from tests.support.clock import Clock
from tests.support.types import Connection


@pytest.fixture
def tokens(database: Database) -> TokenStore:
    return TokenStore(database)


async def test_a_token_says_who_bears_it_and_how_far_it_reaches(tokens: TokenStore) -> None:
    identity = await tokens.authenticate(await tokens.create("ann", ["write", "work"], queues=["q"]))
    assert (identity.principal, identity.scopes, identity.queues) == ("ann", ("write", "work"), ("q",))
    assert identity.has("write")
    assert not identity.has("read")
    operator = await tokens.authenticate(await tokens.create("op", ["operate"]))
    assert [scope for scope in ("read", "write", "work", "operate", "admin") if operator.has(scope)] == [
        "read",
        "write",
        "operate",
    ]


@pytest.mark.parametrize(
    "token", ["", "x", "jst_", "jst_\0", "ä", "x" * 300, "jst_01ARZ3NDEKTSV4RRFFQ69G5FAV_x"]
)
async def test_anything_else_is_unauthorized(tokens: TokenStore, token: str) -> None:
    with pytest.raises(Unauthorized):
        await tokens.authenticate(token)


async def test_a_token_counts_until_it_expires_or_is_revoked(
    tokens: TokenStore, clock: Clock, conn: Connection
) -> None:
    now = await conn.fetchval("select jobstream.clock()")
    short, long = (
        await tokens.create("ann", ["read"], expires_at=now + timedelta(minutes=1)),
        await tokens.create("ann", ["read"]),
    )
    ids = [(await tokens.authenticate(token)).id for token in (short, long)]
    assert await tokens.valid([*ids, "unknown"]) == set(ids)
    await clock.advance(61)
    assert await tokens.valid(ids) == {ids[1]}
    await tokens.revoke(ids[1])
    assert await tokens.valid(ids) == set()
    for token in (short, long):
        with pytest.raises(Unauthorized):
            await tokens.authenticate(token)


async def test_a_list_shows_all_but_the_secrets(tokens: TokenStore) -> None:
    first = await tokens.create("ann", ["read"])
    await tokens.create("bob", ["admin"])
    await tokens.authenticate(first)
    listed = await tokens.list()
    assert [(token.principal, token.scopes) for token in listed] == [("bob", ["admin"]), ("ann", ["read"])]
    assert [token.last_used_at is None for token in listed] == [True, False]
    assert first.split("_")[-1] not in repr(listed)


async def test_faults(tokens: TokenStore) -> None:
    with pytest.raises(InvalidArgument):
        await tokens.create("ann", ["fly"])
    with pytest.raises(InvalidArgument):
        await tokens.create("", ["read"])
    with pytest.raises(NotFound):
        await tokens.revoke("01ARZ3NDEKTSV4RRFFQ69G5FAV")


async def test_the_secret_key_is_made_once(tokens: TokenStore) -> None:
    assert await tokens.secret_key() == await tokens.secret_key()
    assert len(await tokens.secret_key()) >= 32
