"""The code blocks of our documentation, so that tests run what it says."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def snippets(page: str, heading: str) -> list[tuple[str, str]]:
    """Language and text of the blocks below a heading of a page in `docs/`, up to the next."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    below = re.split(rf"^#+ {re.escape(heading)}$", text, maxsplit=1, flags=re.MULTILINE)[1]
    section = re.split(r"^#+ (?!#)", _without_blocks_starting_with_hash(below), maxsplit=1,
                       flags=re.MULTILINE)[0]  # fmt: skip
    return [(language, code) for language, code in _BLOCK.findall(below[: len(section)])]


def _without_blocks_starting_with_hash(text: str) -> str:
    """The same length, comments within blocks hidden: they look like headings."""
    return _BLOCK.sub(lambda found: found[0].replace("#", " "), text)
