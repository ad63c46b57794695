"""`/client.js`: the modules of the browser client, put one after the other into a single ES module.

Nobody has to build anything, and a page of another site loads one file. The modules keep to a form that makes this a
matter of lines: imports of each other stand on one line at the top, and no two of them declare the same name at their
top level (the tests of the browser client parse the result).
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from jobstream.dashboard.assets import Asset, make_asset

_ENTRY: Final = "index.js"
_IMPORT: Final = re.compile(r"^import (?:\{[^}]*\} from )?'\./(?P<file>[\w.-]+)';\n", re.MULTILINE)
_REEXPORT: Final = re.compile(r"^export \{(?P<names>[^}]*)\} from '\./(?P<file>[\w.-]+)';\n", re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async )?(?:function|class|const))", re.MULTILINE)
_HEAD: Final = "// The browser client of jobstream. Types and React hooks: the npm package `jobstream`.\n"


@cache
def client_module() -> Asset:
    """The whole client as one module. Raises FileNotFoundError where the installation is incomplete."""
    return make_asset(_joined(client_folder()).encode(), "js")


def client_folder() -> Path:
    """Where the client's modules are: in the package as `_client` once installed, else in the checkout."""
    package = Path(__file__).resolve().parents[1]
    candidates = (package / "_client", package.parents[1] / "clients" / "js" / "src")
    for folder in candidates:
        if (folder / _ENTRY).is_file():
            return folder
    raise FileNotFoundError(
        f"{_ENTRY} is in none of {', '.join(map(str, candidates))}: the installation is incomplete"
    )


def _joined(folder: Path) -> str:
    entry = (folder / _ENTRY).read_text(encoding="utf-8")
    names = [name.strip() for found in _REEXPORT.finditer(entry) for name in found["names"].split(",")]
    modules = [_bare(folder / file) for file in _in_order(folder, _ENTRY, set()) if file != _ENTRY]
    return "\n".join([_HEAD, *modules, f"export {{ {', '.join(names)} }};\n"])


def _in_order(folder: Path, file: str, seen: set[str]) -> Iterator[str]:
    """Each module after those that it imports."""
    seen.add(file)
    text = (folder / file).read_text(encoding="utf-8")
    found = sorted((*_IMPORT.finditer(text), *_REEXPORT.finditer(text)), key=lambda match: match.start())
    for match in found:
        if match["file"] not in seen:
            yield from _in_order(folder, match["file"], seen)
    yield file


def _bare(file: Path) -> str:
    text = _IMPORT.sub("", file.read_text(encoding="utf-8"))
    return f"// --- {file.name}\n{_EXPORT.sub('', text)}"
