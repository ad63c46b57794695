"""An EventSource never comes back from a 503: a stream that cannot be had now says so with a 200."""

from tests.api.conftest import Serve
from tests.api.support import UNKNOWN, problem

STREAMS = (
    "/events",
    "/summary",
    f"/jobs/{UNKNOWN}/events",
    f"/pipelines/{UNKNOWN}/events",
    f"/bulk/{UNKNOWN}/events",
)


async def test_a_stream_without_a_database_says_come_back(serve: Serve) -> None:
    api = await serve(auth="token")
    token = await api.services.tokens.create("alice", ["operate"])
    alice = api.as_(token)
    ticket = (await alice.post("/stream-tickets", {})).json()["ticket"]
    api.services.database._pool.terminate()
    for path in STREAMS:
        for credential in ({"token": token}, {"ticket": ticket}):
            told = await api.all_of(path, **credential)
            assert [each.type for each in told] == ["overloaded"], path
            assert told[0].data["retry_ms"] > 0
        as_json = await alice.get(path, headers={"Accept": "application/json"})
        assert problem(as_json) == (503, "unavailable")
    assert problem(await alice.get("/summary")) == (503, "unavailable")
    assert problem(await alice.get("/jobs")) == (503, "unavailable")
    worker = await alice.post("/leases", {"worker": "w"})
    assert problem(worker) == (503, "unavailable")
    assert (await api.get("//healthz")).status_code == 200
    assert (await api.get("//readyz")).status_code == 503
    assert "jobstream_database_up 0.0" in (await api.get("//metrics")).text
