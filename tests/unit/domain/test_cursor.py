import random
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobstream.domain.cursor import (
    BEGINNING,
    MAX_EVENT_ID,
    MAX_TOKEN_BYTES,
    MAX_XID,
    BadToken,
    Cursor,
    Horizon,
    NamedCursor,
    Snapshot,
    batch_tokens,
    format_cursor,
    parse_cursor,
    parse_event_id,
)


@st.composite
def snapshots(draw: st.DrawFn, *, most: int = 40) -> Snapshot:
    xmax = draw(st.integers(1, MAX_XID))
    distances = draw(st.lists(st.integers(1, 1 << draw(st.integers(1, 40))), max_size=most))
    running = []
    xid = xmax
    for distance in distances:
        xid -= distance
        if xid <= 0:
            break
        running.append(xid)
    return Snapshot(xmax, tuple(reversed(running)))


@given(snapshots())
def test_a_code_stands_for_its_snapshot(snapshot: Snapshot) -> None:
    assert Snapshot.decode(snapshot.code) == snapshot


@given(snapshots())
def test_the_text_of_postgresql_stands_for_its_snapshot(snapshot: Snapshot) -> None:
    assert Snapshot.parse(snapshot.text()) == snapshot


def test_snapshot_reads_what_postgresql_prints() -> None:
    assert Snapshot.parse("10:20:10,14,15") == Snapshot(20, (10, 14, 15))
    assert Snapshot.parse("753:753:") == Snapshot(753)


@pytest.mark.parametrize(
    ("xid", "seen"), [(9, True), (10, False), (11, True), (14, False), (19, True), (20, False)]
)
def test_a_snapshot_sees_what_was_over(xid: int, seen: bool) -> None:
    assert Snapshot(20, (10, 14)).sees(xid) is seen


@given(snapshots(most=20), st.integers(0, MAX_EVENT_ID))
def test_a_token_stands_for_its_cursor(snapshot: Snapshot, after: int) -> None:
    for cursor in (Cursor("e1", snapshot), Cursor("e1", BEGINNING, snapshot, after)):
        token, keep = format_cursor(cursor)
        assert len(token) <= MAX_TOKEN_BYTES
        found = parse_cursor(token)
        if keep:
            assert isinstance(found, NamedCursor)
            kept = {name: Snapshot.decode(code) for name, code in keep.items()}
            assert found.resolved(kept) == cursor
            assert found.resolved({}) is None
        else:
            assert found == cursor


@pytest.mark.parametrize("writers", [16, 64, 200])
def test_tokens_keep_their_bound_however_many_transactions_run(writers: int) -> None:
    generator = random.Random(writers)
    xids = sorted(generator.sample(range(10**10, 10**10 + 40 * writers), writers * 2))
    seen, upto = Snapshot(xids[writers], tuple(xids[:writers])), Snapshot(xids[-1] + 1, tuple(xids[writers:]))
    tokens = batch_tokens("Ab3-_xYz", seen, upto)
    assert len(tokens.at(MAX_EVENT_ID)) <= MAX_TOKEN_BYTES
    assert len(tokens.end) <= MAX_TOKEN_BYTES
    kept = {name: Snapshot.decode(code) for name, code in tokens.keep.items()}
    for token, cursor in (
        (tokens.at(77), Cursor("Ab3-_xYz", seen, upto, 77)),
        (tokens.end, Cursor("Ab3-_xYz", upto)),
    ):
        found = parse_cursor(token)
        assert (found.resolved(kept) if isinstance(found, NamedCursor) else found) == cursor


def test_a_token_with_few_writers_needs_no_storage() -> None:
    seen, upto = Snapshot(1_000_040, (1_000_001, 1_000_020)), Snapshot(1_000_090, (1_000_020, 1_000_077))
    assert batch_tokens("abcdefgh", seen, upto).keep == {}


def test_a_snapshot_has_one_name_everywhere() -> None:
    assert Snapshot(9, (3, 4)).name == Snapshot.parse("3:9:3,4").name
    assert Snapshot(9, (3, 4)).name != Snapshot(9, (3,)).name


@pytest.mark.parametrize(
    "token",
    [
        "",
        "0",
        "4711",
        "g1",
        "g1..AQ",
        "g1.e",
        "g1.e.",
        "g1.e.AQ.",
        "g1.e.AQ.AQ",
        "g1.e.AQ.AQ.",
        "g1.e.AQ.AQ.01",
        "g1.e.AQ.AQ.-1",
        "g1.e.AQ.AQ.9223372036854775808",
        "g1.e.AQ.AQ.1.1",
        "g1.e.AA",  # xmax 0
        "g1.e.gA",  # a group that goes on, and nothing follows
        "g1.e.gQA",  # 1, written in two groups
        "g1.e.BQA",  # a distance of 0
        "g1.e.BQU",  # a running xid of 0
        "g1.e.AR",  # stray bits behind the last byte
        "g1.e.A",
        "g1.e.________________",
        "g1.e.n.short",
        "g1.e.n.0123456789abcde!",
        "g2.e.AQ",
        "g1.e.AQ\n",
        "g1.e.AQ ",
        "g1.é.AQ",
        "g1." + "e" * 25 + ".AQ",
        "g1.e." + "B" * 200,
        "\0",
    ],
)
def test_a_token_that_is_none_of_ours_is_told(token: str) -> None:
    with pytest.raises(BadToken):
        parse_cursor(token)


@given(st.text(max_size=140) | st.from_regex(r"g1(\.[A-Za-z0-9_-]{0,30}){0,6}", fullmatch=True))
@example("g1.e.n.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAA.5")
def test_hostile_tokens_are_refused_or_written_back_as_they_came(token: str) -> None:
    try:
        cursor = parse_cursor(token)
    except BadToken:
        return
    if isinstance(cursor, Cursor):
        written, keep = format_cursor(cursor)
        assert written == token or keep


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("4711", 4711),
        ("007", None),
        ("-1", None),
        ("", None),
        ("9" * 19, None),
        ("٣", None),
        ("1\n", None),
    ],
)
def test_plain_ids_are_read_strictly(text: str, number: int | None) -> None:
    assert parse_event_id(text) == number


class History:
    """Random transactions that write events, with snapshots taken between, as PostgreSQL would."""

    def __init__(self, generator: random.Random, steps: int) -> None:
        self.random = generator
        self.next_xid, self.next_id = 100, 1
        self.open: dict[int, list[tuple[int, int]]] = {}
        self.committed: list[tuple[int, int]] = []
        self.snapshots = [self.snapshot()]
        self.visible = [0]
        for _ in range(steps):
            self.step()
            self.snapshots.append(self.snapshot())
            self.visible.append(len(self.committed))

    def snapshot(self) -> Snapshot:
        return Snapshot(self.next_xid, tuple(sorted(self.open)))

    def step(self) -> None:
        match self.random.randrange(4):
            case 0:
                self.open[self.next_xid] = []
                self.next_xid += 1
            case 1 | 2 if self.open:
                xid = self.random.choice(list(self.open))
                self.open[xid].append((self.next_id, xid))
                self.next_id += 1
            case 3 if self.open:
                events = self.open.pop(self.random.choice(list(self.open)))
                if self.random.random() < 0.8:
                    self.committed += events
            case _:
                pass


@given(st.integers(0, 1 << 32), st.integers(1, 120))
@settings(max_examples=60)
def test_any_chain_of_cursors_passes_each_event_once(seed: int, steps: int) -> None:
    generator = random.Random(seed)
    history = History(generator, steps)
    places = sorted(
        {0, len(history.snapshots) - 1} | {generator.randrange(len(history.snapshots)) for _ in range(9)}
    )
    got: list[int] = []
    for before, after in pairwise(places):
        cursor = Cursor("e", history.snapshots[before])
        upto = history.snapshots[after]
        batch = sorted(
            (id, xid) for id, xid in history.committed[: history.visible[after]] if not cursor.passed(xid, id)
        )
        assert all(upto.sees(xid) for _, xid in batch)
        # A client that is cut anywhere inside the batch, and goes on from there, sees the rest and nothing twice.
        cut = generator.randrange(len(batch) + 1)
        sent = [id for id, _ in batch[:cut]]
        inside = Cursor("e", cursor.seen, upto, sent[-1] if sent else 0)
        rest = [id for id, xid in batch if not inside.passed(xid, id)]
        got += sent + rest
    visible = [id for id, _ in history.committed[: history.visible[places[-1]]]]
    assert sorted(got) == sorted(visible)
    assert len(set(got)) == len(got)


@given(st.integers(0, 1 << 32), st.integers(1, 80))
@settings(max_examples=60)
def test_later_snapshots_cover_earlier_ones(seed: int, steps: int) -> None:
    history = History(random.Random(seed), steps)
    for earlier, later in pairwise(history.snapshots):
        assert later.covers(earlier)
        assert earlier.covers(later) == (
            {xid for xid in range(90, history.next_xid + 2) if earlier.sees(xid)}
            == {xid for xid in range(90, history.next_xid + 2) if later.sees(xid)}
        )


def test_covering_a_snapshot_of_the_far_future_is_no_work() -> None:
    assert not Snapshot(100).covers(Snapshot(MAX_XID))


def test_a_cursor_is_behind_when_what_it_lacks_was_pruned() -> None:
    now, horizon = Snapshot(1_000), Horizon(500, 9_000)
    assert not Cursor("e", Snapshot(501)).behind(horizon, now)
    assert Cursor("e", Snapshot(500)).behind(horizon, now)
    assert Cursor("e", Snapshot(800, (300,))).behind(horizon, now)
    assert not Cursor("e", Snapshot(800, (700,))).behind(horizon, now)


def test_a_transaction_that_is_still_open_puts_no_cursor_behind() -> None:
    assert not Cursor("e", Snapshot(800, (300,))).behind(Horizon(500, 9_000), Snapshot(1_000, (300,)))


def test_a_cursor_inside_a_batch_is_behind_only_for_ids_it_has_not_passed() -> None:
    now, horizon = Snapshot(1_000), Horizon(500, 9_000)
    assert Cursor("e", BEGINNING, Snapshot(900), 8_999).behind(horizon, now)
    assert not Cursor("e", BEGINNING, Snapshot(900), 9_000).behind(horizon, now)
    assert Cursor("e", BEGINNING, Snapshot(400), 9_000).behind(horizon, now)
