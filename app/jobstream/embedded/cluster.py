"""One data folder of PostgreSQL and what is done to it: make, configure, start, stop.

Must be called by one process at a time; knows nothing of who uses the server.

    <home>/postgres-18/        one folder a major version
        data/                  PGDATA, belongs to the server's account
        socket/                0700; whoever reaches it is let in without a password
        users/  lock           who uses the server now
        log  password  port    the password and the port are for loopback TCP
"""

import hashlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from jobstream.embedded.account import Account, server_account
from jobstream.embedded.binaries import Binaries, installation
from jobstream.embedded.errors import EmbeddedPostgresError
from jobstream.embedded.postmaster import POLL_SECONDS, Postmaster, is_alive, is_postmaster, read_pid, settled

SUPERUSER = "postgres"
START_SECONDS = 600  # crash recovery reads back up to max_wal_size and more; giving up early helps nobody
STOP_SECONDS = 120
ORPHANS_SECONDS = 60
INTERRUPTED_SECONDS = 5  # Ctrl-C during a start: wait this long for the server to appear, then stop it
LOG_BYTES = 16 * 1024 * 1024
SOCKET_PATH_BYTES = 100  # sun_path holds 104 bytes on macOS, 108 on Linux

SETTINGS: Mapping[str, str] = {
    "fsync": "on",
    "full_page_writes": "on",
    "jit": "off",  # statements here take well under a millisecond; compiling one takes longer
    "log_line_prefix": "%m [%p] %q%a ",
    "log_timezone": "UTC",
    "max_connections": "200",
    "password_encryption": "scram-sha-256",
    "shared_buffers": "128MB",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "unix_socket_permissions": "0700",
}


class Cluster:
    """The data folder of one major version under `home`."""

    def __init__(self, *, home: Path, binaries: Binaries, settings: Mapping[str, str]) -> None:
        self.folder = home / f"postgres-{binaries.major}"
        self.data = self.folder / "data"
        self.log = self.folder / "log"
        self.lock = self.folder / "lock"
        self.users = self.folder / "users"
        self._home = home
        self._binaries = binaries
        self._settings = {**SETTINGS, **settings}
        self._account = server_account()

    @property
    def binaries(self) -> Binaries:
        """The programs in use; for root perhaps a copy of those that were given."""
        return self._binaries

    def make_folders(self) -> None:
        """Make what is missing of our own folders; parents that exist keep their modes."""
        mode = 0o711 if self._account else 0o700
        missing = [path for path in (self._home, *self._home.parents) if not path.exists()]
        for path in [*reversed(missing), self.folder]:
            path.mkdir(mode=mode, exist_ok=True)
            if path in missing or path == self.folder:
                path.chmod(mode)  # whatever the umask was
        self.users.mkdir(mode=0o700, exist_ok=True)

    def password(self) -> str:
        """Return the superuser's password, for connections over TCP."""
        path = self.folder / "password"
        if not path.exists():
            _write_private(path, secrets.token_urlsafe(24))
        return path.read_text().strip()

    def prepare(self) -> None:
        """Make sure that the data folder is there and that the server's account can reach all it needs."""
        if self._account is not None:
            if not self._account.can("x", self.folder):
                raise EmbeddedPostgresError(
                    f"as root, PostgreSQL runs as {self._account.name!r}, and that account cannot reach "
                    f"{self.folder}: choose a folder such as /var/lib/jobstream"
                )
            self._binaries = self._reachable_binaries(self._account)
        if not (self.data / "PG_VERSION").exists():
            self._initialize()

    def running(self) -> Postmaster | None:
        """Return the live server, once it has finished starting or stopping."""
        server = settled(self.data, START_SECONDS)
        if server is not None and not server.is_ready:
            raise EmbeddedPostgresError(
                f"the server is {server.status} for {START_SECONDS} s: see {self.log}"
            )
        return server

    def start(self, *, tcp: bool) -> Postmaster:
        """Start the server and wait until it takes connections."""
        port = self._tcp_port() if tcp else 5432
        self._configure(port=port, tcp=tcp)
        for lock in (self.data / "postmaster.pid", *self._socket_folder(port).glob(".s.PGSQL.*.lock")):
            self._forget_stranger(lock)
        self._rotate_log()
        try:
            self._pg_ctl_start()
        except EmbeddedPostgresError:
            # Where our predecessor was killed at this point, its server may have come up before ours.
            if (server := self.running()) is None:
                raise
            return server
        except BaseException:
            if settled(self.data, INTERRUPTED_SECONDS) is not None:
                self.stop(mode="immediate")
            raise
        server = self.running()
        if server is None:
            raise EmbeddedPostgresError(f"the server ended right after its start: see {self.log}")
        return server

    def stop(self, *, mode: str = "fast") -> None:
        """Stop the server and wait until it is gone."""
        self._run("pg_ctl", "stop", "-w", "-t", str(STOP_SECONDS), "-m", mode, "-D", self.data)

    def ensure_database(self, server: Postmaster, name: str) -> None:
        """Make the database if it is missing."""
        psql: tuple[str | Path, ...] = (
            self._binaries.psql,
            *("-XAtq", "-v", "ON_ERROR_STOP=1", "-v", f"name={name}"),
            *("-h", server.socket_folder, "-p", str(server.port), "-U", SUPERUSER, "-d", "postgres"),
        )
        statement = "select format('create database %I', :'name') where not exists (select from pg_database where datname = :'name') \\gexec\n"
        try:
            subprocess.run(
                psql, input=statement, check=True, capture_output=True, text=True, env=_clean_environment()
            )
        except subprocess.CalledProcessError as error:
            raise EmbeddedPostgresError(f"could not make the database {name!r}: {error.stderr}") from error

    def _initialize(self) -> None:
        """Run initdb into a folder beside, so that an interrupted one is never taken for a finished one.

        Each time under another name: where our predecessor was killed, its initdb may still be at work.
        """
        for left in self.folder.glob("data.new-*"):
            shutil.rmtree(left, ignore_errors=True)
        fresh = Path(tempfile.mkdtemp(prefix="data.new-", dir=self.folder))
        self._hand_over(fresh)
        modern = self._binaries.major >= 17
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if modern else []
        with tempfile.NamedTemporaryFile("w", dir=self.folder, prefix="password-") as secret:
            secret.write(self.password())
            secret.flush()
            self._hand_over(Path(secret.name))
            access = ["--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={secret.name}"]
            text = ["--encoding=UTF8", "--locale=C", *locale]
            self._run("initdb", f"--pgdata={fresh}", "-U", SUPERUSER, "--data-checksums", *text, *access)
        with (fresh / "postgresql.conf").open("a") as conf:
            conf.write("\ninclude_if_exists = 'jobstream.conf'\n")
        fresh.rename(self.data)

    def _configure(self, *, port: int, tcp: bool) -> None:
        own = {
            "listen_addresses": "127.0.0.1" if tcp else "",
            "port": str(port),
            "unix_socket_directories": str(self._socket_folder(port)),
        }
        lines = [f"{name} = {_quote(value)}\n" for name, value in {**self._settings, **own}.items()]
        text = "# Written anew at each start. Yours go into postgresql.auto.conf: alter system set …\n"
        path = self.data / "jobstream.conf"
        path.write_text(text + "".join(lines))
        self._hand_over(path)

    def _socket_folder(self, port: int) -> Path:
        """Return a folder that only the server's account enters, with a path that fits a socket's address."""
        folder = self.folder / "socket"
        if len(os.fsencode(folder / f".s.PGSQL.{port}")) > SOCKET_PATH_BYTES:
            digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
            folder = Path(tempfile.gettempdir()) / f"jobstream-{os.geteuid()}-{digest}"
        folder.mkdir(mode=0o700, exist_ok=True)
        owner = folder.lstat().st_uid
        if folder.is_symlink() or owner not in {os.geteuid(), self._account.uid if self._account else -1}:
            raise EmbeddedPostgresError(f"{folder} belongs to somebody else: remove it")
        self._hand_over(folder)
        folder.chmod(0o700)
        return folder

    def _tcp_port(self) -> int:
        """Return the port of last time if it is free, so that a saved connection goes on working; else any free one."""
        path = self.folder / "port"
        before = int(path.read_text()) if path.exists() else 0
        for candidate in (before, 0):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", candidate))
                except OSError:
                    continue
                port: int = probe.getsockname()[1]
                path.write_text(str(port))
                return port
        raise EmbeddedPostgresError("no free TCP port on 127.0.0.1")

    def _pg_ctl_start(self) -> None:
        """Start; where processes of a killed server still hold its memory, wait for their end."""
        deadline = time.monotonic() + ORPHANS_SECONDS
        while True:
            try:
                self._run("pg_ctl", "start", "-w", "-t", str(START_SECONDS), "-D", self.data, "-l", self.log)
            except EmbeddedPostgresError as error:
                if "pre-existing shared memory block" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(POLL_SECONDS)
            else:
                return

    def _forget_stranger(self, lock: Path) -> None:
        """Drop a lock file whose process id is now that of another program, or of one that ended and that nobody
        has asked for, as in a container without init: PostgreSQL would refuse to start.
        """
        pid = read_pid(lock)
        if pid is not None and is_alive(pid) and not is_postmaster(pid, self.data):
            lock.unlink(missing_ok=True)

    def _rotate_log(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_name("log.1"))
        self.log.touch(mode=0o600)
        self._hand_over(self.log)

    def _reachable_binaries(self, account: Account) -> Binaries:
        """Return programs that the account may run: a copy in our own folder where the originals are out of its reach."""
        if account.can("x", self._binaries.program("postgres")):
            return self._binaries
        sources = installation(self._binaries)
        target = self.folder / f"programs-{self._binaries.version}"
        if not target.exists():
            fresh = self.folder / "programs.new"
            shutil.rmtree(fresh, ignore_errors=True)
            for source in sources:
                shutil.copytree(source, fresh / source.name, symlinks=True)
            for path in (fresh, *fresh.rglob("*")):
                if not path.is_symlink():
                    path.chmod(
                        path.stat().st_mode
                        | (0o055 if path.is_dir() else (path.stat().st_mode >> 3) & 0o011 | 0o044)
                    )
            fresh.rename(target)
        folder = target / self._binaries.folder.relative_to(sources[0].parent)
        return Binaries(folder=folder, version=self._binaries.version)

    def _hand_over(self, path: Path) -> None:
        if self._account is not None:
            self._account.owns(path)

    def _run(self, program: str, *arguments: str | Path) -> None:
        """Run one of PostgreSQL's programs as the server's account.

        Into a file, not a pipe: a server that keeps our pipe open would keep us waiting for its end.
        """
        account = self._account
        with tempfile.TemporaryFile() as output:
            ended = subprocess.run(
                [self._binaries.program(program), *arguments],
                check=False,
                cwd=self.folder,
                env=_clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
            if ended.returncode != 0:
                output.seek(0)
                said = output.read().decode(errors="replace").strip()
                raise EmbeddedPostgresError(f"{program} {arguments[0]} failed: {said}{self._log_tail()}")

    def _log_tail(self) -> str:
        if not self.log.exists():
            return ""
        lines = self.log.read_text(errors="replace").splitlines()[-15:]
        return "\n".join([f"\nthe end of {self.log}:", *lines])


def _clean_environment() -> dict[str, str]:
    """Return our environment without libpq's variables: they would point the programs at another server."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _quote(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _write_private(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
