"""Readings of a running worker, and the arithmetic on them. Only those of /proc are impure."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDED = "liveops_metrics_folded_total"
FORWARDED = "liveops_records_forwarded_total"
ARCHIVED = 'liveops_archived_rows_total{table="metrics"}'
#: Of /proc/PID/stat, counted after the command's closing bracket: user and system ticks.
_USER_TICKS, _SYSTEM_TICKS = 11, 12
#: A checkpoint of 10,000 series may keep its output back for a while.
QUIET_LOOKS = 10


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at the worker. `moved` counts forwarding too, `written` the records on
    `metrics.aggregated`; `cpu_s` is None where there is no /proc."""

    at_s: float
    folded: float
    moved: float
    written: int
    cpu_s: float | None


def cpu_seconds(pid: int) -> float | None:
    """User and system CPU seconds of a process and its threads; None without /proc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return (int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float | None:
    """Megabytes of memory a process holds; None without /proc."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = [line.split()[1] for line in text.splitlines() if line.startswith("VmRSS:")]
    return int(found[0]) * 1024 / 1e6 if found else None


def counter(text: str, name: str) -> float:
    """A counter from Prometheus text, by name and labels; 0 when it is not there."""
    for line in text.splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    return 0.0


def is_quiet(readings: Sequence[Reading], metrics: int) -> bool:
    """Everything folded, and nothing new on `metrics.aggregated` for some seconds."""
    last = readings[-QUIET_LOOKS:]
    return (
        len(last) == QUIET_LOOKS
        and last[0].folded >= metrics
        and last[0].written == last[-1].written
        and last[0].written > 0
    )


def began_s(readings: Sequence[Reading], spawned_s: float) -> float:
    """When the first record was taken: the first two progressing looks extended backwards.

    Never before the look that still saw nothing.
    """
    first = next(i for i, reading in enumerate(readings) if reading.moved > 0)
    seen, floor_s = readings[first], readings[first - 1].at_s if first else spawned_s
    later = next((item for item in readings[first:] if item.moved > seen.moved), None)
    if later is None:
        return floor_s
    pace = (later.moved - seen.moved) / (later.at_s - seen.at_s)
    return max(floor_s, seen.at_s - seen.moved / pace)


def ended_s(readings: Sequence[Reading], metrics: int, newest_window_s: float) -> float:
    """When all was folded and the last complete window was on the topic."""
    unfinished = [item.at_s for item in readings if item.folded < metrics]
    return max(unfinished[-1] if unfinished else 0.0, newest_window_s)


def cpu_per_million(readings: Sequence[Reading]) -> float | None:
    """CPU seconds a million metrics, from the first look with progress to the end of output."""
    first = next(item for item in readings if item.folded > 0)
    done = next(
        item
        for item in readings
        if item.folded == readings[-1].folded and item.written == readings[-1].written
    )
    if first.cpu_s is None or done.cpu_s is None or done.folded <= first.folded:
        return None
    return (done.cpu_s - first.cpu_s) / (done.folded - first.folded) * 1e6
