"""The client's end of one stream: what was sent, how long ago, and whether the client still takes any of it."""

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from litestar.types import Send
from msgspec import Struct

from jobstream.api.streams import blocks

_CHUNK: Final = 48 * 1024
"""Below the 64 KiB at which a transport begins to push back."""


_ID: Final = re.compile(rb"^id: (?P<id>[^\n]*)\n\n\Z", re.MULTILINE)


class Connection(Protocol):
    """What only the server knows of a connection; other servers than ours do not tell."""

    def unsent(self) -> int:
        """Bytes that the client has yet to take."""
        ...

    def pass_on(self, piece: bytes) -> bool:
        """Write a piece of the body at once, if nothing is in its way; says whether it did."""
        ...

    def spare(self) -> None:
        """Hold little for a client that does not take it."""
        ...

    def abort(self) -> None:
        """Drop the connection with everything unsent: closing it would wait for the client to take the rest."""
        ...


class Pace(Struct, frozen=True):
    """Times of a stream, in seconds."""

    heartbeat: float = 15.0
    stall: float = 10.0
    """A client that takes nothing for so long is cut."""
    age: float = 600.0
    age_spread: float = 0.15

    @property
    def tick(self) -> float:
        """How often to look."""
        return min(0.5, self.heartbeat / 4, self.stall / 4)


class Stalled(Exception):
    """The client took nothing for too long."""


class Outlet:
    """Sends blocks. All waiting for a slow client happens here, and is bounded."""

    def __init__(self, send: Send, *, pace: Pace, connection: Connection | None = None) -> None:
        """The clock of the maximum age starts now."""
        self._send = send
        self._pace = pace
        self._connection = connection
        self._now = asyncio.get_running_loop().time
        self._sent_at = self._now()
        self._ends_at = self._sent_at + blocks.spread_out(pace.age * 1000, pace.age_spread) / 1000
        if connection is not None:
            connection.spare()
        self._moved_at: float | None = None
        self._unsent = 0
        self.over = False
        """Whether the stream has reached its maximum age, or was dismissed."""
        self.expired = False
        """Whether its ticket has expired: the stream is to say so."""
        self._expires_at: float | None = None
        self.position = ""
        """The last `id` that was sent; known for streams with a ticket only."""
        self.poke: Callable[[], None] | None = None
        """Called when a heartbeat or the maximum age is due."""

    async def write(self, parts: Sequence[bytes]) -> None:
        """Send, in pieces that a client on a slow line can take one by one. Raises Stalled."""
        if len(parts) == 1:
            await self._pass(parts[0])
            return
        piece: list[bytes] = []
        size = 0
        for part in parts:
            piece.append(part)
            size += len(part)
            if size >= _CHUNK:
                await self._pass(b"".join(piece))
                piece, size = [], 0
        if piece:
            await self._pass(b"".join(piece))

    def write_at_once(self, parts: Sequence[bytes]) -> bool:
        """Send without waiting for anything, if the client has taken all so far and this is little; says whether it did.

        Only where nothing else is being sent on this stream.
        """
        if self._connection is None or self._expires_at is not None:
            return False
        if len(parts) > 1 and sum(map(len, parts)) > _CHUNK:
            return False
        if not self._connection.pass_on(parts[0] if len(parts) == 1 else b"".join(parts)):
            return False
        self._sent_at = self._now()
        return True

    async def control(self, type: str, data: object, *, id: str | None) -> None:
        """Send a control event."""
        await self._pass(blocks.control(type, data, id=id))

    async def finish(self) -> None:
        """Say that nothing more will come on this connection."""
        await self._pass(b"", more=False)

    async def heartbeat(self, id: str) -> None:
        """Send a heartbeat if it has been silent for long enough."""
        if self._now() >= self._sent_at + self._pace.heartbeat:
            await self.control("heartbeat", {}, id=id)

    def expire(self, seconds: float) -> None:
        """End the stream after so long: that is what its ticket has left. Before the first block."""
        self._expires_at = self._now() + seconds

    def dismiss(self) -> None:
        """End the stream soon: its time has come, or its credential has ended."""
        self.over = True
        if self.poke is not None:
            self.poke()

    def tick(self, now: float) -> None:
        """Look whether something is due. One look at all streams twice a second is cheaper than a timer for each."""
        if now >= self._ends_at:
            self.dismiss()
        elif self._expires_at is not None and now >= self._expires_at:
            self.expired = True
            self.dismiss()
        if self._moved_at is not None:
            self._look_for_movement(now)
        elif self.poke is not None and now >= self._sent_at + self._pace.heartbeat:
            self.poke()

    async def _pass(self, piece: bytes, *, more: bool = True) -> None:
        if self._expires_at is not None and (id := _ID.search(piece[-256:])):
            self.position = id["id"].decode()
        message: Any = {"type": "http.response.body", "body": piece, "more_body": more}
        if self._connection is None:
            await self._pass_blindly(message)
        elif not (unsent := self._connection.unsent()):
            # Nothing is in the way, so this does not wait for the client.
            await self._send(message)
        else:
            self._moved_at, self._unsent = self._now(), unsent
            await self._send(message)
            self._moved_at = None
        self._sent_at = self._now()

    async def _pass_blindly(self, message: Any) -> None:
        try:
            async with asyncio.timeout(self._pace.stall):
                await self._send(message)
        except TimeoutError as error:
            raise Stalled from error

    def _look_for_movement(self, now: float) -> None:
        assert self._connection is not None
        assert self._moved_at is not None
        unsent = self._connection.unsent()
        if unsent < self._unsent:
            self._unsent, self._moved_at = unsent, now
        elif now >= self._moved_at + self._pace.stall:
            # The server then reports a disconnect, which ends the stream as one that the client hung up.
            self._connection.abort()


class Ticker:
    """Looks at all outlets of a process every so often."""

    def __init__(self, pace: Pace) -> None:
        """Nothing runs before `run`."""
        self.pace = pace
        self._outlets: dict[Outlet, None] = {}

    def add(self, outlet: Outlet) -> None:
        """Look at it from now on."""
        self._outlets[outlet] = None

    def remove(self, outlet: Outlet) -> None:
        """Look no more."""
        self._outlets.pop(outlet, None)

    def __len__(self) -> int:
        """How many streams are open."""
        return len(self._outlets)

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.pace.tick)
            now = loop.time()
            for outlet in tuple(self._outlets):
                outlet.tick(now)
