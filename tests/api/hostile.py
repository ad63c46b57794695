"""What nobody would send on purpose, as JSON text, header values, parameters, ids and cursors."""

from hypothesis import strategies as st

from tests.api.support import UNKNOWN


class Shown(bytes):
    """Bytes that show as much of themselves as a reader wants to see."""

    def __repr__(self) -> str:
        return f"{bytes(self[:300])!r} ({len(self)} bytes)"


HOSTILE = tuple(
    map(
        Shown,
        (
            b'"\\u0000"',
            b'"a\\u0000b"',
            b'"\\ud800"',
            b'"\\udc00\\ud800"',
            b"1e400000",
            b"-1e400000",
            b"1e-400000",
            b"9" * 400,
            b"-" + b"9" * 20,
            b"1" + b"0" * 200_000,
            b"0.1e1",
            b"NaN",
            b"Infinity",
            b"-0",
            b"true",
            b"null",
            b'""',
            b'"\xff"',
            b'"\xed\xa0\x80"',
            b'"' + b"x" * 2_000 + b'"',
            b"[" * 100_000,
            b"[" * 2_000 + b"]" * 2_000,
            b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
            b'{"a": 1, "a": 2}',
            b'{"": ""}',
            b'{"\\u0000": 1}',
            b'{"\\ud83d": 1}',
            b"[]",
            b"{}",
            b"01",
            b"1.",
            b'"',
            b"{",
            b"",
            b"/**/1",
        ),
    )
)
"""Values in the place of others; not all of them are refused everywhere."""

KEY = st.sampled_from(
    (b"spec", b"kind", b"args", b"scheduling", b"at", b"filter", b"items", b"nope", b"\\u0000", b"\\ud800")
)

BODIES: dict[str, bytes] = {
    "/jobs": b'{"spec":{"kind":%0,"args":%1,"queue":%2,"priority":%3,"labels":{"a":%4},"unique":%5,"unique_key":%6}}',
    "/jobs?1": b'{"spec":{"kind":"k"},"scheduling":{"scheduled_at":%0,"delay_seconds":%1,"deadline":%2,"await_jobs":%3}}',
    "/jobs?2": b'{"spec":{"kind":"k"},"retry":{"max_attempts":%0,"backoff":%1},"lineage":{"triggered_by":%2},"owner":%3}',
    "/jobs?3": b'{"spec":{"kind":"k"},"timeout_seconds":%0,"lineage":{"parent_job":%1},%2:%3}',
    "/jobs/batch": b'{"items":[{"spec":{"kind":"k"}},{"spec":{"kind":%0,"args":%1},"idempotency_key":%2}]}',
    "/pipelines": b'{"name":%0,"steps":[{"key":%1,"spec":{"kind":"k","args":%2},"after":%3}]}',
    "/stream-tickets": b'{"filter":{"queue":%0,"label":%1,"job_id":%2},"ttl_seconds":%3}',
    "/bulk/cancel": b'{"filter":{"kind":%0,"since":%1,"label":%2},"dry_run":%3}',
    "/leases": b'{"queues":%0,"worker":%1,"limit":%2,"lease_seconds":%3}',
    "/session": b'{"token":%0}',
    f"/jobs/{UNKNOWN}/cancel": b'{"force":%0}',
    f"/jobs/{UNKNOWN}/reschedule": b'{"at":%0}',
    f"/jobs/{UNKNOWN}/heartbeat": b'{"attempt":%0,"lease_seconds":%1}',
    f"/jobs/{UNKNOWN}/progress": b'{"attempt":1,"current":%0,"total":%1,"step":%2,"cost_usd":%3}',
    f"/jobs/{UNKNOWN}/log": b'{"attempt":1,"message":%0,"level":%1}',
    f"/jobs/{UNKNOWN}/emit": b'{"attempt":1,"type":%0,"data":%1}',
    f"/jobs/{UNKNOWN}/complete": b'{"attempt":1,"result":%0,"cost_usd":%1}',
    f"/jobs/{UNKNOWN}/fail": b'{"attempt":1,"error":%0,"retry_at":%1}',
    f"/jobs/{UNKNOWN}/release": b'{"attempt":1,"delay_seconds":%0}',
}
"""Bodies with places."""


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, bytes]:
    """A route and a body with something hostile in at least one place; sometimes cut off or followed by more."""
    path = draw(st.sampled_from(tuple(BODIES)))
    body = BODIES[path]
    for place in range(8):
        body = body.replace(b"%%%d" % place, draw(st.sampled_from(HOSTILE)))
    if draw(st.integers(0, 9)) == 0:
        body = body[: draw(st.integers(0, len(body)))]
    tail = draw(st.sampled_from((b"", b"", b"", b" ", b"}", b"\x00", b"\xef\xbb\xbf")))
    return path.partition("?")[0], Shown(body + tail)


TEXT = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        (
            "\0",
            "a\0",
            "9" * 400,
            "-1",
            "1e400000",
            "NaN",
            "inf",
            "0x10",
            "٣",
            "%",
            "%00",
            "../..",
            "g1",
            "a" * 5_000,
            "",
        )
    ),
)
"""Text for a URL; surrogates are put in as bytes."""

HEADER = st.one_of(
    st.binary(max_size=60).map(
        lambda value: bytes(each for each in value if each >= 0x20 and each != 0x7F).strip()
    ),
    st.sampled_from(
        (
            b"",
            b"x" * 4_000,
            b"*",
            b'"',
            b"W/",
            b"wait=99999999999999999999",
            b"wait=1e400000",
            b"\xed\xa0\x80",
        )
    ),
)
"""Header values that a client can send."""
