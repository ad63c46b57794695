"""The page, its files, and the browser client: the same for everybody, so no credential is asked for."""

from typing import Any, Final

from litestar import Controller, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from jobstream.api.access import open_to_all
from jobstream.api.dependencies import AnyRequest
from jobstream.api.negotiation import matches
from jobstream.dashboard import HEADERS, Asset, asset, client_module

_CLIENT_HEADERS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "no-cache",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}
"""Pages of other sites load the client too."""


class PageController(Controller):
    """No prefix."""

    include_in_schema = False
    opt = open_to_all()

    @get("/")
    async def page(self, request: AnyRequest) -> Response[Any]:
        """The dashboard. Its links are relative, so under a prefix the address must end in a slash."""
        path = request.url.path
        if not path.endswith("/"):
            return Response(None, status_code=308, headers={"Location": f"{path}/"})
        return _sent(request, asset("index.html"), HEADERS)

    @get("/assets/{path:path}")
    async def file(self, request: AnyRequest, path: FromPath[str]) -> Response[Any]:
        """A file of the page."""
        return _sent(request, asset(str(path).removeprefix("/")), HEADERS)

    @get("/client.js")
    async def client(self, request: AnyRequest) -> Response[Any]:
        """The browser client, one ES module."""
        return _sent(request, client_module(), _CLIENT_HEADERS)


def _sent(request: AnyRequest, file: Asset | None, headers: dict[str, str]) -> Response[Any]:
    if file is None:
        raise NotFoundException
    headers = {**headers, "ETag": file.etag}
    if matches(request.headers.get("if-none-match"), file.etag):
        return Response(None, status_code=304, headers=headers)
    return Response(file.body, media_type=file.media_type, headers=headers)
