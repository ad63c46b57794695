"""jobstream as a guest: in hosts with rules, prefixes and middleware of their own, on a real socket."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, closing
from typing import Any

import httpx
import httpx_sse
import pytest
import uvicorn
from litestar import Litestar, Request, get
from litestar.config.compression import CompressionConfig
from litestar.config.cors import CORSConfig
from litestar.config.csrf import CSRFConfig
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException, ImproperlyConfiguredException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath
from litestar.response import Response
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse
from starlette.routing import Mount

import jobstream
from jobstream import Client, Principal
from jobstream.api.server import bind
from jobstream.errors import Forbidden, SettingsError
from jobstream.litestar import JobStreamPlugin
from jobstream.settings import Settings
from tests.api.support import problem
from tests.support import Connection, eventually

Connected = ASGIConnection[Any, Any, Any, Any]
ORIGIN = "https://shop.example"


@asynccontextmanager
async def hosted(app: Any, **config: Any) -> AsyncIterator[httpx.AsyncClient]:
    """That application on uvicorn as it comes, and a client of it."""
    with closing(bind("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on", **config))
        task = asyncio.create_task(server._serve([listening]))
        await eventually(lambda: server.started or task.done())
        try:
            assert server.started
            address = "http://127.0.0.1:{1}".format(*listening.getsockname())
            async with httpx.AsyncClient(base_url=address, timeout=15) as http:
                yield http
        finally:
            server.should_exit = True
            await task


def settings(url: str) -> Settings:
    return Settings(database_url=url, pool_size=2, drain_seconds=0.1)


def by_header(connection: Connected) -> Principal | None:
    name = connection.headers.get("x-user")
    return Principal(name, scopes=("read", "write", "work")) if name else None


def plugin(url: str, path: str = "/queue", **options: Any) -> JobStreamPlugin:
    return JobStreamPlugin(path, settings=settings(url), **{"principal": by_header, **options})


def mounted(url: str, path: str = "/queue", principal: Any = by_header, **options: Any) -> Starlette:
    jobs = jobstream.asgi(principal=principal, settings=settings(url))
    return Starlette(routes=[Mount(path, jobs)], lifespan=jobs.lifespan, **options)


HOSTS: dict[str, Callable[..., Any]] = {
    "litestar": lambda url, **options: Litestar(plugins=[plugin(url, **options)]),
    "starlette": mounted,
    "alone": lambda url, **options: jobstream.asgi(
        prefix="/queue", settings=settings(url), **{"principal": by_header, **options}
    ),
}
every_host = pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)


async def create(http: httpx.AsyncClient, prefix: str = "/queue", user: str = "ada") -> httpx.Response:
    return await http.post(
        f"{prefix}/api/v1/jobs",
        json={"spec": {"kind": "k"}},
        headers={"Idempotency-Key": "one", "X-User": user},
    )


@every_host
async def test_page_client_api_and_documents_work_below_the_prefix(database_url: str, host: Any) -> None:
    async with hosted(host(database_url)) as http:
        http.headers["x-user"] = "ada"
        bare = await http.get("/queue?a=b")
        assert bare.status_code in (307, 308)
        assert httpx.URL(bare.headers["location"]).raw_path == b"/queue/?a=b"
        page = await http.get("/queue/")
        assert 'src="assets/js/main.js"' in page.text
        assert (await http.get("/queue/assets/js/main.js")).status_code == 200
        assert "export" in (await http.get("/queue/client.js")).text
        assert (await http.get("/queue/readyz")).json()["status"] == "ok"
        document = (await http.get("/queue/schema", headers={"accept": "application/json"})).json()
        assert document["servers"] == [{"url": "/queue"}]
        session = (await http.get("/queue/api/v1/session")).json()
        assert (session["principal"], session["auth"]) == ("ada", "host")
        made = await create(http)
        assert made.headers["location"] == f"/queue/api/v1/jobs/{made.json()['id']}"
        assert (await http.get(made.headers["location"])).json()["owner"] == "ada"
        await http.post("/queue/api/v1/jobs/batch", json={"items": [{"spec": {"kind": "k"}}] * 2})
        listed = await http.get("/queue/api/v1/jobs?limit=1")
        assert listed.headers["link"].startswith("</queue/api/v1/jobs?limit=1&cursor=")
        assert (await http.get(listed.links["next"]["url"])).status_code == 200


@every_host
async def test_what_lies_elsewhere_is_the_hosts_own(database_url: str, host: Any) -> None:
    async with hosted(host(database_url)) as http:
        for path in ("/", "/api/v1/jobs", "/queues", "/queues/api/v1/jobs", "/x/queue/api/v1/jobs"):
            assert (await http.get(path)).status_code == 404, path
        assert problem(await http.get("/queue/api/v1/nothing")) == (404, "not-found")


@every_host
async def test_callers_are_whom_the_host_says_they_are(
    database_url: str, host: Any, conn: Connection
) -> None:
    async with hosted(host(database_url)) as http:
        job = (await create(http)).json()["id"]
        path = f"/queue/api/v1/jobs/{job}"
        assert problem(await http.get(path)) == (401, "unauthorized")
        assert problem(await http.get(path, headers={"X-User": "grace"})) == (404, "not-found")
        for closed in ("/queue/api/v1/health", "/queue/metrics"):
            assert problem(await http.get(closed, headers={"X-User": "ada"})) == (403, "forbidden")
        assert problem(await http.get("/queue/metrics")) == (401, "unauthorized")
        cancelled = await http.post(f"{path}/cancel", headers={"X-User": "ada"}, json={})
        assert cancelled.json()["status"] == "cancelled"
        assert await conn.fetchval("select by from jobstream.job_events order by id desc limit 1") == "ada"


async def test_colleagues_share_the_jobs_of_their_owner(database_url: str, conn: Connection) -> None:
    async def of_acme(connection: Connected) -> Principal:
        return Principal(connection.headers["x-user"], owner="acme")

    async with hosted(mounted(database_url, principal=of_acme)) as http:
        job = (await create(http, user="ada")).json()["id"]
        seen = await http.get(f"/queue/api/v1/jobs/{job}", headers={"X-User": "grace"})
        assert seen.json()["owner"] == "acme"
        assert problem(await http.get("/queue/api/v1/jobs?owner=ada", headers={"X-User": "ada"})) == (
            403,
            "forbidden",
        )
        listed = await http.get("/queue/api/v1/jobs?owner=acme", headers={"X-User": "grace"})
        assert len(listed.json()["items"]) == 1
        async with (
            httpx_sse.aconnect_sse(
                http, "GET", "/queue/api/v1/events?from=earliest", headers={"X-User": "grace"}
            ) as source,
            aclosing(source.aiter_sse()) as events,
        ):
            assert (await anext(events)).event == "hello"
            assert (await anext(events)).json()["job_id"] == job


async def test_our_tokens_count_where_the_host_knows_nobody(database_url: str, conn: Connection) -> None:
    token = await conn.fetchval("select jobstream.create_token('bob', '{read}')")
    async with hosted(mounted(database_url)) as http:
        bearer = {"Authorization": f"Bearer {token}"}
        session = (await http.get("/queue/api/v1/session", headers=bearer)).json()
        assert (session["principal"], session["auth"]) == ("bob", "token")
        signed_in = await http.post("/queue/api/v1/session", json={"token": token})
        assert "Path=/queue/" in signed_in.headers["set-cookie"]
        assert (await http.get("/queue/api/v1/jobs")).status_code == 200
        assert (await http.get("/queue/api/v1/jobs", headers={"X-User": "ada"})).status_code == 200


async def test_what_identifies_callers_may_refuse_and_its_faults_are_a_500(database_url: str) -> None:
    def strict(connection: Connected) -> Principal:
        match connection.headers.get("x-user"):
            case "ours":
                raise Forbidden("not on Mondays")
            case "litestar":
                raise HTTPException(status_code=403, detail="nor on Tuesdays")
        return Principal("", scopes=("everything",))

    async with hosted(mounted(database_url, principal=strict)) as http:
        for user, detail in (("ours", "not on Mondays"), ("litestar", "nor on Tuesdays")):
            refused = await http.get("/queue/api/v1/jobs", headers={"X-User": user})
            assert problem(refused) == (403, "forbidden")
            assert refused.json()["detail"] == detail
        assert problem(await http.get("/queue/api/v1/jobs")) == (500, "internal")


async def test_form_of_another_site_writes_nothing_with_the_hosts_cookie(database_url: str) -> None:
    def by_cookie(connection: Connected) -> Principal | None:
        name = connection.cookies.get("user")
        return Principal(name) if name else None

    async with hosted(mounted(database_url, principal=by_cookie)) as http:
        http.cookies.set("user", "ada")
        job = (await create(http)).json()["id"]
        cancel = f"/queue/api/v1/jobs/{job}/cancel"
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            assert problem(await http.post(cancel, headers=headers)) == (403, "forbidden")
        # What a browser asks about before, the host's own CORS rules have answered.
        asked = await http.post(cancel, headers={"Origin": ORIGIN}, json={})
        assert asked.json()["status"] == "cancelled"


async def test_guards_of_a_litestar_host_stand_before_everything(database_url: str) -> None:
    def no_guests(connection: Connected, _: BaseRouteHandler) -> None:
        if connection.headers.get("x-user") == "guest":
            raise PermissionDeniedException("no guests")

    async with hosted(Litestar(plugins=[plugin(database_url, guards=[no_guests])])) as http:
        for path in ("/queue", "/queue/", "/queue/client.js", "/queue/api/v1/jobs", "/queue/api/v1/events"):
            refused = await http.get(path, headers={"X-User": "guest"})
            assert (refused.status_code, refused.json()["detail"]) == (403, "no guests")
        assert (await http.get("/queue/api/v1/jobs", headers={"X-User": "ada"})).status_code == 200


async def test_principal_sees_the_connection_of_its_own_host(database_url: str) -> None:
    seen: list[Any] = []

    def look(connection: Connected) -> Principal:
        seen.append((connection.app, connection.scope["path"]))
        return Principal("ada")

    host = Litestar(plugins=[plugin(database_url, principal=look)])
    async with hosted(host) as http:
        assert (await http.get("/queue/api/v1/jobs")).status_code == 200
    assert seen == [(host, "/queue/api/v1/jobs")]


async def test_what_is_open_ends_when_the_host_says_something_else_of_its_caller(database_url: str) -> None:
    known = {"ada": ("read",), "grace": ("read",), "joan": ("read", "write", "work")}
    is_broken = False

    def who(connection: Connected) -> Principal | None:
        if is_broken:
            raise OSError("the host's own database is away")
        name = connection.headers["x-user"]
        scopes = generator.sample(known.get(name, ()), len(known.get(name, ())))
        return Principal(name, tuple(scopes)) if name in known else None

    generator = random.Random(5)
    often = Settings(database_url=database_url, pool_size=2, drain_seconds=0.1, heartbeat_seconds=0.1)
    async with (
        hosted(jobstream.asgi(prefix="/queue", principal=who, settings=often)) as http,
        stream_of(http, "ada") as ada,
        stream_of(http, "grace") as grace,
        stream_of(http, "joan") as joan,
        asyncio.TaskGroup() as tasks,
    ):
        headers = {"X-User": "ada", "Accept": "application/json"}
        poll = tasks.create_task(http.get("/queue/api/v1/events?wait=30", headers=headers))
        for events in (ada, grace, joan):
            assert [(await anext(events)).event for _ in range(2)] == ["hello", "heartbeat"]
        is_broken = True
        assert [(await anext(joan)).event for _ in range(3)] == ["heartbeat"] * 3
        is_broken = False
        del known["ada"]
        known["grace"] = ("write",)
        for events in (ada, grace):
            assert "end" not in [event.event async for event in events]
        assert problem(await poll) == (401, "unauthorized")
        assert (await anext(joan)).event == "heartbeat"


@asynccontextmanager
async def stream_of(http: httpx.AsyncClient, user: str) -> AsyncIterator[Any]:
    headers = {"X-User": user}
    async with (
        httpx_sse.aconnect_sse(http, "GET", "/queue/api/v1/events", headers=headers) as source,
        aclosing(source.aiter_sse()) as events,
    ):
        yield events


@get("/jobs-of-mine/{name:str}", sync_to_thread=False)
def neighbour(name: FromPath[str]) -> str:
    return name


async def test_two_prefixes_of_one_litestar_host_and_a_neighbour_that_begins_alike(database_url: str) -> None:
    prefixes = ("/jobs", "/jobs-of", "/jobs/inner")
    plugins = [plugin(database_url, path, client_name=f"c{n}") for n, path in enumerate(prefixes)]
    async with hosted(Litestar([neighbour], plugins=plugins, path="/base")) as http:
        for path in prefixes:
            made = await create(http, f"/base{path}", user=path[1:])
            assert made.headers["location"].startswith(f"/base{path}/api/v1/jobs/")
            assert (await http.get(f"/base{path}/")).status_code == 200
        assert (await http.get("/base/jobs-of-mine/x")).text == "x"


async def test_two_prefixes_of_one_starlette_host(database_url: str) -> None:
    one = jobstream.asgi(principal=by_header, settings=settings(database_url))
    other = jobstream.asgi(settings=settings(database_url))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with one.lifespan(), other.lifespan():
            yield

    host = Starlette(routes=[Mount("/api", one), Mount("/api2", other)], lifespan=lifespan)
    async with hosted(host) as http:
        made = await create(http, "/api")
        assert made.headers["location"] == f"/api/api/v1/jobs/{made.json()['id']}"
        assert (await http.get(made.headers["location"], headers={"X-User": "ada"})).status_code == 200
        assert problem(await create(http, "/api2")) == (401, "unauthorized")


async def test_prefix_may_have_parts_that_clients_choose_and_no_header_of_theirs_comes_of_it(
    database_url: str,
) -> None:
    def of_team(connection: Connected) -> Principal:
        return Principal("ada", owner=connection.scope["path_params"]["team"].strip())

    async with hosted(mounted(database_url, "/teams/{team}", principal=of_team)) as http:
        for team in ("red", "%0D%0ASet-Cookie:%20a=b"):
            made = await create(http, f"/teams/{team}")
            assert made.status_code == 202
            assert made.headers["location"].startswith(
                f"/teams/{team.replace(':', '%3A').replace('=', '%3D')}/api"
            )
            assert "set-cookie" not in made.headers
            seen = await http.get(made.headers["location"])
            assert seen.json()["owner"] in ("red", "Set-Cookie: a=b")
        listed = await http.get("/teams/red/api/v1/jobs")
        assert [job["owner"] for job in listed.json()["items"]] == ["red"]


def test_second_plugin_with_the_name_of_the_firsts_client_is_refused() -> None:
    plugins = [plugin("postgresql://nowhere", path) for path in ("/a", "/b")]
    with pytest.raises(ImproperlyConfiguredException, match="'job_client' is taken"):
        Litestar(plugins=plugins)


async def test_plugin_may_have_the_whole_of_what_the_host_leaves(database_url: str) -> None:
    async with hosted(Litestar([neighbour], plugins=[plugin(database_url, "/")])) as http:
        assert (await http.get("/jobs-of-mine/x")).text == "x"
        assert 'src="assets/js/main.js"' in (await http.get("/")).text
        assert (await create(http, "")).headers["location"].startswith("/api/v1/jobs/")


@every_host
async def test_root_path_of_a_proxy_that_takes_it_away_is_in_every_address(
    database_url: str, host: Any
) -> None:
    async with hosted(host(database_url), root_path="/tools") as http:
        made = await create(http)
        assert made.headers["location"] == f"/tools/queue/api/v1/jobs/{made.json()['id']}"
        bare = await http.get("/queue", headers={"X-User": "ada"})
        assert httpx.URL(bare.headers["location"]).path == "/tools/queue/"
        assert (await http.get("/queue/", headers={"X-User": "ada"})).status_code == 200


def host_with_its_own_rules(name: str, url: str) -> Any:
    def teapot(*_: Any) -> Response[str]:
        return Response("a teapot", status_code=418)

    if name == "litestar":
        return Litestar(
            plugins=[plugin(url)],
            exception_handlers={Exception: teapot, 404: teapot, 401: teapot},
            cors_config=CORSConfig(allow_origins=[ORIGIN], allow_credentials=True),
            compression_config=CompressionConfig(backend="gzip", minimum_size=1),
            csrf_config=CSRFConfig(secret="a secret of the host's"),
            after_request=lambda response: response,
        )

    def starlette_teapot(_: StarletteRequest, __: Exception) -> JSONResponse:
        return JSONResponse("a teapot", 418)

    cors = Middleware(CORSMiddleware, allow_origins=[ORIGIN], allow_credentials=True, allow_methods=["*"])
    return mounted(
        url,
        middleware=[cors, Middleware(GZipMiddleware, minimum_size=1)],
        exception_handlers={Exception: starlette_teapot, 404: starlette_teapot},
    )


@pytest.mark.parametrize("name", ["litestar", "starlette"])
async def test_host_with_exception_handlers_cors_compression_and_csrf_changes_nothing_of_ours(
    database_url: str, name: str
) -> None:
    async with hosted(host_with_its_own_rules(name, database_url)) as http:
        assert (await http.get("/nothing")).status_code == 418
        assert problem(await http.get("/queue/api/v1/nothing")) == (404, "not-found")
        assert problem(await http.get("/queue/api/v1/jobs")) == (401, "unauthorized")
        http.headers.update({"Origin": ORIGIN})
        job = (await create(http)).json()["id"]
        answer = await http.get(f"/queue/api/v1/jobs/{job}", headers={"X-User": "ada"})
        assert answer.headers.get_list("access-control-allow-origin") == [ORIGIN]
        script = await http.get("/queue/client.js")
        assert script.headers.get_list("access-control-allow-origin") in ([ORIGIN], ["*"])
        asked = await http.options(
            f"/queue/api/v1/jobs/{job}/cancel",
            headers={
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "content-type",
            },
        )
        assert asked.is_success
        assert asked.headers.get_list("access-control-allow-origin") == [ORIGIN]
        headers = {"X-User": "ada", "Accept-Encoding": "gzip"}
        # Litestar compresses streams too, but piece by piece: nothing waits for what comes after it.
        async with (
            httpx_sse.aconnect_sse(
                http, "GET", f"/queue/api/v1/jobs/{job}/events", headers=headers
            ) as source,
            aclosing(source.aiter_sse()) as events,
        ):
            assert [(await anext(events)).event for _ in range(2)] == ["hello", "status"]


async def test_body_that_the_host_has_read_already_is_there_for_us(database_url: str) -> None:
    def reading(app: Any) -> Any:
        async def middleware(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                await Request[Any, Any, Any](scope, receive, send).body()
            await app(scope, receive, send)

        return middleware

    async with hosted(Litestar(plugins=[plugin(database_url)], middleware=[reading])) as http:
        assert (await create(http)).status_code == 202


async def test_handlers_of_the_host_enqueue_by_the_client_of_the_plugin(
    database_url: str, conn: Connection
) -> None:
    @get("/order")
    async def order(job_client: NamedDependency[Client]) -> str:
        return str((await job_client.enqueue("k", owner="ada")).id)

    guest = plugin(database_url)
    with pytest.raises(RuntimeError, match="not started"):
        _ = guest.client
    async with hosted(Litestar([order], plugins=[guest])) as http:
        id = (await http.get("/order")).text
        assert await conn.fetchval("select owner from jobstream.jobs where id = $1", id) == "ada"


async def test_mounted_without_its_lifespan_it_says_so(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    host = Starlette(routes=[Mount("/queue", jobstream.asgi(settings=settings(database_url)))])
    async with hosted(host) as http:
        with caplog.at_level(logging.ERROR, "jobstream.api"):
            answer = await http.get("/queue/api/v1/jobs")
    assert (answer.status_code, answer.text) == (
        503,
        "jobstream was not started; the server's log says why\n",
    )
    assert "lifespan=jobs.lifespan" in caplog.text


async def test_lifespan_can_be_entered_again_but_not_twice_at_once(database_url: str) -> None:
    jobs = jobstream.asgi(settings=settings(database_url))
    for _ in range(2):
        async with jobs.lifespan():
            with pytest.raises(RuntimeError, match="twice"):
                async with jobs.lifespan():
                    pass


async def test_host_does_not_start_without_a_database(caplog: pytest.LogCaptureFixture) -> None:
    jobs = jobstream.asgi(settings=Settings())
    with pytest.raises(SettingsError, match="JOBSTREAM_DATABASE_URL"):
        async with jobs.lifespan():
            pass
    told: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan.startup"}

    async def send(message: dict[str, Any]) -> None:
        told.append(message)

    with caplog.at_level(logging.CRITICAL):
        await jobs({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)
    assert told == [{"type": "lifespan.startup.failed", "message": "JOBSTREAM_DATABASE_URL is not set"}]


def test_prefix_that_is_no_path_is_refused() -> None:
    for prefix in ("/a?b", "/a//b", "/{a}", "/a b"):
        with pytest.raises(ValueError, match="plain path"):
            jobstream.asgi(prefix=prefix, settings=Settings())


def test_principal_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="'everything' is no scope"):
        Principal("ada", scopes=("everything",))
    with pytest.raises(ValueError, match="1 to 256"):
        Principal("")
