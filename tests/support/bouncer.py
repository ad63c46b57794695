"""Debian's PgBouncer in transaction mode, before the embedded server."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg

from tests.support.network import free_port
from tests.support.require import require, unavailable
from tests.support.waiting import eventually


@asynccontextmanager
async def bouncer_before(database_url: str, *, sessions: int = 2) -> AsyncIterator[str]:
    """Lend the database's URL through a PgBouncer that has so many of the server's sessions for all its clients."""
    require("pgbouncer")
    parts = urlsplit(database_url)
    sockets = parse_qs(parts.query).get("host")
    if not sockets:
        unavailable("needs the embedded server's socket")
        return
    port, name = free_port(), parts.path.removeprefix("/")
    # Not below pytest's own folder, which only root may enter where root runs the tests; the program runs as another.
    folder = Path(tempfile.mkdtemp(prefix="bouncer-"))
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        f"""
[databases]
{name} = host={sockets[0]} port={parse_qs(parts.query).get("port", ["5432"])[0]} user={parts.username} dbname={name}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
max_client_conn = 200
logfile = {folder}/log
"""
    )
    owner = Path(sockets[0]).stat()
    is_root = os.geteuid() == 0
    for place in (folder, settings) if is_root else ():
        os.chown(place, owner.st_uid, owner.st_gid)
    program = shutil.which("pgbouncer")
    assert program is not None
    server = subprocess.Popen(
        [program, str(settings)],
        user=owner.st_uid if is_root else None,
        stderr=subprocess.DEVNULL,
    )
    url = f"postgresql://anybody@127.0.0.1:{port}/{name}"

    async def answers() -> bool:
        assert server.poll() is None, (folder / "log").read_text()
        try:
            connection = await asyncpg.connect(url, statement_cache_size=0)
        except OSError:
            return False
        await connection.close()
        return True

    try:
        await eventually(answers)
        yield url
    finally:
        server.terminate()
        server.wait(10)
        shutil.rmtree(folder)
