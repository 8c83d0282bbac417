"""Which windows answer a question about a span: as short as the number of points allows. Pure."""

from __future__ import annotations

from schema.metrics import ROLLUP_S, WINDOW_S

#: Asks for the choice.
AUTO = "auto"
#: Points of a series with `auto` alone.
USUAL_POINTS = 500
SIZES_S = {**WINDOW_S, **ROLLUP_S}


def window_for(asked: str, span_s: float, age_s: float, kept_s: float, max_points: int) -> str:
    """The shortest window, but not shorter than the one asked for, that gives few enough points.

    `age_s` is how long ago the span begins, `kept_s` how long windows are kept that are no
    rollups. The longest window when even that gives too many.
    """
    least_s = SIZES_S.get(asked, 0)
    for name, size_s in SIZES_S.items():
        is_kept = name in ROLLUP_S or age_s <= kept_s
        if size_s >= least_s and is_kept and span_s <= max_points * size_s:
            return name
    return name
