"""Alive, ready, and figures: for load balancers, orchestrators and Prometheus, without a credential."""

from weakref import WeakKeyDictionary

from litestar import Controller, MediaType, Response, get
from msgspec import Struct

from jobstream.api.access import open_to_all
from jobstream.api.dependencies import Shared
from jobstream.api.metrics import MEDIA_TYPE, Metrics
from jobstream.api.services import Services
from jobstream.errors import JobStreamError
from jobstream.schema import check_schema

# Beside the services, which know nothing of Prometheus.
_METRICS: WeakKeyDictionary[Services, Metrics] = WeakKeyDictionary()


class Alive(Struct, frozen=True):
    """The process answers."""

    status: str = "ok"


class Readiness(Struct, frozen=True, kw_only=True):
    """Whether to send requests here, and what each part says."""

    status: str
    database: str
    schema: str
    listener: str
    draining: bool


class HealthController(Controller):
    """No prefix."""

    tags = ("health",)

    @get("/healthz", opt=open_to_all())
    async def alive(self) -> Alive:
        """The process is alive."""
        return Alive()

    @get("/readyz", opt=open_to_all())
    async def ready(self, services: Shared) -> Response[Readiness]:
        """The process can serve: 200, or 503 with what is missing."""
        database, schema = await _database(services)
        listener = "ok" if services.listener.connected else "not connected"
        draining = services.draining.is_set()
        good = not draining and {database, schema, listener} == {"ok"}
        return Response(
            Readiness(
                status="ok" if good else "unavailable",
                database=database,
                schema=schema,
                listener=listener,
                draining=draining,
            ),
            status_code=200 if good else 503,
            headers={"Cache-Control": "no-store"},
        )

    @get("/metrics", opt=open_to_all(inside="operate"), media_type=MediaType.TEXT)
    async def metrics(self, services: Shared) -> Response[bytes]:
        """Figures for Prometheus: open like the other two, so keep it from strangers in the proxy.

        Inside another application they take the scope `operate`.
        """
        text = await _METRICS.setdefault(services, Metrics()).text(services)
        return Response(text, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})


async def _database(services: Services) -> tuple[str, str]:
    try:
        await services.database.ping()
    except JobStreamError:
        return "unavailable", "unknown"
    try:
        await check_schema(services.database)
    except JobStreamError as error:
        return "ok", error.message
    return "ok", "ok"
