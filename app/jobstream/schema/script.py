r"""Reads sql/install.sql, an ordered list of `\ir path` lines that psql runs as it stands, into one script.

The list is the table of contents of the schema. Files under roles/ make roles and grants; in the script they stand
between two markers, so that they can be left out where roles may not be made, of a frozen script too.
"""

import re
from collections.abc import Iterator
from pathlib import Path

INCLUDE = "\\ir "
ROLES = "roles/"
BEGIN_ROLES = "-- begin roles\n"
END_ROLES = "-- end roles\n"


def read_script(folder: Path) -> str:
    """Return the whole schema as SQL for one transaction, each file under a line that names it."""
    return "\n".join(_section(folder, path) for path in listed_files(folder))


def without_roles(script: str) -> str:
    """Return the script without the parts that make roles or grant to them."""
    return re.sub(f"(?s){re.escape(BEGIN_ROLES)}.*?{re.escape(END_ROLES)}", "", script)


def listed_files(folder: Path) -> list[str]:
    """Return the files that install.sql names, in its order."""
    return list(_included(folder / "install.sql"))


def _section(folder: Path, path: str) -> str:
    section = f"-- {path}\n{(folder / path).read_text().strip()}\n"
    return f"{BEGIN_ROLES}{section}{END_ROLES}" if path.startswith(ROLES) else section


def _included(install: Path) -> Iterator[str]:
    for number, line in enumerate(install.read_text().splitlines(), start=1):
        text = line.strip()
        if text.startswith(INCLUDE):
            yield text.removeprefix(INCLUDE).strip()
        elif text and not text.startswith(("--", "\\")):
            raise ValueError(
                f"{install.name}:{number}: only comments, \\ commands and \\ir lines belong here: {text}"
            )
