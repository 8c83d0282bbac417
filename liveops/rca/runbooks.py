"""Commands and links that a runbook has: the only ones that may be repeated. Pure.

A command is what stands in backticks, or a whole line, without a list's mark or a prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from schema.analysis import Evidence

_QUOTED = re.compile(r"`+([^`\n]+)`+")
_LINK = re.compile(r"https?://[^\s<>\"'`]*[^\s<>\"'`.,;:!?)\]]")
_MARK = re.compile(r"^\s*(?:[-*+]\s+|\d+[.)]\s+)?(?:[$#>]\s+)?")


def texts_of(cited: Iterable[Evidence]) -> str:
    """The runbooks among the cited facts."""
    runbooks = (item.ref.get("text") for item in cited if item.kind == "runbook")
    return "\n".join(str(text) for text in runbooks if text)


def without_known(text: str, runbook: str) -> str:
    """A claim without the commands and links that the runbook has, word for word.

    What only looks like one of them stays, and is then refused like any other.
    """
    if not runbook:
        return text
    commands = {_plain(found[1]) for found in _QUOTED.finditer(runbook)}
    commands |= {_plain(_MARK.sub("", line)) for line in runbook.splitlines()}
    links = set(_LINK.findall(runbook))
    text = _QUOTED.sub(lambda it: "…" if _plain(it[1]) in commands - {""} else it[0], text)
    return _LINK.sub(lambda it: "…" if it[0] in links else it[0], text)


def _plain(command: str) -> str:
    return " ".join(command.split()).strip("`")
