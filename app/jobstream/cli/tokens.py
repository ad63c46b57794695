"""`jobstream tokens`: create, list, revoke."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import rich_click as click
from msgspec import Struct

from jobstream.cli.options import Names, Span, as_async, examples, json_option
from jobstream.domain.token import SCOPES

if TYPE_CHECKING:
    from jobstream.domain.token import TokenInfo
    from jobstream.store.tokens import TokenStore


class Created(Struct, frozen=True, kw_only=True):
    """A new token; the only time that its text is shown."""

    id: str
    token: str
    principal: str
    scopes: list[str]
    queues: list[str] | None
    expires_at: datetime | None


class Revoked(Struct, frozen=True, kw_only=True):
    """A token that counts no more."""

    id: str
    revoked: bool


class Scopes(Names):
    """Scopes with commas between them."""

    name = "SCOPE,…"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        """The scopes, each of them known."""
        names = super().convert(value, param, ctx)
        if unknown := [name for name in names if name not in SCOPES]:
            self.fail(f"{', '.join(unknown)} is no scope; there are {', '.join(SCOPES)}", param, ctx)
        return names


@click.group("tokens")
def command() -> None:
    """Create, list and revoke the tokens with which callers reach the server over HTTP."""


@command.command(
    "create",
    epilog=examples(
        "jobstream tokens create --principal shop --scopes read,write",
        "jobstream tokens create --principal gpu-1 --scopes work --queues images --ttl 90d --json",
    ),
)
@click.option("--principal", required=True, help="Whom it stands for; the owner of the jobs that it makes.")
@click.option("--scopes", required=True, type=Scopes(), help=f"Of {', '.join(SCOPES)}.")
@click.option("--ttl", type=Span(), help="How long it counts: 12h, 90d. Without it, until it is revoked.")
@click.option("--queues", type=Names(), help="Limit the scope `work` to these queues.")
@json_option
@as_async
async def create_token(
    principal: str, scopes: list[str], ttl: float | None, queues: list[str] | None, as_json: bool
) -> None:
    """Create a token and print it: this is the only time that it is shown."""
    from jobstream.cli.output import print_json

    expires_at = None if ttl is None else datetime.now(UTC) + timedelta(seconds=ttl)
    async with _tokens() as tokens:
        token = await tokens.create(principal, scopes, expires_at=expires_at, queues=queues)
    created = Created(
        id=token.split("_")[1],
        token=token,
        principal=principal,
        scopes=scopes,
        queues=queues,
        expires_at=expires_at,
    )
    if as_json:
        print_json(created)
    else:
        print(token, flush=True)
        print("Keep it: it is not shown again.", file=sys.stderr)


@command.command("list", epilog=examples("jobstream tokens list --json"))
@json_option
@as_async
async def list_tokens(as_json: bool) -> None:
    """List all tokens, without their secrets."""
    from jobstream.cli.output import print_json

    async with _tokens() as tokens:
        found = await tokens.list()
    if as_json:
        print_json(found)
    else:
        _print(found)


@command.command("revoke", epilog=examples("jobstream tokens revoke 01JD3M8K2V7Q9X0W5R4T6Y8B1C"))
@click.argument("token_id", metavar="ID")
@json_option
@as_async
async def revoke_token(token_id: str, as_json: bool) -> None:
    """Revoke a token by its id (the part between the underscores). It counts at once."""
    from jobstream.cli.output import print_json

    async with _tokens() as tokens:
        await tokens.revoke(token_id)
    if as_json:
        print_json(Revoked(id=token_id, revoked=True))
    else:
        print(f"{token_id}  revoked")


@asynccontextmanager
async def _tokens() -> "AsyncIterator[TokenStore]":
    from jobstream.cli.gateway.choice import open_named_database
    from jobstream.store.tokens import TokenStore

    async with open_named_database() as database:
        yield TokenStore(database)


def _print(tokens: "list[TokenInfo]") -> None:
    from jobstream.cli.output import ago, print_table

    if not tokens:
        print("no tokens", file=sys.stderr)
        return
    print_table(
        ("ID", "PRINCIPAL", "SCOPES", "QUEUES", "#CREATED", "#LAST USED", "STATE"),
        (
            (
                token.id,
                token.principal,
                ",".join(token.scopes),
                ",".join(token.queues or ("all",)),
                ago(token.created_at),
                ago(token.last_used_at) or "never",
                _state(token),
            )
            for token in tokens
        ),
    )


def _state(token: "TokenInfo") -> str:
    from jobstream.cli.output import ago

    if token.revoked_at is not None:
        return f"revoked {ago(token.revoked_at)} ago"
    if token.expires_at is None:
        return "valid"
    if token.expires_at <= datetime.now(UTC):
        return f"expired {ago(token.expires_at)} ago"
    return f"valid, expires {ago(token.expires_at)}"
