"""What of a finished analysis has no evidence: looked at apart from the code that writes it."""

from __future__ import annotations

import re

from schema.analysis import Analysis

_CITED = re.compile(r"\[(E\d+)\]")
_SENTENCE = re.compile(r"(?<=[.\]])\s+(?=[^\[\s])")
#: What the code says where there is nothing to cite.
_PLAIN = (
    "It is too early to say whether it gets better or worse",
    "The cause is not clear from the data at hand",
    "The data does not single out a cause",
    "No metric of the affected services left its usual range",
    "Noticed at ",
    "In order of time: ",
)


def unfounded(analysis: Analysis) -> list[str]:
    """Sentences and actions without evidence, or with such that is not there."""
    known = {item.id for item in analysis.evidence}
    texts = [analysis.root_cause, analysis.technical_summary, analysis.executive_summary]
    parts = [part for text in texts for part in _SENTENCE.split(text) if part.strip()]
    parts += [part for item in analysis.suggested_actions for part in [item]]
    return [part for part in parts if not _stands(part, known)]


def _stands(part: str, known: set[str]) -> bool:
    cited = set(_CITED.findall(part))
    looked = re.search(r"beginning with (E\d+)", part)
    return cited <= known and bool(cited or looked or part.startswith(_PLAIN))
