"""What is fanned out, and what a subscriber wants of it."""

from collections.abc import Mapping

from msgspec import Struct

Facets = Mapping[str, tuple[str, ...]]
"""What a message can be asked for by: a dimension's name, and the message's values in it."""


class Message(Struct, frozen=True, gc=False):
    """One event, encoded once for everybody: as it goes out on the stream of the one job it belongs to (`own`), where
    `number` counts, and as it does everywhere else (`shared`), where `token` is the position after it.

    `xid`: what wrote it, which tells a position whether it has passed it.
    """

    number: int
    xid: int
    token: str
    facets: Facets
    own: bytes
    shared: bytes

    @property
    def size(self) -> int:
        """Bytes on the wire, near enough for a bound."""
        return len(self.shared)


class Interest(Struct, frozen=True):
    """Which messages a subscriber wants: of each dimension named, any of its values. Nothing named: all messages."""

    wanted: Mapping[str, frozenset[str]] = {}

    def admits(self, facets: Facets) -> bool:
        """Whether a message with these facets is wanted."""
        for dimension, values in self.wanted.items():
            if values.isdisjoint(facets.get(dimension, ())):
                return False
        return True

    def without(self, dimension: str) -> "Interest":
        """What is left to be asked of messages that were found by that dimension."""
        return Interest({name: values for name, values in self.wanted.items() if name != dimension})


EVERYTHING = Interest()
