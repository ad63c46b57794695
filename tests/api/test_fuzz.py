"""Whatever is sent, the answer is clear, and what was refused has left nothing behind.

pytest tests/api/test_fuzz.py --hypothesis-profile=full
"""

from collections.abc import Awaitable, Callable
from urllib.parse import quote, quote_from_bytes

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jobstream.domain.ids import is_ulid
from tests.api.conftest import Serve
from tests.api.hostile import HEADER, HOSTILE, TEXT, bodies
from tests.api.support import UNKNOWN, Api, new_key, problem
from tests.support import Connection

fuzzed = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

Send = Callable[..., Awaitable[httpx.Response]]

KEPT = """
select array[
    (select count(*) from jobstream.jobs), (select count(*) from jobstream.job_events),
    (select count(*) from jobstream.pipelines), (select count(*) from jobstream.schedules),
    (select count(*) from jobstream.queues), (select count(*) from jobstream.tokens),
    (select count(*) from jobstream.bulk_operations)
]
"""


@pytest.fixture
async def send(api: Api, conn: Connection) -> Send:
    """Sends, and sees to it that a refusal is clear and has stored nothing."""
    before = await conn.fetchval(KEPT)

    async def sent(method: str, path: str, **options: object) -> httpx.Response:
        nonlocal before
        answer = await api.request(method, path, **options)
        after = await conn.fetchval(KEPT)
        if answer.status_code >= 400:
            status, name = problem(answer)
            assert status < 500, answer.text
            assert name in (
                "invalid",
                "not-found",
                "too-large",
                "forbidden",
                "lease-lost",
                "conflict",
                "unauthorized",
            )
            assert after == before, answer.text
        before = after
        return answer

    return sent


@fuzzed
@given(asked=bodies(), media_type=st.sampled_from(("application/json", "application/json; charset=utf-8")))
async def test_bodies(send: Send, asked: tuple[str, bytes], media_type: str) -> None:
    path, body = asked
    headers = {"Idempotency-Key": new_key(), "Content-Type": media_type}
    await send("POST", path, content=body, headers=headers)


@pytest.mark.parametrize(
    "value", [each for each in HOSTILE if each in (b'"\\u0000"', b'"\\ud800"', b"1e400000")]
)
async def test_what_cannot_be_stored_is_refused_with_its_place(send: Send, value: bytes) -> None:
    body = b'{"spec":{"kind":"k","args":{"a":[1,%b]}}}' % value
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    answer = await send("POST", "/jobs", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"].startswith("/spec/args")


NAMES = (
    "Accept",
    "Idempotency-Key",
    "If-None-Match",
    "Last-Event-ID",
    "Prefer",
    "X-Other",
    "Accept-Encoding",
)


@fuzzed
@given(
    headers=st.dictionaries(st.sampled_from(NAMES), HEADER, max_size=4),
    path=st.sampled_from(
        ("/jobs", f"/jobs/{UNKNOWN}", f"/jobs/{UNKNOWN}/result", "/queues", "//schema", "//healthz")
    ),
)
async def test_headers(send: Send, headers: dict[str, bytes], path: str) -> None:
    answer = await send("GET", path, headers=headers)
    assert answer.status_code in (200, 202, 204, 304, 404)
    made = await send("POST", "/jobs", json={"spec": {"kind": "k"}}, headers=headers)
    assert made.status_code in (200, 202, 400)


PARAMETERS = (
    *(
        "status",
        "kind",
        "queue",
        "owner",
        "pipeline_id",
        "label",
        "since",
        "until",
        "q",
        "limit",
        "cursor",
        "nope",
    ),
)


@fuzzed
@given(
    query=st.lists(st.tuples(st.sampled_from(PARAMETERS), TEXT), max_size=4),
    path=st.sampled_from(("/jobs", "/pipelines", "/summary", "/stats", "/activity")),
    raw=st.sampled_from((b"", b"", b"\xed\xa0\x80", b"\xff", b"\x00")),
)
async def test_parameters_and_list_cursors(
    send: Send, query: list[tuple[str, str]], path: str, raw: bytes
) -> None:
    pairs = [
        f"{name}={quote(value, safe='', errors='surrogatepass')}{quote_from_bytes(raw)}"
        for name, value in query
    ]
    answer = await send("GET", f"{path}?{'&'.join(pairs)}")
    if any(name == "cursor" for name, _ in query):
        assert answer.status_code == 400


PLACES = (
    *(("GET", f"/jobs/{{}}{rest}") for rest in ("", "/result", "/events", "/explain")),
    *(("POST", f"/jobs/{{}}/{verb}") for verb in ("cancel", "retry", "run-now", "complete", "heartbeat")),
    *(("GET", "/pipelines/{}"), ("POST", "/pipelines/{}/cancel"), ("GET", "/bulk/{}"), ("GET", "/queues/{}")),
    *(("DELETE", "/schedules/{}"), ("GET", "/events?job_id={}"), ("GET", "/jobs?pipeline_id={}")),
)


@fuzzed
@given(
    id=TEXT.filter(lambda text: not is_ulid(text) and text not in ("", ".", "..") and "/" not in text),
    place=st.sampled_from(PLACES),
)
@example(id="01j00000000000000000000000", place=PLACES[0])
async def test_ids(send: Send, id: str, place: tuple[str, str]) -> None:
    method, path = place
    body = {"json": {"attempt": 1}} if path.endswith(("complete", "heartbeat")) else {}
    answer = await send(method, path.format(quote(id, safe="", errors="surrogatepass")), **body)
    assert answer.status_code in (400, 404), path


@pytest.fixture
async def guarded(serve: Serve) -> Api:
    """A server that wants tokens."""
    return await serve(auth="token")


@fuzzed
@given(
    credential=st.one_of(
        HEADER, st.text(alphabet="jst_0123456789ABCDEFGHJKMNPQRSTVWXYZ", max_size=80).map(str.encode)
    ),
    place=st.sampled_from(("bearer", "header", "cookie", "token", "ticket")),
)
async def test_tokens(guarded: Api, credential: bytes, place: str) -> None:
    headers: dict[str, bytes] = {
        "bearer": {"Authorization": b"Bearer x" + credential},
        "header": {"Authorization": credential},
        "cookie": {"Cookie": b"jobstream_session=" + credential},
    }.get(place, {})
    url = f"/events?{place}={quote_from_bytes(credential)}" if place in ("token", "ticket") else "/jobs"
    answer = await guarded.get(url, headers=headers)
    assert answer.status_code in (400, 401)
    problem(answer)


@pytest.fixture
async def known(api: Api) -> tuple[str, str]:
    """A job, and a cursor that is one of ours."""
    return await api.create(), str((await api.get("/jobs")).headers["event-cursor"])


@fuzzed
@given(
    text=TEXT.filter(lambda text: not text.isdigit() and text != ""),
    parameter=st.sampled_from(("last_event_id", "after")),
    path=st.sampled_from(("/events", "/jobs/{}/events")),
    near=st.booleans(),
    cut=st.integers(0, 200),
)
async def test_stream_cursors(
    api: Api, known: tuple[str, str], text: str, parameter: str, path: str, near: bool, cut: int
) -> None:
    job, token = known
    cursor = token[: cut % len(token)] + text[:1] + token[cut % len(token) + 1 :] if near else text
    answer = await api.get(
        f"{path.format(job)}?{parameter}={quote(cursor, safe='', errors='surrogatepass')}",
        headers={"Accept": "application/json"},
    )
    if "\0" in cursor:
        assert problem(answer) == (400, "invalid")
    else:
        assert answer.status_code == 200
        assert near or answer.json()["reset"] is not None


@pytest.mark.parametrize(
    "cursor", [b"x", b"g1.a.b", b"9" * 200, b"-1", b"\xff\xfe", b"1e400000", b"g1." + b"A" * 5_000]
)
@pytest.mark.parametrize("path", ["/events", "/jobs/{}/events"])
async def test_a_strange_last_event_id_resets(api: Api, path: str, cursor: bytes) -> None:
    id = await api.create()
    async with api.stream(path.format(id), last_event_id=cursor.decode("latin-1")) as events:
        told = await events.until("reset")
        assert told.data["reason"] in ("unknown", "pruned", "epoch")
