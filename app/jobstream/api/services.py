"""What handlers work with, and the one place where it is put together and kept running.

`running` owns every task and connection of a web process: leaving it ends them all, the last to be used first.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

from jobstream.api.access import Authenticator
from jobstream.api.bell import Broadcast
from jobstream.api.credentials import CredentialWatch, TokenAuthenticator
from jobstream.api.local import authenticate_locally, check_bind
from jobstream.api.shared import Shared
from jobstream.api.streams.backfill import Backfills
from jobstream.api.streams.outlet import Pace, Ticker
from jobstream.api.streams.places import Places, at_most
from jobstream.api.streams.source import DIMENSIONS, Place, StoredEvents
from jobstream.api.streams.summary import Question
from jobstream.api.throttle import Throttle
from jobstream.api.tickets import Tickets
from jobstream.domain.job import Summary
from jobstream.errors import SettingsError
from jobstream.hub import Feed, Hub
from jobstream.maintenance import Maintenance
from jobstream.pacing import Patience
from jobstream.schema import check_events, check_schema
from jobstream.settings import Settings
from jobstream.store.events import EventStore
from jobstream.store.jobs import JobStore
from jobstream.store.leases import LeaseStore
from jobstream.store.listener import Listener
from jobstream.store.pool import Database
from jobstream.store.summaries import SummaryStore
from jobstream.store.tickets import TicketStore
from jobstream.store.tokens import TokenStore

_STREAMS_SHARE = 0.75
"""Of the drain window; the rest is for requests in flight and for closing."""

_HEARS_WITHIN = 2.0
"""Seconds that a start waits for the LISTEN connection."""

_CHANNELS = ("jobstream_events", "jobstream_ready")

_log = logging.getLogger("jobstream.api")


class Services:
    """The collaborators of one web process."""

    def __init__(self, *, settings: Settings, database: Database, listener: Listener) -> None:
        """Nothing runs yet."""
        self.settings = settings
        self.database = database
        self.listener = listener
        self.jobs = JobStore(database, raw=True)
        self.summary = SummaryStore(database)
        self.events = EventStore(database)
        self.leases = LeaseStore(database)
        self.tokens = TokenStore(database)
        self.hub: Hub[Place] = Hub(dimensions=DIMENSIONS)
        self.feed: Feed[Place] = Feed(hub=self.hub, source=StoredEvents(self.events))
        # Half the pool: whoever comes back must not keep others from being served.
        self.backfills = Backfills(events=self.events, hub=self.hub, at_once=max(1, settings.pool_size // 2))
        most = at_most()
        # With auth off everybody is one principal; with it none is to take all places.
        self.places = Places(most=most, each=most if settings.auth == "off" else most // 2)
        self.ticker = Ticker(Pace(heartbeat=settings.heartbeat_seconds))
        self.credentials = CredentialWatch(self.tokens, host_every=settings.heartbeat_seconds)
        self.summaries: Shared[Question, Summary] = Shared(self._summary, every=0.5)
        self.ready = Broadcast()
        self.rings: Counter[str] = Counter(dict.fromkeys(_CHANNELS, 0))
        self.throttle = Throttle(settings.write_rate)
        self.draining = asyncio.Event()
        self._drained_by = 0.0
        self.authenticate: Authenticator = (
            authenticate_locally if settings.auth == "off" else TokenAuthenticator(self.tokens)
        )
        self.tickets = Tickets(
            store=TicketStore(database, key=settings.secret_key),
            tokens=self.tokens,
            events=self.events,
            local=settings.auth == "off",
        )

    async def _summary(self, question: Question) -> Summary:
        filter, owner = question
        return await self.summary.get(filter, owner=owner)

    def heard(self, channel: str, _payload: str) -> None:
        """A bell rang."""
        self.rings[channel] += 1

    def drain(self) -> None:
        """Begin to go: not ready any more, open streams end one after the other within the drain window."""
        if not self.draining.is_set():
            window = self.settings.drain_seconds * _STREAMS_SHARE
            self._drained_by = asyncio.get_running_loop().time() + window
            self.draining.set()
            self.hub.drain(window)

    @property
    def drained(self) -> bool:
        """Whether all streams have ended, or the time for it has."""
        return self.draining.is_set() and (
            not len(self.ticker) or asyncio.get_running_loop().time() >= self._drained_by
        )


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Services]:
    """Services that live while inside.

    Raises SettingsError, DatabaseUnavailable, SchemaOutdated before anything is served.
    """
    check_bind(settings)
    url = settings.database_url
    if url is None:
        raise SettingsError(["JOBSTREAM_DATABASE_URL is not set"])
    async with Database.connect(
        url,
        size=settings.pool_size,
        application_name="jobstream serve",
        is_direct=settings.listen_url is None,
    ) as database:
        await check_schema(database)
        await check_events(database)
        listener = Listener(url=settings.listen_url or url, application_name="jobstream serve listener")
        services = Services(settings=settings, database=database, listener=listener)
        async with _tasks(services):
            yield services


@asynccontextmanager
async def _tasks(services: Services) -> AsyncIterator[None]:
    listener, feed = services.listener, services.feed
    maintenance = Maintenance.over(
        services.database, event_retention_days=services.settings.event_retention_days
    )
    listener.on_notify("jobstream_events", lambda _: feed.ring())
    listener.on_notify("jobstream_events", maintenance.bell)
    listener.on_notify("jobstream_ready", lambda _: services.ready.ring())
    for channel in _CHANNELS:
        listener.on_notify(channel, partial(services.heard, channel))
    listener.on_connect(feed.ring)
    hears = asyncio.Event()
    listener.on_connect(hears.set)
    components = {
        "listener": listener.run,
        "feed": feed.run,
        "ticker": services.ticker.run,
        "credentials": services.credentials.run,
        "maintenance": maintenance.run,
    }
    async with asyncio.TaskGroup() as group:
        started = [
            group.create_task(_supervised(name, run), name=f"jobstream {name}")
            for name, run in components.items()
        ]
        try:
            await _soon(hears)
            yield
        finally:
            for task in started:
                task.cancel()


async def _soon(hears: asyncio.Event) -> None:
    """Whoever is told the address finds a server that is ready; one that cannot hear bells polls, and serves all the same."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_HEARS_WITHIN):
            await hears.wait()


async def _supervised(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Run a component for good. They wait out a database that is away by themselves; what ends them is a fault of ours,
    which must not take the streams and requests down that it does not touch.
    """
    patience = Patience()
    while True:
        try:
            await run()
        except Exception:  # noqa: BLE001  (whatever it is, the other components go on)
            pause = patience.failed()
            _log.exception("%s failed; starting it again in %.1f s", name, pause)
            await asyncio.sleep(pause)
