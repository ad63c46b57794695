"""The LISTEN connection of a process: one, direct, watched, and made again when it is lost.

A notification is a hint: whoever listens reads the tables. Between losing a connection and the callback of the next
one nothing was heard, so a step must follow `on_connect`.
"""

from collections.abc import Callable

NotifyCallback = Callable[[str], None]
Callback = Callable[[], None]


class Listener:
    """Owns one connection and listens on several channels. All callbacks are synchronous and must not block."""

    def __init__(
        self,
        *,
        url: str,
        application_name: str = "jobstream",
        enabled: bool = True,
        probe_seconds: float = 10.0,
        retry_seconds: float = 0.1,
        max_retry_seconds: float = 10.0,
    ) -> None:
        """`enabled=False` never connects: callers poll. Back-off between connects doubles up to the maximum."""
        raise NotImplementedError

    @property
    def connected(self) -> bool:
        """Whether notifications are heard just now."""
        raise NotImplementedError

    @property
    def backend_pid(self) -> int | None:
        """The backend of the present connection."""
        raise NotImplementedError

    def on_notify(self, channel: str, callback: NotifyCallback) -> Callback:
        """Calls back with the payload of each notification on the channel. Before `run`, or while it runs.

        Returns a function that ends it.
        """
        raise NotImplementedError

    def on_connect(self, callback: Callback) -> Callback:
        """Calls back after each connect, once LISTEN is in effect: step now. Returns a function that ends it."""
        raise NotImplementedError

    def on_loss(self, callback: Callback) -> Callback:
        """Calls back when a connection was lost. Returns a function that ends it."""
        raise NotImplementedError

    async def hold(self, worker: str, number: int) -> None:
        """Takes the worker's advisory lock on this session and attaches its row to it, now and on each reconnect.

        Returns at once when there is no connection: it is done when there is one.
        """
        raise NotImplementedError

    async def let_go(self) -> None:
        """Gives the worker's lock back."""
        raise NotImplementedError

    async def run(self) -> None:
        """Connects, listens and reconnects until cancelled; then closes the connection."""
        raise NotImplementedError
