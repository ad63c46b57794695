"""The LISTEN connection of a process: one, direct, watched, and made again when it is lost.

A notification is a hint: whoever listens reads the tables. Between losing a connection and the callback of the next
one nothing was heard, so a step must follow `on_connect`.
"""

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import asyncpg

from jobstream.errors import DatabaseUnavailable, JobStreamError
from jobstream.store import workers
from jobstream.store.pool import plain_url
from jobstream.store.sqlstates import mapped_errors

NotifyCallback = Callable[[str], None]
Callback = Callable[[], None]

_CONNECT_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 5.0
_LOCK_RETRY_SECONDS: Final = 0.5
# A machine that vanished must not keep its locks: the server notices within 25 s, we by the probe.
_KEEPALIVES: Final = """
select
    set_config('tcp_keepalives_idle', '10', false),
    set_config('tcp_keepalives_interval', '5', false),
    set_config('tcp_keepalives_count', '3', false)
"""

logger = logging.getLogger(__name__)


class Listener:
    """Owns one connection and listens on several channels. All callbacks are synchronous and must not block."""

    def __init__(
        self,
        *,
        url: str,
        application_name: str = "jobstream listener",
        enabled: bool = True,
        probe_seconds: float = 10.0,
        retry_seconds: float = 0.1,
        max_retry_seconds: float = 10.0,
    ) -> None:
        """`enabled=False` never connects: callers poll. Back-off between connects doubles up to the maximum."""
        self._url = plain_url(url)
        self._application_name = application_name
        self._enabled = enabled
        self._probe_seconds = probe_seconds
        self._retry_seconds = retry_seconds
        self._max_retry_seconds = max_retry_seconds
        self._channels: dict[str, list[NotifyCallback]] = defaultdict(list)
        self._connect_callbacks: list[Callback] = []
        self._loss_callbacks: list[Callback] = []
        self._listening: set[str] = set()
        self._session: asyncpg.Connection[asyncpg.Record] | None = None
        self._held: tuple[str, int] | None = None
        self._is_stale = False
        self._taken: tuple[str, int] | None = None
        self._woken = asyncio.Event()

    @property
    def enabled(self) -> bool:
        """Whether it listens at all."""
        return self._enabled

    @property
    def connected(self) -> bool:
        """Whether notifications are heard just now."""
        return self._session is not None

    @property
    def backend_pid(self) -> int | None:
        """The backend of the present connection."""
        return None if self._session is None else self._session.get_server_pid()

    def on_notify(self, channel: str, callback: NotifyCallback) -> Callback:
        """Calls back with the payload of each notification on the channel. Before `run`, or while it runs.

        Returns a function that ends it.
        """
        self._channels[channel].append(callback)
        self._woken.set()
        return lambda: self._channels[channel].remove(callback)

    def on_connect(self, callback: Callback) -> Callback:
        """Calls back after each connect, once LISTEN is in effect: step now. Returns a function that ends it."""
        self._connect_callbacks.append(callback)
        return lambda: self._connect_callbacks.remove(callback)

    def on_loss(self, callback: Callback) -> Callback:
        """Calls back when a connection was lost. Returns a function that ends it."""
        self._loss_callbacks.append(callback)
        return lambda: self._loss_callbacks.remove(callback)

    async def hold(self, worker: str, number: int) -> None:
        """Has the worker's advisory lock taken on this session and its row attached to it, now and on each reconnect."""
        self._held = (worker, number)
        self._woken.set()

    async def let_go(self) -> None:
        """Has the worker's lock given back."""
        self._held = None
        self._woken.set()

    def attach_again(self) -> None:
        """Has the worker's row attached anew: it was detached for a connection that is back by now."""
        self._is_stale = True
        self._woken.set()

    async def run(self) -> None:
        """Connects, listens and reconnects until cancelled; then closes the connection."""
        failures = 0
        while self._enabled:
            try:
                with mapped_errors():
                    await self._run_session()
            except (JobStreamError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                failures = 1 if self.connected else failures + 1
                logger.warning("the LISTEN connection is lost: %s", error)
            finally:
                lost, self._session = self._session, None
            if lost is not None:
                _call_all(self._loss_callbacks)
            # The jitter keeps a fleet from coming back to a restarted server all at once.
            longest = min(self._max_retry_seconds, self._retry_seconds * 2.0 ** min(failures - 1, 30))
            await asyncio.sleep(longest * random.uniform(0.5, 1.0))

    async def _run_session(self) -> None:
        connection = await asyncpg.connect(
            self._url,
            timeout=_CONNECT_SECONDS,
            command_timeout=_ANSWER_SECONDS,
            statement_cache_size=0,
            server_settings={"application_name": self._application_name},
        )
        try:
            connection.add_termination_listener(lambda _: self._woken.set())
            self._listening, self._taken = set(), None
            await connection.execute(_KEEPALIVES)
            while True:
                if connection.is_closed():
                    raise DatabaseUnavailable("the server closed it")
                self._woken.clear()
                await self._listen(connection)
                await self._keep_lock(connection)
                await self._wait()
                if not self._woken.is_set():
                    await connection.execute("select")
        finally:
            await _close(connection)

    async def _listen(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        """Listens on what was added, and calls back: the driver passes on nothing before LISTEN has returned."""
        added = self._channels.keys() - self._listening
        for channel in added:
            await connection.add_listener(channel, self._hear)
            self._listening.add(channel)
        if added or self._session is None:
            self._session = connection
            _call_all(self._connect_callbacks)

    async def _keep_lock(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        if self._taken == self._held and not self._is_stale:
            return
        self._is_stale = False
        if self._taken is not None:
            await workers.release(connection, self._taken[1])
            self._taken = None
        if self._held is not None and await workers.try_attach(connection, *self._held):
            self._taken = self._held

    async def _wait(self) -> None:
        """Until something changed or a probe is due; soon again while a former session has the lock yet."""
        seconds = self._probe_seconds if self._taken == self._held else _LOCK_RETRY_SECONDS
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()

    def _hear(self, connection: Any, pid: int, channel: str, payload: object) -> None:
        for callback in tuple(self._channels[channel]):
            callback(str(payload))


def _call_all(callbacks: list[Callback]) -> None:
    for callback in tuple(callbacks):
        callback()


async def _close(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    try:
        await connection.close(timeout=2)
    except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()
