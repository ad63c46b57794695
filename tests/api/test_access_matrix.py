"""Every route with every credential. The routes are the application's own: one without a row here fails."""

from datetime import UTC, datetime, timedelta

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
ROWS: dict[Route, str] = {
    ("GET", "/"): "open",
    ("GET", "/assets/{path}"): "open",
    ("GET", "/client.js"): "open",
    ("GET", "/healthz"): "open",
    ("GET", "/metrics"): "open",
    ("GET", "/readyz"): "open",
    ("GET", "/schema"): "open",
    ("GET", "/schema/openapi.json"): "open",
    ("GET", "/schema/{path}"): "open",
    ("GET", "/api/v1/activity"): "operate",
    ("POST", "/api/v1/bulk/cancel"): "write",
    ("POST", "/api/v1/bulk/delete"): "operate",
    ("POST", "/api/v1/bulk/retry"): "write",
    ("GET", "/api/v1/bulk/{id}"): "read",
    ("GET", "/api/v1/bulk/{id}/events"): "read",
    ("GET", "/api/v1/errors"): "read",
    ("GET", "/api/v1/events"): "read",
    ("GET", "/api/v1/health"): "operate",
    ("GET", "/api/v1/jobs"): "read",
    ("POST", "/api/v1/jobs"): "write",
    ("POST", "/api/v1/jobs/batch"): "write",
    ("GET", "/api/v1/jobs/{id}"): "read",
    ("POST", "/api/v1/jobs/{id}/cancel"): "write",
    ("POST", "/api/v1/jobs/{id}/complete"): "work",
    ("POST", "/api/v1/jobs/{id}/emit"): "work",
    ("GET", "/api/v1/jobs/{id}/events"): "read",
    ("GET", "/api/v1/jobs/{id}/explain"): "read",
    ("POST", "/api/v1/jobs/{id}/fail"): "work",
    ("POST", "/api/v1/jobs/{id}/heartbeat"): "work",
    ("POST", "/api/v1/jobs/{id}/log"): "work",
    ("POST", "/api/v1/jobs/{id}/progress"): "work",
    ("POST", "/api/v1/jobs/{id}/release"): "work",
    ("POST", "/api/v1/jobs/{id}/reschedule"): "write",
    ("GET", "/api/v1/jobs/{id}/result"): "read",
    ("POST", "/api/v1/jobs/{id}/retry"): "write",
    ("POST", "/api/v1/jobs/{id}/run-now"): "write",
    ("POST", "/api/v1/leases"): "work",
    ("GET", "/api/v1/pipelines"): "read",
    ("POST", "/api/v1/pipelines"): "write",
    ("GET", "/api/v1/pipelines/{id}"): "read",
    ("POST", "/api/v1/pipelines/{id}/cancel"): "write",
    ("GET", "/api/v1/pipelines/{id}/events"): "read",
    ("POST", "/api/v1/pipelines/{id}/retry"): "write",
    ("GET", "/api/v1/queues"): "read",
    ("GET", "/api/v1/queues/{name}"): "read",
    ("PATCH", "/api/v1/queues/{name}"): "operate",
    ("GET", "/api/v1/schedules"): "read",
    ("DELETE", "/api/v1/schedules/{name}"): "operate",
    ("PUT", "/api/v1/schedules/{name}"): "operate",
    ("POST", "/api/v1/schedules/{name}/run"): "operate",
    ("GET", "/api/v1/session"): "read",
    ("DELETE", "/api/v1/session"): "open",
    ("POST", "/api/v1/session"): "open",
    ("GET", "/api/v1/stats"): "read",
    ("POST", "/api/v1/stream-tickets"): "read",
    ("GET", "/api/v1/summary"): "read",
    ("GET", "/api/v1/workers"): "read",
}


def routes_of(services: Services) -> set[Route]:
    return {
        (method, route.path_format)
        for route in app_for(services).routes
        if isinstance(route, HTTPRoute)
        for method in route.route_handler_map
        if method != "OPTIONS"
    }


async def ask(api: Api, route: Route, *, id: str = UNKNOWN, body: object = None) -> tuple[int, str]:
    """Status and problem of a request that does nothing where it is let in: its body says nothing."""
    method, path = route
    path = path.replace("{id}", id).replace("{name}", "unheard-of").replace("{path}", "none")
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
    for route, scope in ROWS.items():
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
        for route, wanted in ROWS.items():
            status, name = await ask(caller, route)
            if scope in HOLDERS[wanted]:
                assert status not in (401, 403), (route, scope)
                assert status < 500, (route, scope)
            else:
                assert (status, name) == (403, "forbidden"), (route, scope)


async def test_what_is_anothers_is_unknown(serve: Serve) -> None:
    api = await serve(auth="token")
    tokens = api.services.tokens
    alice = api.as_(await tokens.create("alice", ["read", "write"]))
    bob = api.as_(await tokens.create("bob", ["read", "write"]))
    ids = {
        "/jobs/": await alice.create(),
        "/pipelines/": await _pipeline(alice),
        "/bulk/": (await alice.post("/bulk/retry", {"filter": {"kind": "k"}})).json()["id"],
    }
    bodies = {"/api/v1/jobs/{id}/reschedule": {"at": "2100-01-01T00:00:00Z"}}
    for route, scope in ROWS.items():
        path = route[1]
        if "{id}" not in path or scope not in ("read", "write"):
            continue
        [id] = [id for place, id in ids.items() if place in path]
        body = bodies.get(path)
        assert await ask(bob, route, id=id, body=body) == (404, "not-found"), route
        status, _ = await ask(alice, route, id=id, body=body)
        assert status in (200, 202, 409), (route, status)


async def _pipeline(api: Api) -> str:
    body = {"name": "p", "steps": [{"key": "a", "spec": {"kind": "k"}}]}
    answer = await api.post("/pipelines", body, headers={"Idempotency-Key": new_key()})
    return str(answer.json()["id"])
