"""One process's use of the shared server: come in, connect, go out.

Protocol: whoever changes anything holds `lock`. Coming in: start the server if there is none, then count oneself.
Going out: count oneself no more; if nobody is left, stop it. A user that was killed is not counted (see users), so the
next one out stops the server in its place; a server that was killed is started anew by the next one in.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from jobstream.embedded.binaries import Binaries, find_binaries
from jobstream.embedded.cluster import SUPERUSER, Cluster
from jobstream.embedded.errors import EmbeddedPostgresError
from jobstream.embedded.postmaster import Postmaster, read_postmaster
from jobstream.embedded.users import Users, exclusive

DATABASE = "jobstream"


class EmbeddedServer:
    """A context manager: inside, a PostgreSQL server runs and `url` reaches it. Blocking: call it before the loop.

    `home` holds the data, one folder a major version. `tcp` also listens on 127.0.0.1, with a generated password.
    `settings` are added to ours in postgresql.conf when this process is the one to start the server.
    """

    def __init__(
        self,
        *,
        home: Path,
        binaries: Binaries | None = None,
        tcp: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        # Absolute, links kept: it is compared with the server's own command line.
        self._cluster = Cluster(
            home=home.absolute(), binaries=binaries or find_binaries(), settings=settings or {}
        )
        self._users = Users(self._cluster.users)
        self._tcp = tcp
        self._server: Postmaster | None = None

    def __enter__(self) -> Self:
        self.enter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.leave()

    @property
    def url(self) -> str:
        """The database's address over the socket; it names no driver."""
        return _socket_url(self._live)

    @property
    def tcp_url(self) -> str | None:
        """The address over loopback, password included; None where the server does not listen there."""
        if not self._live.listens_on:
            return None
        password = quote(self._cluster.password(), safe="")
        return f"postgresql://{SUPERUSER}:{password}@{self._live.listens_on}:{self._live.port}/{DATABASE}"

    @property
    def psql(self) -> Path:
        """The psql that comes with this server."""
        return self._cluster.binaries.psql

    @property
    def log(self) -> Path:
        """Where the server writes what happens to it."""
        return self._cluster.log

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._live.pid

    def enter(self) -> None:
        """Make sure that a server runs, and count this process as a user. Again: starts one that was killed since."""
        self._cluster.make_folders()
        with exclusive(self._cluster.lock):
            self._users.enter()
            try:
                self._cluster.prepare()
                self._server = self._shared() or self._start()
            except BaseException:
                self._go()
                raise

    def leave(self) -> None:
        """Count this process no more; the last one out stops the server."""
        with exclusive(self._cluster.lock):
            self._go()

    @property
    def _live(self) -> Postmaster:
        if self._server is None:
            raise EmbeddedPostgresError("the embedded server is used outside its block")
        return self._server

    def _shared(self) -> Postmaster | None:
        """Return the server that runs already, if it will do."""
        server = self._cluster.running()
        if server is not None and self._tcp and not server.listens_on:
            self._make_way_for_tcp()
            return None
        return server

    def _go(self) -> None:
        self._users.leave()
        self._server = None
        if not self._users.others() and self._cluster.running() is not None:
            self._cluster.stop()

    def _start(self) -> Postmaster:
        server = self._cluster.start(tcp=self._tcp)
        self._cluster.ensure_database(server, DATABASE)
        return server

    def _make_way_for_tcp(self) -> None:
        if others := self._users.others():
            pids = ", ".join(name.partition("-")[0] for name in others)
            raise EmbeddedPostgresError(
                f"the embedded server already runs without TCP, for process {pids}: stop that one, "
                f"or start it with --tcp too"
            )
        self._cluster.stop()


def remove_data(home: Path, binaries: Binaries | None = None) -> Path | None:
    """Delete the data of this version under `home`, and return its folder; refuse while somebody uses it."""
    cluster = Cluster(home=home.absolute(), binaries=binaries or find_binaries(), settings={})
    if not cluster.folder.exists():
        return None
    with exclusive(cluster.lock):
        if others := Users(cluster.users).others():
            raise EmbeddedPostgresError(
                f"the embedded server is in use by {len(others)} process(es): stop them first"
            )
        if cluster.running() is not None:
            cluster.stop()
        shutil.rmtree(cluster.folder)
    return cluster.folder


def running_url(home: Path) -> str | None:
    """Return the address of a server that runs for somebody else under `home`, the newest version first."""
    folders = sorted(home.absolute().glob("postgres-*"), key=lambda path: path.name, reverse=True)
    for folder in folders:
        server = read_postmaster(folder / "data")
        if server is not None and server.is_ready:
            return _socket_url(server)
    return None


def _socket_url(server: Postmaster) -> str:
    folder = quote(str(server.socket_folder), safe="/")
    return f"postgresql://{SUPERUSER}@/{DATABASE}?host={folder}&port={server.port}"
