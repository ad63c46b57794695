"""The page's files: read from the package, remembered until they change on disk."""

import hashlib
import re
from pathlib import Path
from typing import Final

from msgspec import Struct

STATIC: Final = Path(__file__).resolve().parent / "static"

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]*(?:/[a-z0-9][a-z0-9_-]*)*\.(?P<suffix>css|html|js|svg)\Z")
_MEDIA_TYPES: Final = {
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}


class Asset(Struct, frozen=True, kw_only=True):
    """A file as it is sent. `etag` comes with its quotes."""

    body: bytes
    media_type: str
    etag: str


class _Remembered(Struct, frozen=True):
    stamp: tuple[int, int]
    asset: Asset


_remembered: dict[str, _Remembered] = {}


def asset(path: str) -> Asset | None:
    """The file at that path, such as `js/main.js`. None: there is none, or the path is not one of a file of ours."""
    name = _NAME.match(path)
    if name is None:
        return None
    file = STATIC / path
    try:
        status = file.stat()
    except OSError:
        return None
    stamp = (status.st_mtime_ns, status.st_size)
    known = _remembered.get(path)
    if known is None or known.stamp != stamp:
        known = _Remembered(stamp, make_asset(file.read_bytes(), name["suffix"]))
        _remembered[path] = known
    return known.asset


def make_asset(body: bytes, suffix: str) -> Asset:
    """An asset of these bytes; its ETag is its content's."""
    digest = hashlib.sha256(body).hexdigest()[:24]
    return Asset(body=body, media_type=_MEDIA_TYPES[suffix], etag=f'"{digest}"')
