"""Queues and workers: who waits where, who works, and the limits of it."""

from typing import Annotated

from litestar import Controller, Response, get, patch
from litestar.params import JSONBody, PathParameter
from msgspec import UNSET, Meta, UnsetType

from jobstream.api.access import needs
from jobstream.api.answers import List, whole
from jobstream.api.dependencies import By, Shared
from jobstream.api.requests import Body
from jobstream.domain.queue import Queue, QueueChange, RateLimit
from jobstream.domain.worker import WorkerInfo
from jobstream.store.queues import QueueStore
from jobstream.store.workers import WorkerStore

_NO_STORE = {"Cache-Control": "no-store"}

QueueName = Annotated[
    str, PathParameter(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$", description="The queue.")
]
Whole = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Positive = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class RateLimitIn(Body, frozen=True, kw_only=True):
    """At most `count` claims in `per_seconds`."""

    count: Positive
    per_seconds: Positive


class SetQueue(Body, frozen=True, kw_only=True):
    """What is to be set; what is left out stays, null takes a limit away."""

    paused: bool | UnsetType = UNSET
    max_running: Whole | UnsetType | None = UNSET
    key_limit: Positive | UnsetType = UNSET
    rate_limit: RateLimitIn | UnsetType | None = UNSET
    retention_days: Annotated[int, Meta(ge=0, le=36_500)] | UnsetType = UNSET


class QueuesController(Controller):
    """`/queues`."""

    path = "/queues"
    tags = ("queues",)

    @get("/", opt=needs("read"))
    async def list(self, services: Shared, caller: By) -> Response[List[Queue]]:
        """Every queue: what stands in it, its settings, how long the oldest job has been pending."""
        return whole(await QueueStore(services.database).list(owner=caller.owner))

    @get("/{name:str}", opt=needs("read"))
    async def show(self, services: Shared, caller: By, name: QueueName) -> Response[Queue]:
        """One queue."""
        found = await QueueStore(services.database).get(name, owner=caller.owner)
        return Response(found, headers=_NO_STORE)

    @patch("/{name:str}", opt=needs("operate"))
    async def change(self, services: Shared, caller: By, name: QueueName, data: JSONBody[SetQueue]) -> Queue:
        """Pause or resume the queue, set its limits."""
        rate = data.rate_limit
        change = QueueChange(
            paused=data.paused,
            max_running=data.max_running,
            key_limit=data.key_limit,
            rate_limit=RateLimit(count=rate.count, per_seconds=rate.per_seconds)
            if isinstance(rate, RateLimitIn)
            else rate,
            retention_days=data.retention_days,
        )
        return await QueueStore(services.database).set(name, change, principal=caller.principal)


class WorkersController(Controller):
    """`/workers`."""

    path = "/workers"
    tags = ("workers",)

    @get("/", opt=needs("read"))
    async def list(self, services: Shared) -> Response[List[WorkerInfo]]:
        """The workers heard of within 30 s."""
        return whole(await WorkerStore(services.database).list_live())
