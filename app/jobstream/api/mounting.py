"""Where a host has put us, and a scope as if nobody stood between the server and us."""

from typing import Any, Final, Self, cast
from urllib.parse import quote

from litestar.types import Empty, Receive, Scope
from litestar.utils.scope.state import CONNECTION_STATE_KEY
from msgspec import Struct

HOST: Final = "jobstream.host"
"""Where the scope that our application sees keeps the host's."""

_HOSTS_OWN: Final = (
    "app",
    "auth",
    "endpoint",
    "litestar_app",
    "path_template",
    "route_handler",
    "router",
    "user",
)


class Mount(Struct, frozen=True):
    """The prefix under which the world knows us, as a URL has it, without a slash at its end; and the path below it."""

    root: str
    path: str

    @classmethod
    def of(cls, scope: Scope, prefix: str) -> Self | None:
        """Where a request goes that a host passed on; None if it is not below the prefix.

        ASGI's path has the root path in front. Some hosts take it away; both are understood.
        """
        root = scope.get("root_path", "").rstrip("/")
        path = scope["path"]
        below = below_prefix(path, root) if root else path
        local = below_prefix(path if below is None else below, prefix)
        return None if local is None else cls.at(root + prefix, local)

    @classmethod
    def at(cls, root: str, path: str) -> Self:
        """A mount by its decoded root, parts of which may be the client's: `/teams/{name}`."""
        return cls(quote(root), path)

    @property
    def lacks_slash(self) -> bool:
        """Whether this is our root without its slash, from which relative links would lead astray."""
        return not self.path and bool(self.root)

    def with_slash(self, scope: Scope) -> bytes:
        """The address of our root."""
        query = scope.get("query_string", b"")
        return f"{self.root}/".encode() + (b"?" + query if query else b"")


def below_prefix(path: str, prefix: str) -> str | None:
    """The path without the prefix in front; None where it lies elsewhere: /jobs-old is not below /jobs."""
    if path == prefix or path.startswith(f"{prefix}/"):
        return path[len(prefix) :]
    return None


def scope_within(scope: Scope, mount: Mount, receive: Receive) -> tuple[Scope, Receive]:
    """A scope of our own, so that neither side finds the other's routes, users or half-read requests in it."""
    outer = cast("dict[str, Any]", scope)
    inner = {name: value for name, value in outer.items() if name not in _HOSTS_OWN}
    state = dict(outer.get("state") or {})
    body = getattr(state.pop(CONNECTION_STATE_KEY, None), "body", Empty)
    inner |= {
        "root_path": mount.root,
        "path": mount.root + (mount.path or "/"),
        "path_params": {},
        "state": state,
        HOST: scope,
    }
    return cast("Scope", inner), receive if body is Empty else _again(body, receive)


def _again(body: bytes, receive: Receive) -> Receive:
    """A body that the host has read already, then what comes after it."""
    left: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Any:
        return left.pop() if left else await receive()

    return replay
