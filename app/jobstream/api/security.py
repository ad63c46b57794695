"""Headers that keep a browser from doing more with an answer than it is for: on all of them, whoever makes them.

What a route says itself (the page has a policy of its own) stands.
"""

import hashlib
from base64 import b64encode
from typing import Final

from litestar.types import Message, Scope

from jobstream.api.reference import STYLE

_STYLE: Final = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        # The one style that is written into a page: the reference's.
        f"style-src 'sha256-{_STYLE}'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""Nothing is run, loaded, sent or framed."""

HEADERS: Final[dict[bytes, bytes]] = {
    b"content-security-policy": CONTENT_SECURITY_POLICY.encode(),
    b"cross-origin-resource-policy": b"same-origin",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
}


async def secure(message: Message, scope: Scope) -> None:  # noqa: ARG001  (the framework's signature)
    """Puts the headers on an answer that begins."""
    if message["type"] == "http.response.start":
        headers = list(message["headers"])
        said = {name.lower() for name, _ in headers}
        message["headers"] = headers + [each for each in HEADERS.items() if each[0] not in said]
