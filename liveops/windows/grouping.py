"""Windows of several series as one: by a tag's value. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from liveops.windows.block import Block
from liveops.windows.buckets import Floats, Ints, keys_of, unpack
from liveops.windows.points import aggregates
from liveops.windows.state import ServiceWindows
from schema.metrics import POINT_FIELDS
from schema.series import series_id
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
    """Merge the series that share metric type, start and the value of `tag`.

    Open windows without a sketch (of services with thousands of series) are left out.
    """
    groups: dict[tuple[str, str, str], list[Point]] = {}
    for point in points:
        if "histogram" in point or "sketch" in point:
            key = (point["metric_type"], point["tags"].get(tag, ""), point["start"])
            groups.setdefault(key, []).append(point)
    return [
        _merged(members, {tag: value} if value else {}, window_s)
        for (_, value, _), members in sorted(groups.items())
    ]


def _merged(members: list[Point], tags: dict[str, str], window_s: int) -> Point:
    whole = Block()
    for point in members:
        whole.put(_ONE, _columns(point), *_buckets(point))
    first = members[0]
    elapsed_s = max(point["count"] / point["rate"] for point in members)
    service = ServiceWindows("", 0, series=[series_id("", first["metric_type"], tags)])
    start_s = int(parse_time_s(first["start"]))
    final = all(point["final"] for point in members)
    window = ("", window_s, start_s)
    (got,) = aggregates(service, whole, window, _ONE, elapsed_s=elapsed_s, final=final)
    point = {name: getattr(got, name) for name in POINT_FIELDS}
    place = {name: first[name] for name in ("metric_type", "start", "end")}
    return point | place | {"tags": tags, "revision": max(p["revision"] for p in members)}


_ONE = np.zeros(1, np.int64)


def _columns(point: Point) -> Floats:
    """The point as one column of a block's table."""
    with np.errstate(over="ignore"):
        m2 = np.float64(point["stddev"]) ** 2 * point["count"]
    numbers = [point[name] for name in ("count", "sum", "min", "max", "mean")]
    return np.array([*numbers, m2, 0.0]).reshape(-1, 1)


def _buckets(point: Point) -> tuple[Ints, Ints]:
    if "sketch" in point:
        return unpack(point["sketch"], 0)
    return keys_of(point["histogram"], 0)
