"""Windows of several series as one: by a tag's value. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from liveops.window_query.merging import FIGURES, WindowJson, growth, is_mergeable, merge

#: Metric type, the tag's value and the window's start.
_Group = tuple[str, str, str]


def group_by(windows: Iterable[WindowJson], tag: str, window_s: int) -> list[WindowJson]:
    """Merge the series that share metric type, start and the value of `tag`.

    Open windows without a sketch (of services with thousands of series) are left out.
    """
    members: dict[_Group, list[WindowJson]] = {}
    for window in windows:
        if is_mergeable(window):
            group = (window["metric_type"], window["tags"].get(tag, ""), window["start"])
            members.setdefault(group, []).append(window)
    if not members:
        return []
    groups = sorted(members)
    ordered = [members[group] for group in groups]
    columns = zip(groups, ordered, merge(ordered).figures, strict=True)
    return [
        _window(mine, {tag: value} if value else {}, numbers, _elapsed_s(mine, window_s))
        for (_, value, _), mine, numbers in columns
    ]


def _elapsed_s(members: Sequence[WindowJson], window_s: int) -> float:
    longest_s: float = max(window["count"] / window["rate"] for window in members)
    return min(max(longest_s, 1.0), float(window_s))


def _window(
    members: Sequence[WindowJson], tags: dict[str, str], figures: Sequence[float], seconds: float
) -> WindowJson:
    first = members[0]
    return (
        dict(zip(FIGURES, figures, strict=False))
        | {
            "rate": figures[0] / seconds,
            "final": all(window["final"] for window in members),
            "metric_type": first["metric_type"],
            "start": first["start"],
            "end": first["end"],
            "tags": tags,
            "revision": max(window["revision"] for window in members),
        }
        | growth(members, seconds)
    )
