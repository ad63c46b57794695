"""What npm would publish: the client, its types and its page of explanation, and nothing else."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support import require

CLIENT = Path(__file__).resolve().parents[2] / "clients" / "js"

pytestmark = pytest.mark.slow


def test_package_holds_the_client_and_its_types_and_nothing_else() -> None:
    require("npm")
    told = subprocess.run(
        ["npm", "pack", "--dry-run", "--json", "--ignore-scripts"],
        cwd=CLIENT,
        capture_output=True,
        text=True,
        check=True,
    )
    [packed] = json.loads(told.stdout)
    files = {file["path"] for file in packed["files"]}
    sources = {f"src/{file.name}" for file in (CLIENT / "src").iterdir()}
    told_besides = {"types/index.d.ts", "types/react.d.ts", "README.md", "LICENSE", "package.json"}
    assert files == sources | told_besides
    assert (CLIENT / "LICENSE").read_text() == (CLIENT.parents[1] / "LICENSE").read_text()
    # Out of the package nothing leads into the repository.
    assert "](.." not in (CLIENT / "README.md").read_text()
    manifest = json.loads((CLIENT / "package.json").read_text())
    assert "dependencies" not in manifest
    named = {path.removeprefix("./") for entry in manifest["exports"].values() for path in _paths(entry)}
    assert named <= files


def _paths(entry: str | dict[str, str]) -> list[str]:
    return [entry] if isinstance(entry, str) else list(entry.values())
