"""Server-sent events off a bare socket: what a client needs that is cut at any byte, and no more."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Block:
    """One event, as it is dispatched once its block is complete."""

    type: str
    id: str | None
    data: Any


class Cut(Exception):
    """The connection ended in the middle."""


class Blocks:
    """Takes bytes as they come, gives the events that they complete. Fields as the HTML standard reads them."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Block]:
        """Give the events that these bytes complete."""
        *whole, self._rest = (self._rest + data).split(b"\n\n")
        return [block for text in whole if (block := _read(text)) is not None]


def _read(text: bytes) -> Block | None:
    fields: dict[str, str] = {}
    for line in text.decode().split("\n"):
        name, _, value = line.partition(":")
        fields[name] = value.removeprefix(" ")
    if "data" not in fields:
        return None
    return Block(fields.get("event", "message"), fields.get("id"), json.loads(fields["data"]))


class Stream:
    """An answer that is open: its status, and the bytes of its body."""

    def __init__(self, status: int, reader: asyncio.StreamReader) -> None:
        self.status = status
        self._reader = reader

    async def bytes(self) -> AsyncGenerator[bytes, None]:
        """Give the body as it comes, to its end. Raises Cut where it has none."""
        try:
            while size := int(await self._reader.readline() or b"x", 16):
                left = size
                while left:
                    piece = await self._reader.read(min(left, 65_536))
                    if not piece:
                        raise Cut
                    left -= len(piece)
                    yield piece
                await self._reader.readexactly(2)
        except (ValueError, ConnectionError, asyncio.IncompleteReadError) as error:
            raise Cut from error


@asynccontextmanager
async def opened(address: str, path: str, last_id: str | None = None) -> AsyncIterator[Stream]:
    """Open a stream, and drop it without a word on leaving. Raises Cut where nobody answers."""
    where = urlsplit(address)
    try:
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
    except OSError as error:
        raise Cut from error
    try:
        lines = [f"GET {path} HTTP/1.1", f"Host: {where.netloc}", "Accept: text/event-stream"]
        if last_id is not None:
            lines.append(f"Last-Event-ID: {last_id}")
        writer.write("\r\n".join([*lines, "", ""]).encode())
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            raise Cut from error
        yield Stream(int(head.split(b" ", 2)[1]), reader)
    finally:
        writer.transport.abort()
