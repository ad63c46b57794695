"""Reads sql/install.sql, an ordered list of `\\ir path` lines that psql runs as it stands, into one script.

The list is the table of contents of the schema. Files under roles/ make roles and grants; they can be left out where
roles may not be made.
"""

from collections.abc import Iterator
from pathlib import Path

INCLUDE = "\\ir "
ROLES = "roles/"


def read_script(folder: Path, *, roles: bool = True) -> str:
    """Return the whole schema as SQL for one transaction, each file under a line that names it."""
    parts = [
        f"-- {path}\n{(folder / path).read_text().strip()}\n"
        for path in listed_files(folder)
        if roles or not path.startswith(ROLES)
    ]
    return "\n".join(parts)


def listed_files(folder: Path) -> list[str]:
    """Return the files that install.sql names, in its order."""
    return list(_included(folder / "install.sql"))


def _included(install: Path) -> Iterator[str]:
    for number, line in enumerate(install.read_text().splitlines(), start=1):
        text = line.strip()
        if text.startswith(INCLUDE):
            yield text.removeprefix(INCLUDE).strip()
        elif text and not text.startswith(("--", "\\")):
            raise ValueError(f"{install.name}:{number}: only comments, \\ commands and \\ir lines belong here: {text}")
