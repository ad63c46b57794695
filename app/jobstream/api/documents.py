"""OpenAPI 3.1 at `/schema`: JSON to programs, a plain page to people. The page needs no script and nobody's server."""

from typing import Any

from litestar import Request, Response, Router
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from jobstream.api.access import open_to_all
from jobstream.api.negotiation import wants_page
from jobstream.api.reference import render
from jobstream.api.refusals import with_refusals

_DESCRIPTION = """\
Jobs in PostgreSQL, and every change of them as an event that can be followed live and picked up again exactly.

Errors are `application/problem+json` (RFC 9457) with a `type` of `urn:jobstream:problem:<name>`.
"""


def openapi(version: str) -> OpenAPIConfig:
    """How the documents are made and where they are."""
    return OpenAPIConfig(
        title="jobstream",
        version=version,
        description=_DESCRIPTION,
        path="/schema",
        components=Components(
            security_schemes={
                "token": SecurityScheme(type="http", scheme="bearer", description="`jobstream tokens create`")
            }
        ),
        security=[{"token": []}],
        render_plugins=[_Page(path="/"), _Json()],
        openapi_router=Router(
            "/schema",
            route_handlers=[],
            include_in_schema=False,
            opt=open_to_all(),
            before_request=_json_for_programs,
        ),
    )


async def _json_for_programs(request: Request[Any, Any, Any]) -> Response[dict[str, Any]] | None:
    if request.url.path.rstrip("/").endswith("/schema") and not wants_page(request.headers.get("accept")):
        document = _located(request, with_refusals(request.app.openapi_schema.to_schema()))
        return Response(document, media_type="application/json")
    return None


class _Page(OpenAPIRenderPlugin):
    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return render(with_refusals(openapi_schema)).encode()


class _Json(JsonRenderPlugin):
    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return super().render(request, _located(request, with_refusals(openapi_schema)))


def _located(request: Request[Any, Any, Any], document: dict[str, Any]) -> dict[str, Any]:
    """The document with the address that its paths begin at: an application may have us under a prefix."""
    return {**document, "servers": [{"url": request.scope.get("root_path") or "/"}]}
