"""Windows of an hour or a day from shorter ones of the same series. Pure.

Counts, extremes, sums, increases and the buckets of the quantiles merge exactly, so that it
does not matter over how many steps a window was made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from liveops.window_query.merging import FIGURES, WindowJson, growth, is_mergeable, merge
from schema.times import format_edge, parse_edge

#: Service, metric type, sorted tags, and start of the longer window.
_Group = tuple[str, str, tuple[tuple[str, str], ...], int]


def by_time(windows: Iterable[WindowJson], size_s: int, over_s: float) -> list[WindowJson]:
    """Merge the windows of each series that lie in the same longer one of `size_s` seconds.

    A longer one that ends after `over_s` (epoch seconds) is not final. Open windows without
    a sketch (of services with thousands of series) are left out.
    """
    members: dict[_Group, list[WindowJson]] = {}
    for window in windows:
        if is_mergeable(window):
            tags = tuple(sorted(window["tags"].items()))
            start_s = int(parse_edge(window["start"])) // size_s * size_s
            group = (window["service_name"], window["metric_type"], tags, start_s)
            members.setdefault(group, []).append(window)
    if not members:
        return []
    groups = sorted(members)
    ordered = [sorted(members[group], key=_start) for group in groups]
    merged = merge(ordered, sketches=True)
    return [
        _window(mine, numbers, sketch, (start_s, size_s, over_s))
        for (*_, start_s), mine, numbers, sketch in zip(
            groups, ordered, merged.figures, merged.sketches, strict=True
        )
    ]


def _start(window: WindowJson) -> float:
    return parse_edge(window["start"])


def _window(
    members: Sequence[WindowJson],
    figures: Sequence[float],
    sketch: str,
    place: tuple[int, int, float],
) -> WindowJson:
    start_s, size_s, over_s = place
    newest = members[-1]
    final = start_s + size_s <= over_s and all(window["final"] for window in members)
    seconds = float(size_s) if final else _elapsed_s(newest, start_s, size_s)
    return (
        dict(zip(FIGURES, figures, strict=False))
        | {
            "rate": figures[0] / seconds,
            "final": final,
            "service_name": newest["service_name"],
            "metric_type": newest["metric_type"],
            "tags": newest["tags"],
            "kind": newest["kind"],
            "start": format_edge(start_s),
            "end": format_edge(start_s + size_s),
            "revision": max(window["revision"] for window in members),
            "sketch": sketch,
        }
        | growth(members, seconds)
    )


def _elapsed_s(newest: WindowJson, start_s: int, size_s: int) -> float:
    """Seconds of a longer window until where its newest part has come."""
    in_newest_s: float = newest["count"] / newest["rate"]
    return min(max(parse_edge(newest["start"]) - start_s + in_newest_s, 1.0), float(size_s))
