"""`liveops bench query`: `GET /api/metrics/aggregated` over millions of stored windows.

A private PostgreSQL is filled, a metrics worker answers over HTTP; client, worker and server
share the cores. Each question is asked of services and times chosen at random, so that most of
what it needs is not in PostgreSQL's own memory.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp

from liveops.bench import stored_windows
from liveops.bench.asking import in_turn
from liveops.bench.http_load import quantile
from liveops.bench.stack import Say, private_stack, sweep
from liveops.bench.stored_windows import DAY_S, METRICS, SERVICES
from liveops.embedded.secret_file import kept_secret
from liveops.errors import LiveOpsError
from liveops.security.tokens import user_token
from schema.times import format_time

PATH = "/api/metrics/aggregated"
#: What is to be reached: 95 % of usual questions, and a month's range.
USUAL_GOAL_MS, MONTH_GOAL_MS = 50.0, 200.0
_TOKEN_S = 6 * 3600
_HOUR_S = 3600.0
Parameters = list[tuple[str, str]]
Ask = Callable[[random.Random, float], Parameters]


def _service(chance: random.Random) -> tuple[str, str]:
    return "service", f"svc-{chance.randrange(SERVICES):03d}"


def _metric(chance: random.Random) -> tuple[str, str]:
    return "metric", f"metric_{chance.randrange(METRICS)}_ms"


def _ago(now_s: float, seconds: float) -> tuple[str, str]:
    return "from", format_time(now_s - seconds)


def _past(chance: random.Random, now_s: float, days: int) -> Parameters:
    """Six hours that ended some days ago."""
    to_s = now_s - DAY_S * chance.uniform(1, days)
    return [("from", format_time(to_s - 6 * _HOUR_S)), ("to", format_time(to_s))]


def usual(days: int) -> dict[str, Ask]:
    """What people and the dashboard ask, by name; windows reach back `days` days."""
    return {
        "1 h of 1m, a metric": lambda c, now: [_service(c), _metric(c), _ago(now, _HOUR_S)],
        "6 h of 5m, a metric": lambda c, now: [
            _service(c), _metric(c), _ago(now, 6 * _HOUR_S), ("window", "5m"),
        ],
        "24 h of 15m, a metric": lambda c, now: [
            _service(c), _metric(c), _ago(now, DAY_S), ("window", "15m"),
        ],
        "15 min of 1m, all metrics": lambda c, now: [_service(c), _ago(now, 900)],
        "1 h of 5m, 20 services, a metric": lambda c, now: [
            *[("service", f"svc-{n:03d}") for n in c.sample(range(SERVICES), 20)],
            _metric(c), _ago(now, _HOUR_S), ("window", "5m"), ("fields", "mean"),
        ],
        "24 h of 15m by zone, a metric": lambda c, now: [
            _service(c), _metric(c), _ago(now, DAY_S), ("window", "15m"), ("group_by", "zone"),
        ],
        "6 h of 1m in the past, a metric": lambda c, now: [
            _service(c), _metric(c), *_past(c, now, days),
        ],
        "7 days, auto, a metric": lambda c, now: [
            _service(c), _metric(c), _ago(now, 7 * DAY_S), ("window", "auto"),
        ],
    }  # fmt: skip


#: A month's range, by name.
MONTH: dict[str, Ask] = {
    "30 days of 1h, a metric": lambda c, now: [
        _service(c), _metric(c), _ago(now, 30 * DAY_S), ("window", "1h"),
    ],
    "30 days of 1h by zone, a metric": lambda c, now: [
        _service(c), _metric(c), _ago(now, 30 * DAY_S), ("window", "1h"), ("group_by", "zone"),
    ],
    "30 days, 500 points, all metrics": lambda c, now: [
        _service(c), _ago(now, 30 * DAY_S), ("max_points", "500"), ("fields", "mean,p95"),
    ],
}  # fmt: skip


async def run(place: Path, windows: int, rounds: int, say: Say) -> dict[str, Any]:
    """Fill and measure on a private stack in `place`; the document of `--json`.

    Raises LiveOpsError when an answer is not as it should be: then there is no figure.
    """
    await sweep(place, say)
    async with private_stack(place, say) as stack:
        filled = await stored_windows.fill(
            stack.servers.url("postgres"), windows, time.time() - 90, say
        )
        running = await stack.start_worker()
        token = user_token(
            kept_secret(stack.layout.secrets, "jwt"), "bench", ["ENGINEER"], time.time(), _TOKEN_S
        )
        days = max(2, windows // stored_windows.PER_DAY)
        headers = {"Authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession(running.part.url, headers=headers) as session:
            nothing = await _measure(session, {"nothing": _nothing}, rounds, say)
            found = await _measure(session, usual(days), rounds, say)
            month = await _measure(session, MONTH, rounds, say)
        await stack.stop_worker()
    return _document(filled, nothing, found, month)


def _nothing(_: random.Random, __: float) -> Parameters:
    """A service that is not there: what HTTP and both stores cost by themselves."""
    return [("service", "nobody")]


async def _measure(
    session: aiohttp.ClientSession, asks: dict[str, Ask], rounds: int, say: Say
) -> dict[str, list[float]]:
    """Milliseconds of each answer, sorted, by question."""
    return await in_turn(asks, partial(_one, session), rounds, say)


async def _one(session: aiohttp.ClientSession, name: str, parameters: Parameters) -> float:
    began_s = time.perf_counter()
    async with session.get(f"{PATH}?{urlencode(parameters)}") as response:
        body = await response.read()
    took_ms = 1000 * (time.perf_counter() - began_s)
    if response.status != 200 or (b'"count"' in body or b'"mean"' in body) is (name == "nothing"):
        raise LiveOpsError(f"{name}: {response.status} {body[:200]!r}")
    return took_ms


def _document(
    filled: dict[str, Any], nothing: dict[str, list[float]], found: dict[str, list[float]],
    month: dict[str, list[float]],
) -> dict[str, Any]:  # fmt: skip
    every = sorted(took for taken in found.values() for took in taken)
    months = sorted(took for taken in month.values() for took in taken)
    everything = nothing | found | month
    return {
        "ratios": {
            "usual_in_time": round(sum(took < USUAL_GOAL_MS for took in every) / len(every), 4),
            "month_in_time": round(sum(took < MONTH_GOAL_MS for took in months) / len(months), 4),
            "nothing": round(quantile(nothing["nothing"], 0.5) / quantile(every, 0.5), 3),
        },
        "p50_ms": dict(_quantiles(everything, 0.5)),
        "p95_ms": dict(_quantiles(everything, 0.95)),
        "usual_p95_ms": round(quantile(every, 0.95), 1),
        "month_p95_ms": round(quantile(months, 0.95), 1),
        "stored": filled,
    }


def _quantiles(found: dict[str, list[float]], fraction: float) -> Iterator[tuple[str, float]]:
    for name, taken in found.items():
        yield name, round(quantile(taken, fraction), 1)
