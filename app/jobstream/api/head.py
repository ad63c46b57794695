"""HEAD, wherever there is a GET: the same answer without its body (RFC 9110 §9.3.2). The framework knows it as another method."""

from typing import Any

from litestar.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """Wraps an application. A stream that is only asked for its headers ends with them."""

    def __init__(self, app: ASGIApp) -> None:
        """What answers."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope.get("method") != "HEAD":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def receive_until_it_began() -> Any:
            return {"type": "http.disconnect"} if has_begun else await receive()

        async def send_head(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        asked: Any = {**scope, "method": "GET"}
        await self._app(asked, receive_until_it_began, send_head)
