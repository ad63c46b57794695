"""Clients that are cut at any byte and come back anywhere, and what they must have got in the end."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from tests.streams.wire import Block, Blocks, Cut, opened
from tests.support import Connection

CONTROL = {"hello", "heartbeat", "end"}


@dataclass
class Follower:
    """One client of one stream. `where` is the same question, asked of the table."""

    path: str
    where: str
    addresses: Sequence[str]
    random: random.Random
    got: list[tuple[int, str | None]] = field(default_factory=list)
    last_id: str | None = None
    visits: Counter[str] = field(default_factory=Counter)
    surprises: list[str] = field(default_factory=list)
    greeted: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                await self._visit(self.random.choice(self.addresses))
            except Cut:
                self.visits["closed"] += 1
                await asyncio.sleep(self.random.uniform(0, 0.1))

    async def _visit(self, address: str) -> None:
        blocks = Blocks()
        async with opened(address, self.path, self.last_id) as stream:
            self.visits[str(stream.status)] += 1
            if stream.status == 204:
                await asyncio.sleep(0.2)
                return
            if stream.status != 200:
                self.surprises.append(f"status {stream.status} at {self.last_id}")
                raise Cut
            budget = self._budget()
            async with aclosing(stream.bytes()) as pieces:
                async for piece in pieces:
                    self._dispatch(blocks.feed(piece[:budget]))
                    budget -= len(piece)
                    if budget <= 0:
                        self.visits["cut"] += 1
                        return

    def _budget(self) -> int:
        """Bytes until the cut: often few, sometimes many; who has no position yet is not cut before `hello`."""
        least = 0 if self.greeted.is_set() else 1_000
        return max(least, int(10 ** self.random.uniform(0, 5.5)))

    def _dispatch(self, blocks: list[Block]) -> None:
        for block in blocks:
            if block.id is not None:
                self.last_id = block.id
            if block.type not in CONTROL | {"reset"}:
                self.got.append((block.data["id"], block.data["job_id"]))
            elif block.type == "reset":
                self.surprises.append(f"reset {block.data}")
            elif block.type == "hello":
                self.greeted.set()

    async def compare(self, conn: Connection) -> "Verdict":
        """What it got, beside what the database has then: what is committed meanwhile is for another look."""
        got = list(self.got)
        rows = await conn.fetch(
            f"select e.id, e.job_id from jobstream.job_events as e where {self.where} order by e.id"
        )
        expected = {row["id"] for row in rows}
        ids = [id for id, _ in got]
        return Verdict(
            path=self.path,
            expected=len(expected),
            lost=len(expected - set(ids)),
            strange=len(set(ids) - expected),
            repeated=len(ids) - len(set(ids)),
            disordered=_disordered(got),
            surprises=tuple(self.surprises),
        )


@dataclass(frozen=True)
class Verdict:
    """How one client's sequence differs from the table's."""

    path: str
    expected: int
    lost: int
    strange: int
    repeated: int
    disordered: int
    surprises: tuple[str, ...]

    @property
    def exact(self) -> bool:
        """Whether nothing was lost, repeated, invented, or out of a job's order."""
        return not (self.lost or self.strange or self.repeated or self.disordered or self.surprises)


def _disordered(got: list[tuple[int, str | None]]) -> int:
    """How many events came after a later one of their job."""
    latest: dict[str | None, int] = {}
    disordered = 0
    for id, job_id in got:
        if job_id is not None:
            disordered += id < latest.get(job_id, 0)
            latest[job_id] = max(id, latest.get(job_id, 0))
    return disordered
