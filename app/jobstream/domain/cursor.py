"""Cursors over all events: snapshots, their algebra and their tokens (design §8).

A cursor is a snapshot: what comes next is what is visible now and was not visible in it. That neither loses an event
to a writer that commits late nor waits for one that stays open. `docs/adr` has the proof.

Tokens come from outside: everything read here is bounded and checked, and grants nothing.
"""

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from jobstream.errors import InvalidArgument

MAX_TOKEN_BYTES: Final = 128
"""What an EventSource carries across origins without trouble; a longer token names its snapshots."""

MAX_XID: Final = (1 << 64) - 1
MAX_EVENT_ID: Final = (1 << 63) - 1
_MAX_RUNNING: Final = 100_000
_TOKEN = re.compile(r"[A-Za-z0-9._-]{1,128}\Z")
_EPOCH = re.compile(r"[A-Za-z0-9_-]{1,24}\Z")
_NAME = re.compile(r"[A-Za-z0-9_-]{16}\Z")
_NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,18})\Z")


class BadToken(InvalidArgument):
    """The token is none of ours. A stream answers it with a reset."""


class Snapshot(Struct, frozen=True, order=False):
    """Which transactions' rows were visible at some moment.

    Visible is what is below `xmax` and not among `running`, which rises strictly and stays below `xmax`.
    """

    xmax: int
    running: tuple[int, ...] = ()

    def sees(self, xid: int) -> bool:
        """Whether rows of that transaction (if it committed) were visible."""
        if xid >= self.xmax:
            return False
        place = bisect_left(self.running, xid)
        return place == len(self.running) or self.running[place] != xid

    def covers(self, other: "Snapshot") -> bool:
        """Whether everything visible in the other is visible here: this one is the same or a later one."""
        between = other.xmax - self.xmax
        return (
            not any(other.sees(xid) for xid in self.running)
            and between <= len(other.running)
            and not any(other.sees(xid) for xid in range(self.xmax, other.xmax))
        )

    @classmethod
    def parse(cls, text: str) -> "Snapshot":
        """From the text of a `pg_snapshot`: `xmin:xmax:running,…`."""
        _, xmax, running = text.split(":")
        return cls(int(xmax), tuple(map(int, running.split(","))) if running else ())

    def text(self) -> str:
        """As the text of a `pg_snapshot`."""
        xmin = self.running[0] if self.running else self.xmax
        return f"{xmin}:{self.xmax}:{','.join(map(str, self.running))}"

    @property
    def code(self) -> str:
        """The compact code: `xmax`, then each running xid as its distance from the one above, in base64url."""
        return _packed(_distances(self))

    @property
    def name(self) -> str:
        """The name under which it is kept when its code is too long: the same on every instance."""
        return _base64(hashlib.sha256(self.text().encode()).digest()[:12])

    @classmethod
    def decode(cls, code: str) -> "Snapshot":
        """From its code. Raises BadToken for what is none."""
        values = _unpacked(code)
        xmax, *distances = values
        if not 0 < xmax <= MAX_XID or len(distances) > _MAX_RUNNING:
            raise BadToken
        running = []
        xid = xmax
        for distance in distances:
            xid -= distance
            if distance == 0 or xid <= 0:
                raise BadToken
            running.append(xid)
        return cls(xmax, tuple(reversed(running)))


BEGINNING: Final = Snapshot(1)
"""The snapshot that saw nothing."""


class Cursor(Struct, frozen=True):
    """A position in the stream of all events, within one epoch.

    Without `upto`: everything visible in `seen` was passed on. With it: also those events visible in `upto` and not
    in `seen` whose id is at most `after`.
    """

    epoch: str
    seen: Snapshot
    upto: Snapshot | None = None
    after: int = 0

    def passed(self, xid: int, event_id: int) -> bool:
        """Whether that event was passed on."""
        if self.seen.sees(xid):
            return True
        return self.upto is not None and event_id <= self.after and self.upto.sees(xid)

    def reaches(self, other: "Cursor") -> bool:
        """Whether everything that the other passed on is visible in this one's `seen`: it is there, or further on."""
        return (
            self.epoch == other.epoch
            and self.seen.covers(other.seen)
            and (other.upto is None or self.seen.covers(other.upto))
        )

    def behind(self, horizon: "Horizon", now: Snapshot) -> bool:
        """Whether events may be missing to it that were pruned."""
        if not _misses_pruned(self.seen, horizon, now):
            return False
        return self.upto is None or self.after < horizon.max_id or _misses_pruned(self.upto, horizon, now)


class Horizon(Struct, frozen=True):
    """The largest xid and event id that were pruned; zeros while nothing was."""

    max_xid: int = 0
    max_id: int = 0


class NamedCursor(Struct, frozen=True):
    """A cursor whose snapshots must first be fetched by their names."""

    epoch: str
    seen: str
    upto: str | None = None
    after: int = 0

    def resolved(self, snapshots: dict[str, Snapshot]) -> Cursor | None:
        """The cursor itself, or None where one of its snapshots is gone."""
        seen = snapshots.get(self.seen)
        if self.upto is None:
            return Cursor(self.epoch, seen) if seen else None
        upto = snapshots.get(self.upto)
        return Cursor(self.epoch, seen, upto, self.after) if seen and upto else None


class Tokens(Struct, frozen=True):
    """How to write the tokens of one batch: a prefix for those inside of it, and the one at its end.

    `keep` are the snapshots, code by name, that must be stored before any of these tokens is handed out.
    """

    inside: str
    end: str
    keep: dict[str, str]

    def at(self, event_id: int) -> str:
        """The token for a client that was sent everything of the batch up to that event."""
        return f"{self.inside}{event_id}"


def batch_tokens(epoch: str, seen: Snapshot, upto: Snapshot) -> Tokens:
    """The tokens of the batch of events visible in `upto` and not in `seen`."""
    keep: dict[str, str] = {}
    inside = f"g1.{epoch}.{seen.code}.{upto.code}."
    if len(inside) + len(str(MAX_EVENT_ID)) > MAX_TOKEN_BYTES:
        keep = {seen.name: seen.code, upto.name: upto.code}
        inside = f"g1.{epoch}.n.{seen.name}.{upto.name}."
    end = f"g1.{epoch}.{upto.code}"
    if len(end) > MAX_TOKEN_BYTES:
        keep[upto.name] = upto.code
        end = f"g1.{epoch}.n.{upto.name}"
    return Tokens(inside, end, keep)


def format_cursor(cursor: Cursor) -> tuple[str, dict[str, str]]:
    """The token of a cursor, and the snapshots (code by name) that must be kept before it is handed out."""
    if cursor.upto is not None:
        tokens = batch_tokens(cursor.epoch, cursor.seen, cursor.upto)
        return tokens.at(cursor.after), {
            name: text
            for name, text in tokens.keep.items()
            if tokens.inside.startswith(f"g1.{cursor.epoch}.n.")
        }
    token = f"g1.{cursor.epoch}.{cursor.seen.code}"
    if len(token) <= MAX_TOKEN_BYTES:
        return token, {}
    return f"g1.{cursor.epoch}.n.{cursor.seen.name}", {cursor.seen.name: cursor.seen.code}


def parse_cursor(token: str) -> Cursor | NamedCursor:
    """The cursor that a token stands for. Raises BadToken for what is none; a plain integer is none either."""
    if not _TOKEN.match(token):
        raise BadToken
    match token.split("."):
        case ["g1", epoch, code]:
            return Cursor(_epoch(epoch), Snapshot.decode(code))
        case ["g1", epoch, "n", name]:
            return NamedCursor(_epoch(epoch), _name(name))
        case ["g1", epoch, seen, upto, after]:
            return Cursor(_epoch(epoch), Snapshot.decode(seen), Snapshot.decode(upto), _event_id(after))
        case ["g1", epoch, "n", seen, upto, after]:
            return NamedCursor(_epoch(epoch), _name(seen), _name(upto), _event_id(after))
    raise BadToken


def parse_event_id(text: str) -> int | None:
    """A plain event id, or None for anything else."""
    if not _NUMBER.match(text) or int(text) > MAX_EVENT_ID:
        return None
    return int(text)


def _misses_pruned(seen: Snapshot, horizon: Horizon, now: Snapshot) -> bool:
    # A transaction that is still open has lost nothing: its lock keeps the partitions it wrote to from being dropped.
    return seen.xmax <= horizon.max_xid or any(
        xid <= horizon.max_xid and now.sees(xid) for xid in seen.running
    )


def _epoch(text: str) -> str:
    if not _EPOCH.match(text):
        raise BadToken
    return text


def _name(text: str) -> str:
    if not _NAME.match(text):
        raise BadToken
    return text


def _event_id(text: str) -> int:
    number = parse_event_id(text)
    if number is None:
        raise BadToken
    return number


def _distances(snapshot: Snapshot) -> Iterable[int]:
    above = snapshot.xmax
    yield above
    for xid in reversed(snapshot.running):
        yield above - xid
        above = xid


def _packed(values: Iterable[int]) -> str:
    """Each value in groups of seven bits, the lowest first, the eighth bit saying that more follow."""
    packed = bytearray()
    for value in values:
        rest = value
        while rest > 0x7F:
            packed.append(rest & 0x7F | 0x80)
            rest >>= 7
        packed.append(rest)
    return _base64(bytes(packed))


def _unpacked(text: str) -> list[int]:
    try:
        packed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise BadToken from error
    # One text per snapshot: what Python's decoder forgives (stray bits, characters it skips) is none of ours.
    if not packed or _base64(packed) != text or packed[-1] & 0x80:
        raise BadToken
    values = []
    value = shift = 0
    for byte in packed:
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            if value > MAX_XID or (shift > 7 and byte == 0):
                raise BadToken
            values.append(value)
            value = shift = 0
        elif shift > 63:
            raise BadToken
    return values


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
