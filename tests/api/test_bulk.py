from typing import Any

import pytest

from tests.api.conftest import Serve
from tests.api.support import Api, pointers, problem
from tests.support import eventually


async def start(api: Api, action: str, filter: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = await api.post(f"/bulk/{action}", {"filter": filter, **more})
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def finished(api: Api, id: str) -> dict[str, Any]:
    """The operation, once some instance is through with it."""

    async def look() -> dict[str, Any] | None:
        found = (await api.get(f"/bulk/{id}")).json()
        return found if found["completed_at"] else None

    found = await eventually(look, 20)
    assert found is not None
    return dict(found)


async def statuses(api: Api) -> list[str]:
    return sorted(each["lifecycle"]["status"] for each in (await api.get("/jobs")).json()["items"])


async def test_a_dry_run_counts_and_does_nothing(api: Api) -> None:
    for _ in range(3):
        await api.create("a")
    assert await start(api, "cancel", {"kind": "a"}, dry_run=True) == {"id": None, "matched": 3}
    assert await statuses(api) == ["pending"] * 3


async def test_what_matches_is_cancelled_retried_and_deleted(api: Api) -> None:
    for kind in ("a", "a", "b"):
        await api.create(kind)
    cancelled = await start(api, "cancel", {"kind": ["a"]})
    assert cancelled["matched"] == 2
    found = await finished(api, cancelled["id"])
    assert {"action": "cancel", "done": 2, "by": "local", "filter": {"kind": ["a"]}}.items() <= found.items()
    assert await statuses(api) == ["cancelled", "cancelled", "pending"]
    await finished(api, (await start(api, "retry", {"status": "cancelled"}))["id"])
    assert await statuses(api) == ["pending"] * 3
    await finished(api, (await start(api, "cancel", {"kind": "b"}))["id"])
    await finished(api, (await start(api, "delete", {"kind": "b"}))["id"])
    assert await statuses(api) == ["pending"] * 2


@pytest.mark.parametrize(
    ("filter", "matched"),
    [
        ({}, 2),
        ({"queue": "images"}, 1),
        ({"queue": ["images", "default"]}, 2),
        ({"label": "tenant:acme"}, 1),
        ({"label": ["tenant:acme", "tenant:other"]}, 1),
        ({"kind": "a", "queue": "default"}, 0),
        ({"status": "pending"}, 2),
        ({"status": ["done", "dlq"]}, 0),
        ({"since": "2100-01-01T00:00:00Z"}, 0),
        ({"until": "2100-01-01T00:00:00Z"}, 2),
        ({"q": "A"}, 1),
        ({"owner": "local"}, 2),
        ({"owner": "nobody"}, 0),
        ({"pipeline_id": "01J00000000000000000000000"}, 0),
    ],
)
async def test_it_takes_the_filters_of_the_list(api: Api, filter: dict[str, Any], matched: int) -> None:
    await api.create("a", queue="images", labels={"tenant": "acme"})
    await api.create("b")
    assert (await start(api, "cancel", filter, dry_run=True))["matched"] == matched
    names = [
        (name, each)
        for name, value in filter.items()
        for each in (value if isinstance(value, list) else [value])
    ]
    assert len((await api.get("/jobs", params=names)).json()["items"]) == matched


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/filter"),
        ({"filter": None}, "/filter"),
        ({"filter": {"nope": 1}}, "/filter/nope"),
        ({"filter": {"status": "DONE"}}, "/filter/status"),
        ({"filter": {"label": ["a"]}}, "/filter/label/0"),
        ({"filter": {"since": "yesterday"}}, "/filter/since"),
        ({"filter": {"pipeline_id": "x"}}, "/filter/pipeline_id"),
        ({"filter": {}, "dry_run": 1}, "/dry_run"),
    ],
)
async def test_what_is_no_filter_is_refused_with_a_pointer(
    api: Api, body: dict[str, Any], pointer: str
) -> None:
    answer = await api.post("/bulk/cancel", body)
    assert problem(answer) == (400, "invalid")
    assert pointers(answer) == [pointer]


async def test_without_operate_it_is_about_ones_own_jobs(serve: Serve) -> None:
    api = await serve(auth="token")
    tokens = api.services.tokens
    alice, bob = [api.as_(await tokens.create(name, ["read", "write"])) for name in ("alice", "bob")]
    await alice.create()
    await bob.create()
    started = await start(alice, "cancel", {})
    assert started["matched"] == 1
    await finished(alice, started["id"])
    assert (await statuses(alice), await statuses(bob)) == (["cancelled"], ["pending"])
    refused = await alice.post("/bulk/cancel", {"filter": {"owner": "bob"}})
    assert problem(refused) == (403, "forbidden")
