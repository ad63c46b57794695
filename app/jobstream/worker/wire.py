"""What a worker and the processes of its handlers say to each other: messages with their length before them."""

from datetime import datetime

import msgspec
from msgspec import Struct

from jobstream.store.reports import Note, Upstream
from jobstream.worker.logs import LogSettings
from jobstream.worker.outcome import Decided

HEADER = 4
"""Bytes of a message's length."""


class Start(Struct, frozen=True, kw_only=True):
    """What a child is told when it is made, as an argument. `path` is the worker's `sys.path`."""

    socket: int
    parent: int
    path: list[str]
    logs: LogSettings | None


class Run(Struct, frozen=True, kw_only=True, tag="run"):
    """Run this job. `module` and `place` say where its handler is to be found; `args`, `job` are JSON."""

    module: str
    place: str
    id: str
    attempt: int
    kind: str
    queue: str
    priority: int
    args: str
    timeout_seconds: int | None
    await_jobs: list[str] | None
    lease_until: datetime
    job: bytes
    upstream: list[Upstream] | None


class Cancel(Struct, frozen=True, tag="cancel"):
    """The job in hand should stop."""


class Quit(Struct, frozen=True, tag="quit"):
    """No more jobs: end."""


class Began(Struct, frozen=True, tag="began"):
    """All is imported and read, the handler begins."""


class Noted(Struct, frozen=True, tag="noted"):
    """The handler said something."""

    note: Note


class Ended(Struct, frozen=True, tag="ended"):
    """The handler is over."""

    decided: Decided


ToChild = Run | Cancel | Quit
FromChild = Began | Noted | Ended

_encoder = msgspec.msgpack.Encoder()
read_in_child = msgspec.msgpack.Decoder(ToChild).decode
read_from_child = msgspec.msgpack.Decoder(FromChild).decode


def framed(message: ToChild | FromChild) -> bytes:
    """The message as it is sent."""
    body = _encoder.encode(message)
    return len(body).to_bytes(HEADER, "big") + body
