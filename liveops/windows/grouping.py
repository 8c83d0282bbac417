"""Windows of several series as one: by a tag's value. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from liveops.windows.sketch import Sketch
from liveops.windows.summary import Summary, aggregate
from schema.metrics import POINT_FIELDS
from schema.times import parse_time_s

Point = dict[str, Any]


def newest(points: Iterable[Point]) -> list[Point]:
    """One point a (series, start): the highest revision, a closed one before an open one."""
    best: dict[tuple[str, tuple[tuple[str, str], ...], str], Point] = {}
    for point in points:
        key = (point["metric_type"], tuple(sorted(point["tags"].items())), point["start"])
        known = best.get(key)
        if known is None or _rank(point) > _rank(known):
            best[key] = point
    return sorted(
        best.values(), key=lambda p: (p["metric_type"], sorted(p["tags"].items()), p["start"])
    )


def _rank(point: Point) -> tuple[bool, int, int]:
    return bool(point["final"]), point["revision"], point["count"]


def group_by(points: Iterable[Point], tag: str, window_s: int) -> list[Point]:
    """Merge the series that share metric type, start and the value of `tag`."""
    groups: dict[tuple[str, str, str], list[Point]] = {}
    for point in points:
        key = (point["metric_type"], point["tags"].get(tag, ""), point["start"])
        groups.setdefault(key, []).append(point)
    return [
        _merged(members, {tag: value} if value else {}, window_s)
        for (_, value, _), members in sorted(groups.items())
    ]


def _merged(members: list[Point], tags: dict[str, str], window_s: int) -> Point:
    whole = Summary()
    for point in members:
        whole.merge(_summary(point))
    first = members[0]
    final = all(point["final"] for point in members)
    elapsed_s = max(point["count"] / point["rate"] for point in members)
    got = aggregate(
        whole,
        service="",
        metric_type=first["metric_type"],
        tags=tags,
        window="",
        start_s=int(parse_time_s(first["start"])),
        size_s=window_s,
        elapsed_s=elapsed_s,
        final=final,
        revision=max(point["revision"] for point in members),
    )
    point = {name: getattr(got, name) for name in POINT_FIELDS}
    place = {name: first[name] for name in ("metric_type", "start", "end")}
    return point | place | {"tags": tags, "revision": got.revision, "histogram": got.histogram}


def _summary(point: Point) -> Summary:
    summary = Summary()
    summary.count, summary.total = point["count"], point["sum"]
    summary.low, summary.high, summary.mean = point["min"], point["max"], point["mean"]
    summary.m2 = point["stddev"] ** 2 * point["count"]
    summary.sketch = Sketch.from_json(point["histogram"])
    return summary
