import pytest

from jobstream.api.negotiation import Form, matches, stream_form, waited_for


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, Form.SSE),
        ("", Form.SSE),
        ("*/*", Form.SSE),
        ("text/event-stream", Form.SSE),
        ("text/html,*/*;q=0.8", Form.SSE),
        ("application/json", Form.JSON),
        ("application/json, */*", Form.JSON),
        ("APPLICATION/JSON; q=0.5", Form.JSON),
        ("text/event-stream, application/json", Form.SSE),
        ("text/event-stream;q=0.1, application/json;q=0.9", Form.JSON),
        ("application/json;q=0", Form.SSE),
        ("application/json;q=x", Form.SSE),
    ],
)
def test_a_stream_is_json_only_where_that_is_asked_for(accept: str | None, form: Form) -> None:
    assert stream_form(accept) is form


@pytest.mark.parametrize(
    ("header", "known"),
    [(None, False), ('"a"', True), ('W/"a"', True), ('"b", "a"', True), ("*", True), ('"b"', False)],
)
def test_a_client_has_it_already(header: str | None, known: bool) -> None:
    assert matches(header, '"a"') is known


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        (None, None),
        ("respond-async", None),
        ("wait=10", 10),
        ("respond-async, Wait=3", 3),
        ("wait=x", None),
    ],
)
def test_a_preference_to_wait(prefer: str | None, seconds: float | None) -> None:
    assert waited_for(prefer) == seconds
