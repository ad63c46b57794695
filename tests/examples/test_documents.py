"""What the documents point at is there."""

import re
from collections.abc import Iterator
from pathlib import Path

from jobstream.settings import Settings
from tests.examples.readme import ROOT

DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)]*))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
METRIC = re.compile(r"\bjobstream_[a-z_]+(?=[`{)\[ ])")
METRICS = "".join((ROOT / "app/jobstream/api" / name).read_text() for name in ("metrics.py", "turnover.py"))
SOURCES = {path: path.read_text() for path in (ROOT / "app/jobstream").rglob("*.py")}


def anchors(document: Path) -> set[str]:
    """Of its headings, as GitHub makes them."""
    headings = HEADING.findall(document.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(document: Path) -> Iterator[str]:
    for path, anchor in LINK.findall(document.read_text()):
        if "://" in path:
            continue
        target = document.parent / path if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield f"{document.relative_to(ROOT)}: {path}#{anchor}"


def test_links_between_documents_lead_somewhere() -> None:
    assert [link for document in DOCUMENTS for link in broken(document)] == []


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs/README.md").read_text()
    pages = {str(path.relative_to(ROOT / "docs")) for path in ROOT.glob("docs/**/*.md")} - {"README.md"}
    assert {page for page in pages if not page.startswith("adr/") and f"({page})" not in index} == set()


def test_metrics_that_alerts_and_guides_name_exist() -> None:
    named = {
        name.removesuffix("_total")
        for page in ("deploy", "streams", "troubleshooting", "scaling")
        for name in METRIC.findall((ROOT / f"docs/{page}.md").read_text())
    }
    roles = {"jobstream_produce", "jobstream_work", "jobstream_operate", "jobstream_read"}
    assert len(named) > 10
    assert {name for name in named - roles if f'"{name}"' not in METRICS} == set()


def test_every_setting_is_described_and_something_reads_it() -> None:
    described = (ROOT / "README.md").read_text()
    readers = "".join(text for path, text in SOURCES.items() if path.name != "settings.py")
    for name in Settings.__struct_fields__:
        assert f"`JOBSTREAM_{name.upper()}`" in described, name
        assert re.search(rf"settings\.{name}\b", readers), f"nothing reads {name}"
