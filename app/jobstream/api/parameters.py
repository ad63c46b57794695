"""Which query parameters a route knows: those that its handler and its dependencies declare, and no others."""

from functools import lru_cache
from typing import Any

from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.routes import HTTPRoute

from jobstream.api.access import method_of
from jobstream.api.queries import check_query


async def refuse_unknown(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """The guard that refuses requests with parameters that would otherwise be ignored in silence."""
    if method_of(connection) != "OPTIONS":
        # Guards are handed a copy of the handler; routes know the original.
        check_query(connection.query_params, *known_to(connection.app, connection.route_handler))


@lru_cache(maxsize=1_024)
def known_to(app: Litestar, handler: BaseRouteHandler) -> tuple[frozenset[str], frozenset[str]]:
    """The names, as they stand in the URL, and those of them that may stand there several times."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for known, model in route.route_handler_map.values():
                if known is handler:
                    declared = model.expected_query_params
                    return (
                        frozenset(each.field_alias for each in declared),
                        frozenset(each.field_alias for each in declared if each.is_sequence),
                    )
    return frozenset(), frozenset()
