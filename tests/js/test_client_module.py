"""What is served as `/client.js` and the page's list of modules are whole."""

import json
import re
import subprocess
from pathlib import Path

from jobstream.dashboard import asset, client_module
from jobstream.dashboard.assets import STATIC
from tests.support import require


def test_client_is_one_module_with_the_names_of_the_package(tmp_path: Path) -> None:
    require("node")
    file = tmp_path / "client.mjs"
    file.write_bytes(client_module().body)
    script = (
        f"import({json.dumps(file.as_uri())}).then((made) => console.log(JSON.stringify(Object.keys(made))))"
    )
    told = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    assert json.loads(told.stdout) == [
        "FrameParser",
        "applyEvent",
        "connect",
        "follow",
        "isTerminal",
        "percentOf",
        "retryDelay",
        "summary",
    ]
    assert not re.search(rb"^import ", client_module().body, re.MULTILINE)


def test_page_asks_for_every_module_at_once() -> None:
    page = asset("index.html")
    assert page is not None
    listed = set(re.findall(r'modulepreload" href="assets/(.*?)"', page.body.decode()))
    assert listed == {str(file.relative_to(STATIC)) for file in STATIC.rglob("*.js")}


def test_only_files_of_the_page_are_handed_out() -> None:
    for path in ("../policy.py", "js/../../policy.py", "/etc/passwd", "js", "", "index.html\n", "js/none.js"):
        assert asset(path) is None
