"""Which exposition format a scraper prefers, by the qualities of its `Accept` header."""

from __future__ import annotations

import re

_OPENMETRICS = "application/openmetrics-text"
#: What we write; a scraper that asks for another version alone gets text.
_VERSIONS = frozenset({"", "1.0.0"})
_QUALITY = re.compile(r"(0(\.\d{0,3})?|1(\.0{0,3})?)")


def prefers_openmetrics(accept: str) -> bool:
    """Whether OpenMetrics is asked for by name and no less than the text format.

    Whoever accepts anything gets text: it is what every reader of Prometheus can read.
    """
    wanted, text = 0.0, 0.0
    for item in accept.split(","):
        kind, version, quality = _parse(item)
        if kind == _OPENMETRICS and version in _VERSIONS:
            wanted = max(wanted, quality)
        elif kind in ("text/plain", "text/*") and version in ("", "0.0.4"):
            text = max(text, quality)
    return wanted > 0 and wanted >= text


def _parse(item: str) -> tuple[str, str, float]:
    """Media type, version and quality of one element; a broken quality is none at all."""
    kind, *parameters = (part.strip().lower() for part in item.split(";"))
    given = dict(part.split("=", 1) for part in parameters if "=" in part)
    quality = given.get("q", "1").strip()
    version = given.get("version", "").strip().strip('"')
    return kind, version, float(quality) if _QUALITY.fullmatch(quality) else 0.0
