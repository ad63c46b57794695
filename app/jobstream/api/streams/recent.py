"""Backfills from the hub's ring: what a client has not seen of the last events, without a look at the table.

The same algebra as the table's: a client that stands at a snapshot is owed what is visible at the goal and was not
visible there, in order of id, under the tokens of that very batch. Which batches the hub passed it on in does not matter, so
a token of another instance, or of a list, is served as well.
"""

from bisect import bisect_left
from collections.abc import Iterator

from msgspec import Struct

from jobstream.api.streams import blocks
from jobstream.api.streams.source import Place
from jobstream.domain.cursor import BadToken, Cursor, Snapshot, Tokens, batch_tokens, parse_cursor
from jobstream.hub import Hub, Interest, Message


class Slice(Struct, frozen=True):
    """Some of what a client is owed: blocks, its cursor and token after them, and the snapshots that must be stored before
    (code by name). Without a token there was nothing, and the one of the goal says the same.
    """

    blocks: list[bytes]
    cursor: Cursor
    token: str | None
    keep: dict[str, str]


class Recent:
    """Looks things up in the ring of one hub."""

    def __init__(self, hub: Hub[Place]) -> None:
        """Everything here is synchronous: nothing moves meanwhile."""
        self._hub = hub

    def cursor(self, token: str) -> Cursor | None:
        """The cursor of a token that can be continued from here; None for all others, good ones too."""
        try:
            cursor = parse_cursor(token)
        except BadToken:
            return None
        return cursor if isinstance(cursor, Cursor) and self.holds(cursor) else None

    def holds(self, cursor: Cursor) -> bool:
        """Whether everything after that cursor is in the ring, and the cursor is not ahead of it."""
        position, floor = self._hub.position, self._hub.ring.floor
        if position is None or floor is None or self._hub.within_batch:
            return False
        return (
            position.cursor.reaches(cursor)
            and cursor.seen.covers(floor.cursor.seen)
            and (cursor.upto is None or cursor.upto.covers(cursor.seen))
        )

    def slice(
        self, cursor: Cursor, *, upto: Snapshot, interest: Interest, limit: int, max_bytes: int
    ) -> Slice | None:
        """What follows a cursor, up to a snapshot: a number of events, or bytes, but one at least.

        None where the ring has not all of it: then the table has.
        """
        if not self.holds(cursor):
            return None
        target = cursor.upto or upto
        position = self._hub.position
        if position is None or not position.cursor.seen.covers(target):
            return None
        tokens = batch_tokens(cursor.epoch, cursor.seen, target)
        owed = sorted(self._owed(cursor, target, interest), key=_number)
        if not owed and cursor.upto is None:
            return Slice([], Cursor(cursor.epoch, target), None, {})
        page, more = _bounded(owed, limit, max_bytes)
        if more:
            last = page[-1].number
            after, token = Cursor(cursor.epoch, cursor.seen, target, last), tokens.at(last)
        else:
            after, token = Cursor(cursor.epoch, target), tokens.end
        return Slice([_block(message, tokens) for message in page], after, token, tokens.keep)

    def job(self, job_id: str, position: int) -> list[Message] | None:
        """A job's events after one of its own; None where that one is not in the ring, so others may be missing."""
        if self._hub.position is None or self._hub.within_batch:
            return None
        found = [
            message
            for message in self._hub.ring.since(0)
            if message.number >= position and message.facets["job_id"] == (job_id,)
        ]
        # Written under the lock of the job's row: they came in the order of their ids.
        return found[1:] if found and found[0].number == position else None

    def _owed(self, cursor: Cursor, target: Snapshot, interest: Interest) -> Iterator[Message]:
        for message in self._hub.ring.since(self._first_unseen(cursor.seen)):
            if (
                not cursor.passed(message.xid, message.number)
                and target.sees(message.xid)
                and interest.admits(message.facets)
            ):
                yield message

    def _first_unseen(self, seen: Snapshot) -> int:
        """The first batch of which something may be unseen; they come one after the other, so all later ones are too."""
        return bisect_left(self._hub.ring.ends(), True, key=lambda end: not seen.covers(end.cursor.seen))


def _number(message: Message) -> int:
    return message.number


def _bounded(owed: list[Message], limit: int, max_bytes: int) -> tuple[list[Message], bool]:
    size = 0
    for place, message in enumerate(owed):
        if place == limit or (place and size >= max_bytes):
            return owed[:place], True
        size += message.size
    return owed, False


def _block(message: Message, tokens: Tokens) -> bytes:
    """The event under a token of the client's own batch; where that is the hub's, as the hub has it."""
    token = tokens.at(message.number)
    if token == message.token:
        return message.shared
    return message.own.removesuffix(blocks.tail(str(message.number))) + blocks.tail(token)
