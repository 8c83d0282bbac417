"""Whether a run may have a figure: windows on `metrics.aggregated` against what was sent. Pure.

Of each window the highest revision counts, as everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from liveops.errors import LiveOpsError
from schema.metrics import WINDOW_S
from schema.times import parse_time_s

_SHOWN = 3


class GateError(LiveOpsError):
    """The windows are not what they must be; no figure is given."""


@dataclass(frozen=True, slots=True, order=True)
class WindowKey:
    """One window of one series; `start_s` in epoch seconds."""

    service: str
    metric: str
    host: str
    window: str
    start_s: int


@dataclass(frozen=True, slots=True)
class Found:
    """A window's record: revision, count and the whole content in one comparable form."""

    revision: int
    count: int
    content: bytes


@dataclass(slots=True)
class Windows:
    """Windows that start before `end_s`, as read so far; `newest_ms` of their records."""

    end_s: int
    found: dict[WindowKey, Found] = field(default_factory=dict)
    newest_ms: int = 0
    #: Two records of the same revision that say different things.
    contradictions: list[WindowKey] = field(default_factory=list)

    def take(self, value: bytes, timestamp_ms: int) -> None:
        """Read one record of the topic; the closing records' windows are passed over."""
        record = orjson.loads(value)
        key = window_key(record)
        if key.start_s >= self.end_s:
            return
        self.newest_ms = max(self.newest_ms, timestamp_ms)
        got = Found(record["revision"], record["count"], _content(record))
        before = self.found.get(key)
        if before is not None and before.revision == got.revision and before != got:
            self.contradictions.append(key)
        if before is None or before.revision <= got.revision:
            self.found[key] = got


def window_key(record: dict[str, Any]) -> WindowKey:
    """The identity of a window record."""
    return WindowKey(
        record["service_name"],
        record["metric_type"],
        record["tags"].get("host", ""),
        record["window"],
        int(parse_time_s(record["start"])),
    )


def _content(record: dict[str, Any]) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_SORT_KEYS)


def check_counts(windows: Windows, events: int) -> None:
    """Every size of window must hold every event exactly once; raises GateError."""
    for name in WINDOW_S:
        counted = sum(got.count for key, got in windows.found.items() if key.window == name)
        if counted != events:
            raise GateError(
                f"the {name} windows on metrics.aggregated count {counted} events, "
                f"{events} were sent: no figure"
            )
    _check_steady(windows)


def probes(windows: Windows) -> list[WindowKey]:
    """One minute of each service, its last: a late record there shows whether it is remembered."""
    last: dict[str, WindowKey] = {}
    for key in sorted(windows.found):
        if key.window == "1m" and (
            key.service not in last or key.start_s > last[key.service].start_s
        ):
            last[key.service] = key
    return list(last.values())


def touched(key: WindowKey) -> list[WindowKey]:
    """The windows of every size that hold a minute."""
    return [
        WindowKey(key.service, key.metric, key.host, name, key.start_s // size * size)
        for name, size in WINDOW_S.items()
    ]


def probes_arrived(before: Windows, after: Windows) -> bool:
    """Whether each probe has led to a new revision of its windows."""
    return not any(
        after.found[key].revision <= before.found[key].revision
        for probe in probes(before)
        for key in touched(probe)
    )


def check_recovered(before: Windows, after: Windows) -> None:
    """After a kill and one late record a service: its windows hold one more, the others
    are what they were; raises GateError."""
    changed = {key for probe in probes(before) for key in touched(probe)}
    wrong = [
        f"{_name(key)}: {was.count} events before the kill, {after.found[key].count} after"
        for key, was in before.found.items()
        if (key in changed and after.found[key].count != was.count + 1)
        or (key not in changed and after.found[key] != was)
    ]
    wrong += [f"{_name(key)}: appeared" for key in after.found.keys() - before.found.keys()]
    if wrong:
        raise GateError(
            f"{len(wrong)} windows differ after a kill and restart of the worker, no figure: "
            + "; ".join(sorted(wrong)[:_SHOWN])
        )
    _check_steady(after)


def _check_steady(windows: Windows) -> None:
    if windows.contradictions:
        names = ", ".join(_name(key) for key in windows.contradictions[:_SHOWN])
        raise GateError(
            f"{len(windows.contradictions)} windows were sent twice with the same revision and "
            f"other content, no figure: {names}"
        )


def _name(key: WindowKey) -> str:
    return f"{key.service} {key.metric} {key.window} at {key.start_s}"
