"""Catching up from the ring gives what the table would: what is visible at the goal and was not passed, once, by id."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jobstream.api.streams import blocks
from jobstream.api.streams.recent import Recent
from jobstream.api.streams.source import DIMENSIONS, Place
from jobstream.domain.cursor import Cursor, Snapshot, batch_tokens, format_cursor, parse_cursor
from jobstream.hub import Bounds, Hub, Interest, Message, Ring

EPOCH = "e"
EVERYTHING = Interest()


@dataclass
class History:
    """A database's transactions, and a hub that follows them. Every step is one of `ACTIONS` and a number."""

    hub: Hub[Place]
    next_xid: int = 10
    next_id: int = 1
    open: list[int] = field(default_factory=list)
    written: dict[int, list[int]] = field(default_factory=dict)
    committed: set[int] = field(default_factory=set)
    cursors: list[Cursor] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.hub.resume(place(Cursor(EPOCH, self.snapshot())))

    def snapshot(self) -> Snapshot:
        return Snapshot(self.next_xid, tuple(sorted(self.open)))

    def do(self, action: str, number: int) -> None:
        if action == "begin":
            self.open.append(self.next_xid)
            self.written[self.next_xid] = []
            self.next_xid += 1
        elif action == "look":
            self.cursors.append(Cursor(EPOCH, self.snapshot()))
        elif action == "step":
            self.step()
        elif self.open:
            xid = self.open[number % len(self.open)]
            if action == "write":
                self.written[xid].append(self.next_id)
                self.next_id += 1
            else:
                self.open.remove(xid)
                if action == "commit":
                    self.committed.add(xid)

    def step(self) -> None:
        """What the hub does at a look, and the cursors that its clients then have."""
        assert self.hub.position is not None
        seen, upto = self.hub.position.cursor.seen, self.snapshot()
        tokens = batch_tokens(EPOCH, seen, upto)
        batch = [message(xid, id, tokens.at(id)) for xid, id in self.owed(Cursor(EPOCH, seen), upto)]
        self.hub.begin(place(Cursor(EPOCH, upto)))
        self.hub.publish(batch, place(Cursor(EPOCH, upto)))
        self.hub.finish(place(Cursor(EPOCH, upto)))
        self.cursors += [Cursor(EPOCH, seen, upto, each.number) for each in batch]

    def owed(self, cursor: Cursor, upto: Snapshot) -> list[tuple[int, int]]:
        """What the table would give."""
        return sorted(
            (
                (xid, id)
                for xid in self.committed
                for id in self.written[xid]
                if upto.sees(xid) and not cursor.passed(xid, id)
            ),
            key=lambda event: event[1],
        )


def place(cursor: Cursor) -> Place:
    return Place(cursor, format_cursor(cursor)[0])


def message(xid: int, id: int, token: str) -> Message:
    head = blocks.head("status", b'{"id":%d}' % id)
    facets = dict.fromkeys(DIMENSIONS, ()) | {"queue": (str(id % 2),), "job_id": (f"J{id % 3}",)}
    return Message(id, xid, token, facets, head + blocks.tail(str(id)), head + blocks.tail(token))


def read(recent: Recent, cursor: Cursor, goal: Snapshot, **bounds: Any) -> list[tuple[int, Cursor]] | None:
    """Everything from a cursor to the goal, with the cursor that each event's own token says."""
    found: list[tuple[int, Cursor]] = []
    end = Cursor(EPOCH, goal)
    while cursor != end:
        part = recent.slice(cursor, upto=goal, **bounds)
        if part is None:
            return None
        for block in part.blocks:
            head, token = block.decode().split("id: ")
            after = parse_cursor(token.strip())
            assert isinstance(after, Cursor)
            found.append((int(head.partition('"id":')[2].partition("}")[0]), after))
        if part.token is None:
            assert (part.blocks, part.cursor) == ([], end)
        else:
            assert parse_cursor(part.token) == part.cursor
        cursor = part.cursor
    return found


ACTIONS = ("begin", "write", "write", "write", "commit", "commit", "rollback", "look", "step")
steps = st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 20)), min_size=5, max_size=80)


@settings(max_examples=300, deadline=None)
@given(steps=steps, limit=st.integers(1, 5), room=st.integers(1, 40))
def test_it_gives_each_client_what_the_table_would(
    steps: list[tuple[str, int]], limit: int, room: int
) -> None:
    hub: Hub[Place] = Hub(dimensions=DIMENSIONS, ring=Ring(Bounds(messages=room)))
    history = History(hub)
    for action, number in steps:
        history.do(action, number)
    history.step()
    recent = Recent(hub)
    assert hub.position is not None
    goal = hub.position.cursor.seen
    for cursor in history.cursors:
        bounds = {"interest": EVERYTHING, "limit": limit, "max_bytes": 1 << 20}
        found = read(recent, cursor, goal, **bounds)
        owed = history.owed(cursor, goal)
        if found is None:
            assert not recent.holds(cursor)
            continue
        assert {id for id, _ in found} == {id for _, id in owed}
        assert len(found) == len(owed)
        for done, (_, after) in enumerate(found, 1):
            assert {id for _, id in history.owed(after, goal)} == {id for id, _ in found[done:]}


@settings(max_examples=100, deadline=None)
@given(steps=steps)
def test_a_ring_that_dropped_nothing_serves_everybody(steps: list[tuple[str, int]]) -> None:
    hub: Hub[Place] = Hub(dimensions=DIMENSIONS)
    history = History(hub)
    for action, number in steps:
        history.do(action, number)
    history.step()
    recent = Recent(hub)
    assert all(recent.holds(cursor) for cursor in history.cursors)


def filled(*batches: list[int]) -> tuple[History, Recent]:
    """A hub that passed on these events, each batch by one transaction."""
    hub: Hub[Place] = Hub(dimensions=DIMENSIONS)
    history = History(hub)
    for ids in batches:
        history.do("begin", 0)
        for _ in ids:
            history.do("write", 0)
        history.do("commit", 0)
        history.step()
    return history, Recent(hub)


def test_only_what_is_wanted_comes() -> None:
    history, recent = filled([1, 2, 3, 4])
    goal = history.snapshot()
    interest = Interest({"queue": frozenset("0")})
    found = read(recent, Cursor(EPOCH, Snapshot(10)), goal, interest=interest, limit=10, max_bytes=1 << 20)
    assert found is not None
    assert [id for id, _ in found] == [2, 4]


def test_a_part_is_bounded_in_bytes_but_never_empty() -> None:
    history, recent = filled([1, 2, 3])
    start = Cursor(EPOCH, Snapshot(10))
    part = recent.slice(start, upto=history.snapshot(), interest=EVERYTHING, limit=10, max_bytes=1)
    assert part is not None
    assert len(part.blocks) == 1
    assert part.cursor == Cursor(EPOCH, Snapshot(10), history.snapshot(), 1)


def test_who_goes_on_with_the_hubs_own_token_gets_the_hubs_own_bytes() -> None:
    history, recent = filled([1], [2, 3])
    cursor = recent.cursor(next(recent._hub.ring.since(1)).token)
    assert cursor is not None
    part = recent.slice(cursor, upto=history.snapshot(), interest=EVERYTHING, limit=9, max_bytes=1 << 20)
    assert part is not None
    [last] = [each for each in recent._hub.ring.since(1) if each.number == 3]
    assert part.blocks[0] is last.shared


def test_a_token_of_another_epoch_or_of_the_future_is_not_held() -> None:
    history, recent = filled([1])
    here = history.snapshot()
    assert recent.cursor(f"g1.{EPOCH}.{here.code}") is not None
    assert recent.cursor(f"g1.other.{here.code}") is None
    assert recent.cursor(f"g1.{EPOCH}.{Snapshot(here.xmax + 1).code}") is None
    assert recent.cursor("garbage") is None
    assert recent.cursor("17") is None


def test_in_the_middle_of_a_batch_nothing_is_served() -> None:
    history, recent = filled([1])
    assert recent.holds(Cursor(EPOCH, Snapshot(10)))
    recent._hub.begin(place(Cursor(EPOCH, history.snapshot())))
    assert not recent.holds(Cursor(EPOCH, Snapshot(10)))


def test_a_jobs_client_gets_what_came_after_its_own_last_event() -> None:
    _, recent = filled([1, 2, 3], [4, 5, 6], [7, 8, 9])

    def after(job: str, position: int) -> list[int] | None:
        found = recent.job(job, position)
        return None if found is None else [each.number for each in found]

    assert after("J1", 1) == [4, 7]
    assert after("J1", 7) == []
    assert after("J1", 0) is None
    assert after("J1", 2) is None
