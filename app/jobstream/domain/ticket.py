"""Stream tickets: what a page may follow without a token, as a text that only the holder of the key can make.

The text is `jtk_<claims>.<signature>`, both in URL-safe base64. It is no secret store: whoever has the ticket can read
its claims. What cannot be done without the key is to make or to change one.
"""

import base64
import binascii
import hashlib
import hmac
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from jobstream.errors import Unauthorized

PREFIX: Final = "jtk_"
LONGEST: Final = 4_096
"""Characters: it has to fit into a URL."""

_PURPOSE: Final = b"jobstream stream ticket 1\n"
_UNKNOWN: Final = "this ticket is none of ours"


class TicketFilter(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a ticket is good for: several values of one name mean or, different names and."""

    queue: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    job_id: tuple[str, ...] = ()
    pipeline_id: tuple[str, ...] = ()
    label: tuple[tuple[str, str], ...] = ()


class Ticket(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The claims: whose jobs, which of them, until when (ms since 1970), and the id of the token that asked for it."""

    owner: str
    filter: TicketFilter
    expires: Annotated[int, Meta(ge=0)]
    token_id: str = ""


def sign(ticket: Ticket, key: str) -> str:
    """The ticket's text."""
    claims = _text(msgspec.json.encode(ticket))
    return f"{PREFIX}{claims}.{_text(_signature(claims, key))}"


def verify(text: str, key: str) -> Ticket:
    """The claims of a ticket that was signed with this key, expired or not. Raises Unauthorized for anything else."""
    claims, _, signature = text.removeprefix(PREFIX).partition(".")
    sound = len(text) <= LONGEST and text.isascii() and text.startswith(PREFIX)
    # Before anything in it is looked at, and in constant time: how far a forgery is right must not show.
    if not sound or not hmac.compare_digest(_text(_signature(claims, key)), signature):
        raise Unauthorized(_UNKNOWN)
    try:
        return msgspec.json.decode(_bytes(claims), type=Ticket)
    except (msgspec.MsgspecError, binascii.Error) as error:
        raise Unauthorized(_UNKNOWN) from error


def _signature(claims: str, key: str) -> bytes:
    return hmac.new(key.encode(), _PURPOSE + claims.encode("ascii", "replace"), hashlib.sha256).digest()


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
