"""How long a stream lives, and when a client counts as stuck; the clock is told, not waited for."""

from typing import Any

from jobstream.api.streams.outlet import Outlet, Pace

PACE = Pace()


class Line:
    """A connection of which the test says how much the client has yet to take."""

    def __init__(self, waiting: int = 0) -> None:
        self.waiting = waiting
        self.aborted = False
        self.passed: list[bytes] = []

    def unsent(self) -> int:
        return self.waiting

    def pass_on(self, piece: bytes) -> bool:
        if self.waiting:
            return False
        self.passed.append(piece)
        return True

    def spare(self) -> None:
        """Nothing to spare."""

    def abort(self) -> None:
        self.aborted = True


async def sent(message: Any) -> None:
    """A client that takes everything."""


def outlet(line: Line | None = None, *, pace: Pace = PACE, send: Any = sent) -> Outlet:
    return Outlet(send, pace=pace, connection=line)


async def test_streams_end_at_ten_minutes_give_or_take_fifteen_percent_each_at_its_own_time() -> None:
    lives = []
    for _ in range(200):
        each = outlet()
        lives.append(each._ends_at - each._sent_at)
    assert min(lives) >= 600 * 0.85
    assert max(lives) <= 600 * 1.15
    assert max(lives) - min(lives) > 90


async def test_at_its_age_a_stream_is_dismissed_and_not_before() -> None:
    each = outlet()
    poked: list[bool] = []
    each.poke = lambda: poked.append(True)
    each._sent_at = each._ends_at
    each.tick(each._ends_at - 0.1)
    assert (each.over, poked) == (False, [])
    each.tick(each._ends_at)
    assert (each.over, each.expired, poked) == (True, False, [True])


async def test_a_heartbeat_is_due_after_silence_only() -> None:
    each = outlet()
    poked: list[bool] = []
    each.poke = lambda: poked.append(True)
    each.tick(each._sent_at + 14.9)
    assert poked == []
    each.tick(each._sent_at + 15.0)
    assert poked == [True]


async def test_a_client_that_takes_nothing_for_ten_seconds_is_cut() -> None:
    line = Line(waiting=1_000)
    moments: list[float] = []

    async def stuck(message: Any) -> None:
        began = each._now()
        for seconds, waiting in ((9.0, 1_000), (9.5, 900), (19.4, 900)):
            line.waiting = waiting
            each.tick(began + seconds)
            assert not line.aborted
        each.tick(began + 19.6)
        moments.append(began)

    each = outlet(line, send=stuck)
    await each.write([b"x"])
    assert moments
    assert line.aborted


async def test_what_is_written_at_once_passes_a_client_that_has_taken_everything_only() -> None:
    line = Line()
    each = outlet(line)
    assert each.write_at_once([b"a", b"b"])
    assert line.passed == [b"ab"]
    line.waiting = 1
    assert not each.write_at_once([b"c"])
    line.waiting = 0
    assert not each.write_at_once([b"x" * 40_000] * 2)
    assert not outlet(None).write_at_once([b"a"])


async def test_what_is_written_at_once_breaks_the_silence() -> None:
    line = Line()
    each = outlet(line)
    each._sent_at -= 15
    each.write_at_once([b"a"])
    poked: list[bool] = []
    each.poke = lambda: poked.append(True)
    each.tick(each._now())
    assert poked == []


async def test_a_ticket_keeps_its_position_known() -> None:
    line = Line()
    each = outlet(line)
    each.expire(60)
    assert not each.write_at_once([b"event: status\ndata: {}\nid: g1.x\n\n"])
    await each.write([b"event: status\ndata: {}\nid: g1.x\n\n"])
    assert each.position == "g1.x"
