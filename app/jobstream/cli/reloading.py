"""Running a command anew whenever a Python file below the current folder changes: `worker --reload`.

The command runs as a child process, so that no module outlives its source. A change ends it with SIGTERM, which lets
jobs in hand finish within the grace.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

LOOK_EVERY = 0.5
SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules", "venv"})


def run_with_reload(arguments: Sequence[str]) -> int:
    """Run `jobstream ARGUMENTS` until it is interrupted, or ends by itself with nothing changed since."""
    # As an exception, SIGTERM takes the same way out as Ctrl-C: over the child's own orderly end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        before = snapshot(Path.cwd())
        child = subprocess.Popen([sys.executable, "-m", "jobstream.cli", *arguments])
        try:
            code = _until_change(child, before)
        except BaseException:
            _end(child)
            raise
        if code is None:
            print("a file changed; starting anew", file=sys.stderr, flush=True)
        else:
            print(f"ended with {code}; waiting for a change", file=sys.stderr, flush=True)
            _wait_for_change(before)


def snapshot(root: Path) -> dict[Path, int]:
    """The Python files below a folder, and when each was changed."""
    found: dict[Path, int] = {}
    for parent, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in SKIPPED_FOLDERS]
        for name in names:
            if name.endswith(".py"):
                path = Path(parent, name)
                found[path] = _changed_at(path)
    return found


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _until_change(child: "subprocess.Popen[bytes]", before: dict[Path, int]) -> int | None:
    """The child's exit code if it ended by itself; None if it was ended because of a change."""
    while child.poll() is None:
        time.sleep(LOOK_EVERY)
        if snapshot(Path.cwd()) != before:
            _end(child)
            return None
    return child.returncode


def _wait_for_change(before: dict[Path, int]) -> None:
    while snapshot(Path.cwd()) == before:
        time.sleep(LOOK_EVERY)


def _end(child: "subprocess.Popen[bytes]") -> None:
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
    child.wait()
