"""Reading a folder: which files, and what is in one. Plain functions, bounded in number, size and time.

Nothing here knows about jobs.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules", "build", "dist", "venv"})
LONGEST_SUFFIX = 8
CHUNK = 1 << 20
MOST_BYTES_A_FILE = 64 * CHUNK


class FileFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What one file holds. `lines` and `words` are null for binary files; `whole` is false where reading stopped early."""

    path: str
    type: str
    bytes: int
    sha256: str
    lines: int | None
    words: int | None
    whole: bool


def list_files(folder: Path, *, most: int) -> list[Path]:
    """Up to `most` regular files and links below `folder`; hidden folders and caches are left out.

    Links to folders are not followed. A link that leads nowhere is listed: that it cannot be read is for its job to say.
    Names that are no text are left out: JSON could not hold them.
    """
    return list(islice(_walk(folder), most))


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name not in SKIPPED_FOLDERS
        )
        for name in sorted(names):
            path = Path(parent, name)
            if _is_text(name) and _is_worth_a_job(path):
                yield path


def _is_text(name: str) -> bool:
    return name.isprintable()


def _is_worth_a_job(path: Path) -> bool:
    """Sockets, pipes and devices would block a reader for ever; they are no files to index."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True


def _type_of(path: Path, *, text: bool) -> str:
    """By the name where that says something: `7z` does, the `6` of `libm.so.6` does not."""
    suffix = path.suffix.removeprefix(".").lower()
    if suffix.isalnum() and not suffix.isdecimal() and len(suffix) <= LONGEST_SUFFIX:
        return suffix
    return "text" if text else "binary"


def read_facts(path: Path) -> FileFacts:
    """Hash and count one file, reading at most `MOST_BYTES_A_FILE`. Raises OSError where it cannot be read."""
    digest = hashlib.sha256()
    size = lines = words = 0
    text, inside_word = True, False
    with path.open("rb") as file:
        while size < MOST_BYTES_A_FILE and (chunk := file.read(CHUNK)):
            digest.update(chunk)
            size += len(chunk)
            text = text and b"\0" not in chunk
            if text:
                lines += chunk.count(b"\n")
                words += len(chunk.split()) - (inside_word and not chunk[:1].isspace())
                inside_word = not chunk[-1:].isspace()
        whole = not file.read(1)
    return FileFacts(
        path=str(path),
        type=_type_of(path, text=text),
        bytes=size,
        sha256=digest.hexdigest(),
        lines=lines if text else None,
        words=words if text else None,
        whole=whole,
    )
