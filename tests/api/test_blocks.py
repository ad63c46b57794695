import msgspec

from jobstream.api.access_log import struck
from jobstream.api.streams import blocks


def test_a_block_ends_with_its_id() -> None:
    assert blocks.control("end", {"reason": "done"}, id="4711") == (
        b'event: end\ndata: {"reason":"done"}\nid: 4711\n\n'
    )


def test_a_block_without_id_has_no_empty_one() -> None:
    assert blocks.control("overloaded", {"retry_ms": 5}, id=None) == (
        b'event: overloaded\ndata: {"retry_ms":5}\n\n'
    )


def test_data_stays_on_one_line() -> None:
    block = blocks.control("log", {"message": "a\nb\r\n\u2028"}, id="1")
    assert block.count(b"\n") == 4
    assert msgspec.json.decode(block.split(b"\n")[1][6:]) == {"message": "a\nb\r\n\u2028"}


def test_clients_are_told_to_come_back_at_different_times() -> None:
    times = {int(blocks.retry(1_000).split()[1]) for _ in range(200)}
    assert len(times) > 20
    assert min(times) >= 500
    assert max(times) <= 1_500


def test_credentials_are_struck_from_logs() -> None:
    assert struck("/api/v1/events?token=jst_abc&queue=a") == "/api/v1/events?token=***&queue=a"
    assert struck("/x?a=1&ticket=t.u-v") == "/x?a=1&ticket=***"
    assert struck("/x?mytoken=1") == "/x?mytoken=1"
