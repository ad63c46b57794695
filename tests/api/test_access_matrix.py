"""Every route with every credential. The routes are the application's own: one without a row here fails."""

from datetime import UTC, datetime, timedelta
from typing import Any

from litestar.routes import HTTPRoute

from jobstream.api import Services, app_for
from tests.api.conftest import Serve
from tests.api.support import UNKNOWN, Api, new_key, problem
from tests.support import Connection

Route = tuple[str, str]

SCOPES = ("read", "write", "work", "operate", "admin")
HOLDERS = {
    "open": set(SCOPES),
    "read": {"read", "operate"},
    "write": {"write", "operate"},
    "work": {"work"},
    "operate": {"operate"},
}
ROWS: dict[Route, tuple[str, str]] = {
    ("GET", "/"): ("open", "public"),
    ("GET", "/assets/{path}"): ("open", "public"),
    ("GET", "/client.js"): ("open", "public"),
    ("GET", "/healthz"): ("open", "public"),
    ("GET", "/metrics"): ("open", "public"),
    ("GET", "/readyz"): ("open", "public"),
    ("GET", "/schema"): ("open", "public"),
    ("GET", "/schema/openapi.json"): ("open", "public"),
    ("GET", "/schema/{path}"): ("open", "public"),
    ("GET", "/api/v1/activity"): ("operate", "operators"),
    ("POST", "/api/v1/bulk/cancel"): ("write", "made"),
    ("POST", "/api/v1/bulk/delete"): ("operate", "operators"),
    ("POST", "/api/v1/bulk/retry"): ("write", "made"),
    ("GET", "/api/v1/bulk/{id}"): ("read", "owned"),
    ("GET", "/api/v1/bulk/{id}/events"): ("read", "owned"),
    ("GET", "/api/v1/cron"): ("read", "shared"),
    ("GET", "/api/v1/errors"): ("read", "listed"),
    ("GET", "/api/v1/events"): ("read", "listed"),
    ("GET", "/api/v1/health"): ("operate", "operators"),
    ("GET", "/api/v1/jobs"): ("read", "listed"),
    ("POST", "/api/v1/jobs"): ("write", "made"),
    ("POST", "/api/v1/jobs/batch"): ("write", "made"),
    ("GET", "/api/v1/jobs/{id}"): ("read", "owned"),
    ("POST", "/api/v1/jobs/{id}/cancel"): ("write", "owned"),
    ("POST", "/api/v1/jobs/{id}/complete"): ("work", "leased"),
    ("POST", "/api/v1/jobs/{id}/emit"): ("work", "leased"),
    ("GET", "/api/v1/jobs/{id}/events"): ("read", "owned"),
    ("GET", "/api/v1/jobs/{id}/explain"): ("read", "owned"),
    ("POST", "/api/v1/jobs/{id}/fail"): ("work", "leased"),
    ("POST", "/api/v1/jobs/{id}/heartbeat"): ("work", "leased"),
    ("POST", "/api/v1/jobs/{id}/log"): ("work", "leased"),
    ("POST", "/api/v1/jobs/{id}/progress"): ("work", "leased"),
    ("POST", "/api/v1/jobs/{id}/release"): ("work", "leased"),
    ("POST", "/api/v1/jobs/{id}/reschedule"): ("write", "owned"),
    ("GET", "/api/v1/jobs/{id}/result"): ("read", "owned"),
    ("POST", "/api/v1/jobs/{id}/retry"): ("write", "owned"),
    ("POST", "/api/v1/jobs/{id}/run-now"): ("write", "owned"),
    ("POST", "/api/v1/leases"): ("work", "claims"),
    ("GET", "/api/v1/pipelines"): ("read", "listed"),
    ("POST", "/api/v1/pipelines"): ("write", "made"),
    ("GET", "/api/v1/pipelines/{id}"): ("read", "owned"),
    ("POST", "/api/v1/pipelines/{id}/cancel"): ("write", "owned"),
    ("GET", "/api/v1/pipelines/{id}/events"): ("read", "owned"),
    ("POST", "/api/v1/pipelines/{id}/retry"): ("write", "owned"),
    ("GET", "/api/v1/queues"): ("read", "listed"),
    ("GET", "/api/v1/queues/{name}"): ("read", "owned"),
    ("PATCH", "/api/v1/queues/{name}"): ("operate", "operators"),
    ("GET", "/api/v1/schedules"): ("read", "listed"),
    ("DELETE", "/api/v1/schedules/{name}"): ("operate", "operators"),
    ("PUT", "/api/v1/schedules/{name}"): ("operate", "operators"),
    ("POST", "/api/v1/schedules/{name}/run"): ("operate", "operators"),
    ("GET", "/api/v1/session"): ("read", "shared"),
    ("DELETE", "/api/v1/session"): ("open", "public"),
    ("POST", "/api/v1/session"): ("open", "public"),
    ("GET", "/api/v1/stats"): ("read", "listed"),
    ("POST", "/api/v1/stream-tickets"): ("read", "made"),
    ("GET", "/api/v1/summary"): ("read", "listed"),
    ("GET", "/api/v1/workers"): ("read", "shared"),
}
"""The scope that a route wants, and whose the things are that it is about."""


def routes_of(services: Services) -> set[Route]:
    return {
        (method, route.path_format)
        for route in app_for(services).routes
        if isinstance(route, HTTPRoute)
        for method in route.route_handler_map
        if method != "OPTIONS"
    }


async def ask(
    api: Api, route: Route, *, id: str = UNKNOWN, name: str = "unheard-of", body: object = None
) -> tuple[int, str]:
    """Status and problem of a request that does nothing where it is let in: its body says nothing."""
    method, path = route
    path = path.replace("{id}", id).replace("{name}", name).replace("{path}", "none")
    headers = {"Accept": "application/json", "Idempotency-Key": new_key()}
    options = {} if body is None else {"json": body}
    answer = await api.request(method, f"/{path}", headers=headers, **options)
    if answer.headers.get("content-type") == "application/problem+json":
        return problem(answer)
    return answer.status_code, ""


async def test_every_route_has_a_row(api: Api) -> None:
    assert routes_of(api.services) == set(ROWS)


async def test_nobody_is_let_in_without_a_credential_that_counts(serve: Serve, conn: Connection) -> None:
    api = await serve(auth="token")
    soon = datetime.now(UTC) + timedelta(minutes=5)
    expired = await api.services.tokens.create("alice", SCOPES, expires_at=soon)
    await conn.execute("update jobstream.tokens set expires_at = jobstream.clock() - interval '1 second'")
    for route, (scope, _) in ROWS.items():
        for caller in (api, api.as_("jst_wrong"), api.as_(expired)):
            status, name = await ask(caller, route)
            if scope == "open":
                assert status not in (401, 403), route
            else:
                assert (status, name) == (401, "unauthorized"), route


async def test_every_route_wants_its_scope(serve: Serve) -> None:
    api = await serve(auth="token")
    for scope in SCOPES:
        caller = api.as_(await api.services.tokens.create("alice", [scope]))
        for route, (wanted, _) in ROWS.items():
            status, name = await ask(caller, route)
            if scope in HOLDERS[wanted]:
                assert status not in (401, 403), (route, scope)
                assert status < 500, (route, scope)
            else:
                assert (status, name) == (403, "forbidden"), (route, scope)


HERS = "hers"
"""In everything that is Alice's."""


async def things_of(alice: Api) -> dict[str, str]:
    """One of each thing that has an owner; ids by the beginning of the path."""
    ended = await alice.create(HERS, queue=HERS)
    await alice.verb(await alice.claim(queues=[HERS]), "complete", result=HERS)
    dead = await alice.create(HERS, queue=HERS)
    await alice.verb(await alice.claim(queues=[HERS]), "fail", error=HERS, retryable=False)
    await alice.create(HERS, queue=HERS)
    running = await alice.claim(queues=[HERS])
    put = {"cron": "0 0 1 1 *", "spec": {"kind": HERS}}
    assert (await alice.request("PUT", f"/schedules/{HERS}", json=put)).status_code == 200
    return {
        "jobs": ended,
        "dead": dead,
        "running": running["job"]["id"],
        "pipelines": await _pipeline(alice),
    }


async def test_what_is_anothers_is_unknown(serve: Serve) -> None:
    api = await serve(auth="token")
    tokens = api.services.tokens
    things = await things_of(api.as_(await tokens.create("alice", SCOPES)))
    alice = api.as_(await tokens.create("alice", ["read", "write"]))
    bob = api.as_(await tokens.create("bob", ["read", "write"]))
    operator = api.as_(await tokens.create("op", ["operate"]))
    # What an operator starts is about everybody's jobs, and for operators only.
    things["bulk"] = (await alice.post("/bulk/retry", {"filter": {"kind": "none"}})).json()["id"]
    bodies = {"/api/v1/jobs/{id}/reschedule": {"at": "2100-01-01T00:00:00Z"}}
    for route, (_, whose) in ROWS.items():
        if whose != "owned":
            continue
        path = route[1]
        asked: dict[str, Any] = {
            "id": things.get(path.split("/")[3], UNKNOWN),
            "name": HERS,
            "body": bodies.get(path),
        }
        assert await ask(bob, route, **asked) == (404, "not-found"), route
        for caller in (alice, operator):
            status, _ = await ask(caller, route, **asked)
            assert status in (200, 202, 409), (route, status)


async def test_nothing_of_anothers_is_listed(serve: Serve) -> None:
    api = await serve(auth="token")
    tokens = api.services.tokens
    await things_of(api.as_(await tokens.create("alice", SCOPES)))
    alice = api.as_(await tokens.create("alice", ["read"]))
    bob = api.as_(await tokens.create("bob", ["read"]))
    operator = api.as_(await tokens.create("op", ["operate"]))
    for (method, path), (_, whose) in ROWS.items():
        if whose != "listed":
            continue
        options: dict[str, Any] = {"headers": {"Accept": "application/json"}}
        if path.endswith("/events"):
            options["params"] = {"from": "earliest"}
        for caller in (alice, operator):
            assert f'"{HERS}"' in (await caller.request(method, f"/{path}", **options)).text, path
        answer = await bob.request(method, f"/{path}", **options)
        assert answer.status_code == 200, path
        assert HERS not in answer.text, path


async def test_a_stream_of_anothers_things_stays_silent(serve: Serve) -> None:
    api = await serve(auth="token")
    tokens = api.services.tokens
    alice = api.as_(await tokens.create("alice", SCOPES))
    bob = api.as_(await tokens.create("bob", ["read", "write"]))
    async with bob.stream("/events") as events, bob.stream("/events", **{"from": "earliest"}) as all_kept:
        await events.until("hello")
        await things_of(alice)
        await bob.create("his")
        for each in (events, all_kept):
            await each.until("status", kind="his")
            assert HERS not in str(each.seen)


async def test_what_one_makes_is_ones_own(serve: Serve) -> None:
    api = await serve(auth="token")
    tokens = api.services.tokens
    alice = api.as_(await tokens.create("alice", ["read", "write"]))
    bob = api.as_(await tokens.create("bob", ["read", "write"]))
    job = {"spec": {"kind": "k"}}
    bodies: dict[str, Any] = {
        "/api/v1/bulk/cancel": {"filter": {}},
        "/api/v1/bulk/retry": {"filter": {}},
        "/api/v1/jobs": job,
        "/api/v1/jobs/batch": {"items": [job]},
        "/api/v1/pipelines": {"name": "p", "steps": [{"key": "a", **job}]},
        "/api/v1/stream-tickets": {},
    }
    assert set(bodies) == {path for (_, path), (_, whose) in ROWS.items() if whose == "made"}
    for path, body in bodies.items():
        for owner in ("bob", ""):
            filter = {"owner": owner}
            of_another = {**body, "filter": filter} if "/bulk/" in path else {**body, **filter}
            if path.endswith("/batch"):
                of_another = {"items": [{**job, **filter}]}
            answer = await alice.post(f"/{path}", of_another, headers={"Idempotency-Key": new_key()})
            assert problem(answer) == (403, "forbidden"), path
        made = await alice.post(f"/{path}", body, headers={"Idempotency-Key": new_key()})
        assert made.status_code in (201, 202), path
        place = path.split("/")[3]
        id = (made.json().get("items") or [made.json()])[0].get("id")
        if id is not None:
            assert (await alice.get(f"/{place}/{id}")).status_code == 200, path
            assert problem(await bob.get(f"/{place}/{id}")) == (404, "not-found"), path


async def test_a_workers_verbs_reach_any_job_in_its_queues(serve: Serve) -> None:
    api = await serve(auth="token")
    tokens = api.services.tokens
    things = await things_of(api.as_(await tokens.create("alice", SCOPES)))
    worker = api.as_(await tokens.create("bob", ["work"]))
    elsewhere = api.as_(await tokens.create("bob", ["work"], queues=["other"]))
    owner = api.as_(await tokens.create("alice", ["read", "write"]))
    bodies: dict[str, dict[str, Any]] = {
        "heartbeat": {},
        "progress": {"current": 1},
        "log": {"message": "m"},
        "emit": {"type": "t"},
        "fail": {"error": "e"},
        "release": {},
        "complete": {},
    }
    leased = {path.rpartition("/")[2] for (_, path), (_, whose) in ROWS.items() if whose == "leased"}
    assert leased == set(bodies)
    for verb, body in bodies.items():
        path, asked = f"/jobs/{things['running']}/{verb}", {"attempt": 1, **body}
        assert problem(await owner.post(path, asked)) == (403, "forbidden")
        assert problem(await elsewhere.post(path, asked)) == (404, "not-found")
        stale = await worker.post(path, {**asked, "attempt": 9})
        assert problem(stale) == (409, "lease-lost"), verb
    told = await worker.post(f"/jobs/{things['running']}/complete", {"attempt": 1})
    assert told.json() == {"status": "done"}
    claim = {"worker": "w", "queues": [HERS]}
    assert problem(await owner.post("/leases", claim)) == (403, "forbidden")
    assert problem(await elsewhere.post("/leases", claim)) == (403, "forbidden")
    assert (await worker.post("/leases", claim)).json() == {"leases": []}


async def _pipeline(api: Api) -> str:
    body = {"name": HERS, "steps": [{"key": "a", "spec": {"kind": "k", "queue": "steps"}}]}
    answer = await api.post("/pipelines", body, headers={"Idempotency-Key": new_key()})
    return str(answer.json()["id"])
