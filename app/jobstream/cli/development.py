"""Web server and worker in one process: what `jobstream dev` runs, and examples beside their own work.

Signals are left to whoever composes. Leaving the block drains both, in seconds rather than minutes: nobody deploys here.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager

from jobstream.api import app_for, running
from jobstream.api.server import Server, address_of, bind
from jobstream.application import JobStream
from jobstream.cli.listening import explained
from jobstream.cli.running import WorkerOptions, worker_for
from jobstream.settings import Settings
from jobstream.worker.supervisor import Worker

DRAIN_SECONDS = 1.0
GRACE_SECONDS = 3.0


class Development:
    """What runs inside; `hurry` ends it without waiting for jobs and clients."""

    def __init__(self, *, address: str, server: Server, worker: Worker) -> None:
        """`address` is where HTTP is answered."""
        self.address = address
        self._server = server
        self._worker = worker

    @property
    def stuck(self) -> bool:
        """Whether a handler ignored its cancellation."""
        return self._worker.left_behind

    def stop(self) -> None:
        """Begin the end; called again, hurry."""
        self._worker.stop()
        self._server.handle_exit(signal.SIGTERM, None)


@asynccontextmanager
async def development(app: JobStream, url: str, settings: Settings) -> AsyncIterator[Development]:
    """Web server and one worker on a migrated database, ready inside and ended when it is left.

    Raises SettingsError, DatabaseUnavailable, SchemaOutdated, CommandFailed (the port is taken).
    """
    options = WorkerOptions(grace=GRACE_SECONDS)
    ready = asyncio.Event()
    failure: Exception | None = None
    with explained(settings), closing(bind(settings.host, settings.port)) as listening:
        async with running(settings) as services, worker_for(app, url, settings, options) as worker:
            server = _Quiet(services, app=app_for(services), announce=ready.set)
            both = Development(address=address_of(listening), server=server, worker=worker)
            async with asyncio.TaskGroup() as group:
                tasks = {
                    group.create_task(server.serve(sockets=[listening]), name="web server"),
                    group.create_task(worker.run(), name="worker"),
                }
                try:
                    await ready.wait()
                    yield both
                except Exception as error:  # noqa: BLE001 -- raised below, outside of the groups, which would wrap it
                    failure = error
                finally:
                    both.stop()
                    # Waited for here: a group that is left by an error would cancel them in the middle of their end.
                    await asyncio.wait(tasks)
    if failure is not None:
        raise failure


class _Quiet(Server):
    """A server that takes no signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them as they are."""
        yield
