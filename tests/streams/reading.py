"""One look at a stream: what it tells until that will do."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from tests.streams.wire import Block, Blocks, opened
from tests.support import Process

ROOT = Path(__file__).parents[2]
API = "/api/v1"
CONTROL = ("hello", "heartbeat", "reset", "end")


SERVE = (sys.executable, "-m", "jobstream.cli")
FORGETFUL = (sys.executable, "-m", "tests.streams.forgetful")


@asynccontextmanager
async def serving(url: str, *, command: tuple[str, ...] = SERVE, **environ: str) -> AsyncIterator[str]:
    """Run `jobstream serve` with auth off and lend its address."""
    settings = {"JOBSTREAM_AUTH": "off", "JOBSTREAM_DRAIN_SECONDS": "1", "JOBSTREAM_HEARTBEAT_SECONDS": "0.2"}
    variables = {"JOBSTREAM_DATABASE_URL": url, **settings, **environ}
    with Process("serve", "--port", "0", environ=variables, command=command, cwd=ROOT) as server:
        yield await server.address()
        await server.stop()


async def told(
    address: str,
    path: str,
    *,
    until: Callable[[list[Block]], object],
    last_id: str | None = None,
    found: list[Block] | None = None,
) -> list[Block]:
    """Everything that a stream tells up to the first moment when that will do; `found` can be watched meanwhile."""
    found = [] if found is None else found
    blocks = Blocks()
    try:
        async with asyncio.timeout(30), opened(address, API + path, last_id) as stream:
            assert stream.status == 200
            async with aclosing(stream.bytes()) as pieces:
                async for piece in pieces:
                    found += blocks.feed(piece)
                    if until(found):
                        return found
    except TimeoutError as error:
        raise AssertionError(f"the stream was silent after {found}") from error
    raise AssertionError(f"the stream closed after {found}")


def types(found: list[Block]) -> list[str]:
    """Their types."""
    return [block.type for block in found]


def said(found: list[Block]) -> list[str]:
    """Their types without heartbeats, which come whenever something took its time."""
    return [type for type in types(found) if type != "heartbeat"]


def stored(found: list[Block]) -> list[int]:
    """The ids of stored events."""
    return [block.data["id"] for block in found if block.type not in CONTROL]


def position(found: list[Block]) -> str:
    """The last id."""
    ids = [block.id for block in found if block.id is not None]
    return ids[-1]


def heard(type: str) -> Callable[[list[Block]], object]:
    """Until an event of that type."""
    return lambda found: type in types(found)


def heard_after(type: str, *, heartbeats: int) -> Callable[[list[Block]], object]:
    """Until so many heartbeats after an event of that type: their ids move on with the server."""

    def until(found: list[Block]) -> bool:
        heard = types(found)
        return type in heard and heard[heard.index(type) :].count("heartbeat") >= heartbeats

    return until
