"""Jobs, their streams and the dashboard inside a Litestar application, for its own users, behind its own guard.

uvicorn examples.litestar_app:app              # with JOBSTREAM_DATABASE_URL set
jobstream worker examples.litestar_app:jobs
curl -X POST localhost:8000/reports/2026 -H 'X-Api-Key: ada-key'
"""

from typing import Any

from litestar import Litestar, Request, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult, DefineMiddleware

from jobstream import Client, JobContext, JobStream
from jobstream.litestar import JobStreamPlugin, Principal

PEOPLE = {"ada-key": "ada", "grace-key": "grace", "guest-key": "guest", "ops-key": "ops"}

jobs = JobStream()


@jobs.job("report")
async def report(ctx: JobContext, args: dict[str, Any]) -> str:
    ctx.progress(1, 1, step="written")
    return f"the report of {args['year']}"


class ByKey(AbstractAuthenticationMiddleware):
    async def authenticate_request(
        self, connection: ASGIConnection[Any, Any, Any, Any]
    ) -> AuthenticationResult:
        name = PEOPLE.get(connection.headers.get("x-api-key", ""))
        if name is None:
            raise NotAuthorizedException
        return AuthenticationResult(user=name, auth=None)


def no_guests(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    if connection.user == "guest":
        raise PermissionDeniedException("guests have no jobs")


def principal(connection: ASGIConnection[Any, Any, Any, Any]) -> Principal:
    """Your own users, as the middleware found them."""
    return Principal(connection.user, ("operate",) if connection.user == "ops" else ("read", "write"))


@post("/reports/{year:int}", status_code=202)
async def order_report(
    request: Request[str, None, Any], year: int, job_client: NamedDependency[Client]
) -> dict[str, str]:
    job = await job_client.enqueue(report, {"year": year}, owner=request.user)
    return {"job": job.id, "events": f"/queue/api/v1/jobs/{job.id}/events"}


app = Litestar(
    [order_report],
    middleware=[DefineMiddleware(ByKey)],
    plugins=[JobStreamPlugin("/queue", principal=principal, guards=[no_guests])],
)
