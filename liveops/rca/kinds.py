"""What a metric measures, recognised from its name: the one place where names count.

A kind says how a fault shows: latency and errors are passed up to callers, load comes
down from them, resources stay where they are used. A name that says nothing is
`other`: compared with its past like the rest, passed on to nobody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

Kind = Literal[
    "latency", "client_latency", "errors", "load", "cpu", "memory", "io", "saturation", "other"
]

#: First match wins: `request_duration` is latency, `error_requests` errors. A word
#: matches at the start of a part of the name (parts end at `_`, `.`, `-`, `/`, `:`, digits).
_WORDS: tuple[tuple[Kind, str], ...] = (
    ("errors", "error|err|fail|fault|exception|availab|success|5xx|4xx|unavailab|reject|abort"
     "|crash|restart|timeout|oom|drop|retrans|lost|uptime"),
    ("latency", "latenc|duration|elapsed|resptime|responsetime|response time"
     "|rt|rtt|wait|delay|ttfb"),
    ("saturation", "queue|pending|backlog|lag|inflight|saturat|thread|connection|conn|pool|pressure"
     "|throttl|load1|load5|load15|goroutine"),
    ("cpu", "cpu|processor|steal|core"),
    ("memory", "mem|rss|heap|swap|workingset|gc|pagefault"),
    ("io", "net|network|disk|io|iops|byte|packet|recv|receive|rx|transmit|tx|sent|read|write"
     "|syscall|fs|filesystem|bandwidth|socket"),
    ("load", "request|req|load|throughput|qps|rps|tps|ops|workload|traffic|calls|hits"
     "|orders|messages|events|invocation"),
)  # fmt: skip
_PATTERNS = tuple((kind, re.compile(rf"^(?:{words})")) for kind, words in _WORDS)
_CALLER_SIDE = re.compile(r"^(?:client|outbound|outgoing|upstream|egress|downstream|dependency)")
#: A share of good calls: it falls when things get worse.
_GOOD = re.compile(r"^(?:availab|success|uptime)")
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+[a-z]+")
#: How long one unit of a latency is, where the name says it.
_UNIT_S = {"s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3,
           "msec": 1e-3, "millis": 1e-3, "milliseconds": 1e-3, "us": 1e-6, "micros": 1e-6,
           "microseconds": 1e-6, "ns": 1e-9, "nanoseconds": 1e-9, "min": 60.0,
           "minutes": 60.0}  # fmt: skip
_SIGNS = {1.0: "s", 1e-3: "ms", 1e-6: "µs", 1e-9: "ns", 60.0: "min"}
_PERCENT = ("percent", "pct", "percentage")
_SHARE = ("rate", "ratio", "share", "fraction")
_PERCENTILE = re.compile(r"(?:^|[^a-z0-9])(?:p|q|quantile|percentile)_?(\d{1,2})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Meaning:
    """`worse` is +1 or -1 where only one direction is bad, 0 where either may be.

    `unit_s` is the length of one unit of a latency, None where the name does not say;
    `quantile` the percentile that the name states, None for a mean.
    """

    kind: Kind
    worse: int
    unit_s: float | None = None
    quantile: int | None = None


@lru_cache(maxsize=4096)
def meaning(metric_type: str) -> Meaning:
    """What a metric of this name measures."""
    parts = [part.lower() for part in _PARTS.findall(metric_type)]
    # Names of two words are looked at as well: `response_time` is one.
    kind = _kind([*parts, *(" ".join(pair) for pair in pairwise(parts))])
    if kind == "latency" and any(_CALLER_SIDE.match(part) for part in parts):
        kind = "client_latency"
    if kind in ("latency", "client_latency"):
        unit = next((_UNIT_S[part] for part in reversed(parts) if part in _UNIT_S), None)
        found = _PERCENTILE.search(metric_type)
        return Meaning(kind, 1, unit, int(found.group(1)) if found else None)
    if kind == "errors":
        return Meaning(kind, -1 if any(_GOOD.match(part) for part in parts) else 1)
    # A processor that idles and a queue that empties are no faults.
    return Meaning(kind, 1 if kind in ("cpu", "saturation") else 0)


def failure_unit(metric_type: str, highest: float) -> float:
    """What one is in a failure metric that is a share of requests: 1 or 100; 0: it counts.

    `highest` is the greatest value seen of it anywhere.
    """
    parts = [part.lower() for part in _PARTS.findall(metric_type)]
    good = any(_GOOD.match(part) for part in parts)
    percent = any(part in _PERCENT for part in parts)
    if not (good or percent or any(part in _SHARE for part in parts)) or highest > 100:
        return 0.0
    return 100.0 if highest > 1 or percent else 1.0


def _kind(parts: list[str]) -> Kind:
    for kind, pattern in _PATTERNS:
        if any(pattern.match(part) for part in parts):
            return kind
    return "other"


def unit(metric_type: str) -> str:
    """Unit that a latency's name states, as it is written; empty where it says none."""
    seconds = meaning(metric_type).unit_s
    return "" if seconds is None else _SIGNS.get(seconds, "")
