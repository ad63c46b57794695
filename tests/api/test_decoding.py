import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobstream.api.decoding import decode, decode_mended, decode_without
from jobstream.api.problems import Fault, Rejected
from jobstream.api.requests import Complete, CreateBatch, CreateJob, Fail


def fault(body: bytes, type: type = CreateJob) -> tuple[str, str]:
    with pytest.raises(Rejected) as refused:
        decode(body, type)
    [found] = refused.value.faults
    assert found.pointer is not None
    return found.pointer, found.detail


def args(text: str) -> bytes:
    return f'{{"spec": {{"kind": "k", "args": {text}}}}}'.encode("utf-8", "surrogatepass")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b"", ""),
        (b"{", ""),
        (b"[]", ""),
        (b"\xff", ""),
        (b"{}", "/spec"),
        (b'{"spec": {}}', "/spec/kind"),
        (b'{"spec": {"kind": 5}}', "/spec/kind"),
        (b'{"spec": {"kind": ""}}', "/spec/kind"),
        (b'{"spec": {"kind": "k\\n"}}', "/spec/kind"),
        (b'{"spec": {"kind": "k", "queue": ".a"}}', "/spec/queue"),
        (b'{"spec": {"kind": "k", "what": 1}}', "/spec/what"),
        (b'{"spec": {"kind": "k", "a/b~c": 1}}', "/spec/a~1b~0c"),
        (b'{"spec": {"kind": "k", "priority": "5"}}', "/spec/priority"),
        (b'{"spec": {"kind": "k", "priority": 2147483648}}', "/spec/priority"),
        (b'{"spec": {"kind": "k", "labels": {"a": 1}}}', "/spec/labels"),
        (b'{"spec": {"kind": "k"}, "scheduling": {"delay_seconds": -1}}', "/scheduling/delay_seconds"),
        (
            b'{"spec": {"kind": "k"}, "scheduling": {"deadline": "2030-01-01T00:00:00"}}',
            "/scheduling/deadline",
        ),
        (b'{"spec": {"kind": "k"}, "scheduling": {"deadline": "0001-01-01T00:00:00Z"}}', "/scheduling"),
        (b'{"spec": {"kind": "k"}, "scheduling": {"await_jobs": ["x"]}}', "/scheduling/await_jobs/0"),
        (b'{"spec": {"kind": "k"}, "retry": {"backoff": {"type": "odd"}}}', "/retry/backoff/type"),
        (b'{"spec": {"kind": "k"}, "retry": {"backoff": {"base": -1}}}', "/retry"),
        (b'{"spec": {"kind": "k"}, "retry": {"max_attempts": 0}}', "/retry/max_attempts"),
    ],
)
def test_a_refusal_points_at_the_place(body: bytes, pointer: str) -> None:
    assert fault(body)[0] == pointer


def test_an_item_of_a_batch_is_pointed_at_by_its_place() -> None:
    body = b'{"items": [{"spec": {"kind": "k"}}, {"spec": {"kind": "k", "priority": null}}]}'
    assert fault(body, CreateBatch)[0] == "/items/1/spec/priority"


@pytest.mark.parametrize(
    ("text", "pointer", "detail"),
    [
        (r'{"a": ["\u0000"]}', "/spec/args/a/0", "NUL"),
        (r'{"a\u0000": 1}', "/spec/args", "NUL"),
        (r'["x", "\ud800"]', "/spec/args/1", "surrogate"),
        (r'"\udfff\ud800"', "/spec/args", "surrogate"),
        ('{"deep": {"x": 1e400000}}', "/spec/args", "out of range"),
        ("9" * 5000, "/spec/args", "out of range"),
    ],
)
def test_what_jsonb_cannot_hold_is_refused_with_its_place(text: str, pointer: str, detail: str) -> None:
    found, said = fault(args(text))
    assert found.startswith(pointer)
    assert detail in said


def test_bytes_that_are_no_utf8_are_refused() -> None:
    assert fault(args('"\ud800"'))[1].startswith("not UTF-8")


def test_nesting_without_end_is_refused() -> None:
    assert fault(args("[" * 100_000 + "]" * 100_000))[1] == "nested too deeply"


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    assert decode(args(r'"\\u0000"'), CreateJob).spec.args == "\\u0000"


def test_numbers_of_any_length_that_json_holds_are_kept() -> None:
    assert (
        decode(args("123456789012345678901234567890"), CreateJob).spec.args == 123456789012345678901234567890
    )


def outcome(body: bytes) -> tuple[CreateJob | None, Sequence[Fault]]:
    """What was read, or what was wrong with it."""
    try:
        return decode(body, CreateJob), ()
    except Rejected as refused:
        return None, refused.faults


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=8)


@given(value=JSON)
def test_every_document_passes_or_is_refused_with_a_pointer(value: object) -> None:
    body = json.dumps({"spec": {"kind": "k", "args": value}}).encode()
    decoded, faults = outcome(body)
    if decoded is not None:
        assert decoded.spec.args == json.loads(body)["spec"]["args"]
    else:
        assert all((each.pointer or "").startswith("/spec/args") for each in faults)


@given(name=ANY_TEXT, value=ANY_TEXT)
def test_every_text_passes_or_is_refused_with_a_pointer(name: str, value: str) -> None:
    body = json.dumps({"spec": {"kind": "k", "args": {name: value}}}).encode()
    decoded, faults = outcome(body)
    if decoded is not None:
        assert decoded.spec.args == {name: value}
    else:
        assert "\0" in name + value or any("\ud800" <= each <= "\udfff" for each in name + value)
        assert (faults[0].pointer or "").startswith("/spec/args")


@given(body=st.binary(max_size=64))
def test_noise_is_refused(body: bytes) -> None:
    with pytest.raises(Rejected):
        decode(body, CreateJob)


@pytest.mark.parametrize("result", [r'"\u0000"', r'{"a": "\ud800"}', "1e400000"])
def test_a_result_that_cannot_be_stored_does_not_lose_the_attempt(result: str) -> None:
    body, said = decode_without(f'{{"attempt": 3, "result": {result}}}'.encode(), Complete, "result")
    assert body == Complete(attempt=3)
    assert said is not None
    assert said.startswith("/result")


def test_a_good_result_is_kept() -> None:
    assert decode_without(b'{"attempt": 3, "result": [1]}', Complete, "result") == (
        Complete(attempt=3, result=[1]),
        None,
    )


def test_another_fault_beside_a_result_is_still_refused() -> None:
    with pytest.raises(Rejected):
        decode_without(rb'{"attempt": "3", "result": "\u0000"}', Complete, "result")


def test_an_error_is_mended() -> None:
    body = decode_mended(
        rb'{"attempt": 1, "error": {"message": "a\u0000b", "traceback": "\ud800"}}', Fail, "error"
    )
    assert body.error.message == "a\N{REPLACEMENT CHARACTER}b"  # type: ignore[union-attr]
    assert body.error.traceback == "\N{REPLACEMENT CHARACTER}"  # type: ignore[union-attr]


def test_a_member_that_is_missing_is_refused_and_not_mended() -> None:
    with pytest.raises(Rejected, match="error"):
        decode_mended(b'{"attempt": 1}', Fail, "error")
    with pytest.raises(Rejected, match="results"):
        decode_without(b'{"attempt": 1, "results": 1}', Complete, "result")


@pytest.mark.parametrize(
    "error",
    [
        b"[" * 100_000,
        b"[" * 2_000 + b"]" * 2_000,
        b'{"message":' * 900 + b'"\\u0000"' + b"}" * 900,
        b"1e400000",
    ],
)
def test_an_error_that_cannot_be_looked_through_is_refused(error: bytes) -> None:
    with pytest.raises(Rejected):
        decode_mended(b'{"attempt": 1, "error": %b}' % error, Fail, "error")
