"""The account that the server runs as. PostgreSQL refuses root, so root needs another one."""

import os
import pwd
import subprocess
import time
from pathlib import Path

import msgspec

from jobstream.embedded.errors import EmbeddedPostgresError

NAME = "jobstream"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account that is not ours; root's processes and files are handed to it."""

    name: str
    uid: int
    gid: int

    def owns(self, path: Path) -> None:
        """Hand one file or folder of ours to the account."""
        os.chown(path, self.uid, self.gid)

    def can(self, test: str, path: Path) -> bool:
        """Ask as the account itself, so that every folder on the way counts. `test` is one of test(1)'s letters."""
        asked = subprocess.run(
            ["/bin/sh", "-c", f'test -{test} "$1"', "sh", str(path)],
            check=False,
            cwd="/",
            user=self.uid,
            group=self.gid,
            extra_groups=[],
        )
        return asked.returncode == 0


def server_account() -> Account | None:
    """Return the account to run the server as; None where it is the caller's own. Root's is made when missing."""
    if os.geteuid() != 0:
        return None
    deadline = time.monotonic() + 10
    while (entry := _look_up()) is None:
        failure = _create()
        if failure and time.monotonic() > deadline:
            raise EmbeddedPostgresError(
                f"PostgreSQL does not run as root, and the account {NAME!r} could not be made ({failure}): "
                f"make it, or run as another user"
            )
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def _look_up() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(NAME)
    except KeyError:
        return None


def _create() -> str:
    """Try once; another process may be at it, and useradd refuses while it holds its lock."""
    command = [
        "useradd",
        "--system",
        "--user-group",
        "--no-create-home",
        "--shell",
        "/usr/sbin/nologin",
        NAME,
    ]
    try:
        made = subprocess.run(command, check=False, capture_output=True, text=True)
    except OSError as error:
        return str(error)
    if made.returncode == 0:
        return ""
    time.sleep(0.1)
    return made.stderr.strip() or f"useradd ended with {made.returncode}"
