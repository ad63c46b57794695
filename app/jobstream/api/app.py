"""The web application: routes, guards, problems, documents."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from litestar import Litestar, Router
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.routes import HTTPRoute
from litestar.types import Message, Scope

from jobstream.api.access import admit
from jobstream.api.dependencies import COMMON
from jobstream.api.documents import openapi
from jobstream.api.head import HeadAsGet
from jobstream.api.parameters import refuse_unknown
from jobstream.api.problems import HANDLERS
from jobstream.api.routes.bulk import BulkController
from jobstream.api.routes.events import EventsController
from jobstream.api.routes.followed import FollowedController
from jobstream.api.routes.health import HealthController
from jobstream.api.routes.insight import InsightController
from jobstream.api.routes.jobs import JobsController
from jobstream.api.routes.leases import LeasesController, VerbsController
from jobstream.api.routes.page import PageController
from jobstream.api.routes.pipelines import PipelinesController
from jobstream.api.routes.queues import QueuesController, WorkersController
from jobstream.api.routes.schedules import SchedulesController
from jobstream.api.routes.session import SessionController
from jobstream.api.routes.summary import SummaryController
from jobstream.api.routes.tickets import TicketsController
from jobstream.api.security import secure
from jobstream.api.services import Services, running
from jobstream.api.strict import StrictRequest
from jobstream.api.throttle import throttle
from jobstream.settings import Settings

PREFIX = "/api/v1"
MAX_BODY = 16 * 1024 * 1024
_EXPOSED = ["ETag", "Event-Cursor", "Idempotent-Replayed", "Link", "Location", "Retry-After"]


def create_app(settings: Settings) -> Litestar:
    """An application that opens and closes what it works with in its lifespan."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with running(settings) as services:
            app.state.jobstream = services
            yield

    return _application(settings, lifespan=[lifespan])


def app_for(services: Services) -> Litestar:
    """An application around services that somebody else keeps running."""
    return _application(services.settings, state=State({"jobstream": services}))


def _application(settings: Settings, **options: Any) -> Litestar:
    api = Router(
        PREFIX,
        route_handlers=[
            BulkController,
            JobsController,
            EventsController,
            FollowedController,
            InsightController,
            LeasesController,
            VerbsController,
            PipelinesController,
            QueuesController,
            SchedulesController,
            SessionController,
            SummaryController,
            TicketsController,
            WorkersController,
        ],
    )
    app = Litestar(
        [api, HealthController, PageController],
        dependencies=COMMON,
        guards=[admit, throttle, refuse_unknown],
        before_send=[secure, tell_all_methods],
        exception_handlers=HANDLERS,
        request_class=StrictRequest,
        request_max_body_size=MAX_BODY,
        openapi_config=openapi(version("jobstream")),
        cors_config=_cors(settings),
        logging_config=None,
        **options,
    )
    app.asgi_handler = HeadAsGet(app.asgi_handler)
    return app


async def tell_all_methods(message: Message, scope: Scope) -> None:
    """The framework knows nothing of HEAD; its answers to OPTIONS know only of the methods that were registered first."""
    if message["type"] != "http.response.start":
        return
    if scope.get("method") == "OPTIONS" and "path_template" in scope:
        methods = _methods_of(scope)
    elif message["status"] == 405:
        said = next(value for name, value in message["headers"] if name.lower() == b"allow")
        methods = set(said.decode().split(", "))
    else:
        return
    if "GET" in methods:
        methods.add("HEAD")
    others = [each for each in message["headers"] if each[0].lower() != b"allow"]
    message["headers"] = [*others, (b"allow", ", ".join(sorted(methods)).encode())]


def _methods_of(scope: Scope) -> set[str]:
    routes = (route for route in scope["litestar_app"].routes if isinstance(route, HTTPRoute))
    return {
        method
        for route in routes
        if route.path_format == scope["path_template"]
        for method in route.route_handler_map
    }


def _cors(settings: Settings) -> CORSConfig | None:
    if not settings.cors_origins:
        return None
    return CORSConfig(
        allow_origins=list(settings.cors_origins),
        allow_headers=[
            "Authorization",
            "Content-Type",
            "Idempotency-Key",
            "If-None-Match",
            "Last-Event-ID",
            "Prefer",
        ],
        expose_headers=_EXPOSED,
        max_age=600,
    )
