"""The README's code blocks, in order."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^## (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, the section that it stands in."""

    language: str
    text: str
    section: str


def blocks(text: str) -> list[Block]:
    """All fenced blocks of a document."""
    sections = [(found.start(), found[1]) for found in _SECTION.finditer(text)]
    return [
        Block(
            found[1],
            found[2],
            next((name for start, name in reversed(sections) if start < found.start()), ""),
        )
        for found in _BLOCK.finditer(text)
    ]
