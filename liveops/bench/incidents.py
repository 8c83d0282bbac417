"""`liveops bench incidents`: lists, searches, counts and bulk changes over many stored incidents.

A private PostgreSQL is filled, an incidents worker answers over HTTP, one question at a time;
client, worker and server share the cores.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import asyncpg
import orjson

from liveops.bench.asking import in_turn
from liveops.bench.http_load import quantile
from liveops.bench.stack import Say, private_stack, sweep
from liveops.embedded.secret_file import kept_secret
from liveops.errors import LiveOpsError
from liveops.postgres.queries import load
from liveops.security.tokens import user_token
from schema.times import format_time, to_datetime

#: What is to be reached: 95 % of the answers to each question, and a bulk call.
GOAL_MS, BULK_GOAL_MS = 50.0, 1000.0
#: Incidents of one bulk call, and how many such calls are made.
BULK, BULK_ROUNDS = 500, 10
_LIST, _SUMMARY, _STATS = "/api/incidents", "/api/incidents/summary", "/api/incidents/stats"
_DAY_S = 86_400.0
_TOKEN_S = 3 * 3600
#: Detections as an incident of ours holds them.
_DETECTION = {
    "id": "0" * 36, "rule_id": "0" * 36, "detector": "ensemble", "service_name": "svc-1",
    "metric_type": "latency_ms", "tags": {"host": "h1"}, "window": "1m", "severity": "high",
    "value": 143.6, "expected": 55.8, "lower": 40.0, "upper": 100.0, "score": 0.9,
    "reason": "mean 143.6, usually 55.8", "at_s": 1.7e9, "onset_s": 1.7e9, "broker_time_s": 1.7e9,
    "state": "resolved",
}  # fmt: skip
Ask = Callable[[random.Random, float], tuple[str, dict[str, str]]]


def _service(chance: random.Random) -> dict[str, str]:
    return {"service": f"svc-{chance.randrange(300)}"}


def _week(chance: random.Random, now_s: float) -> dict[str, str]:
    to_s = now_s - _DAY_S * chance.uniform(0, 80)
    return {"from": format_time(to_s - 7 * _DAY_S), "to": format_time(to_s)}


#: Filters that list and summary have in common, by name.
_FILTERS: dict[str, Callable[[random.Random, float], dict[str, str]]] = {
    "all": lambda c, now: {},
    "open": lambda c, now: {"status": "open"},
    "critical": lambda c, now: {"severity": "critical"},
    "a service": lambda c, now: _service(c),
    "a week": _week,
    "a text of few": lambda c, now: {"q": f"svc-{c.randrange(300)}: latency_ms rose to"},
    "a text of none": lambda c, now: {"q": f"nothing like {c.randrange(10**6)}"},
    "a text of all": lambda c, now: {"q": "LATENCY"},
    "service, week, text": lambda c, now: _service(c) | _week(c, now) | {"q": "latency"},
}


def _ask(path: str, filters: Callable[[random.Random, float], dict[str, str]]) -> Ask:
    return lambda chance, now_s: (path, filters(chance, now_s))


def _asks() -> dict[str, Ask]:
    found: dict[str, Ask] = {}
    for name, filters in _FILTERS.items():
        found[f"list, {name}"] = _ask(_LIST, filters)
        found[f"summary, {name}"] = _ask(_SUMMARY, filters)
    found["stats, 90 days"] = _ask(_STATS, lambda c, now: {})
    found["stats, a week"] = _ask(_STATS, _week)
    return found


async def run(place: Path, incidents: int, rounds: int, say: Say) -> dict[str, Any]:
    """Fill and measure on a private stack in `place`; the document of `--json`.

    Raises LiveOpsError when an answer is not as it should be: then there is no figure.
    """
    await sweep(place, say)
    async with private_stack(place, say) as stack:
        con = await asyncpg.connect(stack.servers.url("postgres"))
        took_s = await _fill(con, incidents)
        say(f"{incidents} incidents stored in {took_s:.1f} s")
        ports = await stack.start_all()
        token = user_token(
            kept_secret(stack.layout.secrets, "jwt"), "bench", ["ENGINEER"], time.time(), _TOKEN_S
        )
        headers = {"Authorization": f"Bearer {token}"}
        base = f"http://127.0.0.1:{ports['incidents']}"
        async with aiohttp.ClientSession(base, headers=headers) as session:
            found = await _measure(session, rounds, say)
            bulk = await _bulk(session, con, say)
        await con.close()
        await stack.stop_all()
    return _document(found, bulk, incidents)


async def _fill(con: Any, incidents: int) -> float:
    began_s = time.perf_counter()
    detections = orjson.dumps([_DETECTION] * 3).decode()
    until = to_datetime(time.time())
    await con.execute(load("bench_incidents")["fill_incidents"], incidents, until, detections)
    await con.execute("VACUUM ANALYZE incidents")
    return time.perf_counter() - began_s


async def _measure(session: aiohttp.ClientSession, rounds: int, say: Say) -> dict[str, list[float]]:
    """Milliseconds of each answer, sorted, by question."""
    return await in_turn(_asks(), partial(_one, session), rounds, say)


async def _one(
    session: aiohttp.ClientSession, name: str, asked: tuple[str, dict[str, str]]
) -> float:
    path, query = asked
    began_s = time.perf_counter()
    async with session.get(f"{path}?{urlencode(query)}") as response:
        body = await response.read()
    took_ms = 1000 * (time.perf_counter() - began_s)
    if response.status != 200 or not _is_right(name, orjson.loads(body)):
        raise LiveOpsError(f"{name}: {response.status} {body[:200]!r}")
    return took_ms


def _is_right(name: str, body: dict[str, Any]) -> bool:
    """Whether something was found, and nothing where there is nothing."""
    count = len(body["items"]) if "items" in body else body.get("total", body.get("count", 0))
    return bool(count == 0 if "text of none" in name else count > 0)


async def _bulk(session: aiohttp.ClientSession, con: Any, say: Say) -> list[float]:
    """Milliseconds of calls that change 500 incidents each; every one of them must change."""
    found = []
    for number in range(BULK_ROUNDS):
        ids = [str(row["id"]) for row in await con.fetch(load("bench_incidents")["any_ids"], BULK)]
        began_s = time.perf_counter()
        body = {"ids": ids, "assignee": f"person {number}"}
        async with session.post("/api/incidents/bulk", json=body) as response:
            answer = await response.json()
        found.append(1000 * (time.perf_counter() - began_s))
        if response.status != 200 or len(answer["changed"]) != len(ids):
            raise LiveOpsError(f"bulk: {response.status} {str(answer)[:200]}")
    found.sort()
    say(f"bulk of {BULK}: p50 {quantile(found, 0.5):.0f} ms, most {found[-1]:.0f} ms")
    return found


def _document(found: dict[str, list[float]], bulk: list[float], incidents: int) -> dict[str, Any]:
    return {
        "ratios": {
            "questions_in_time": round(
                sum(quantile(taken, 0.95) < GOAL_MS for taken in found.values()) / len(found), 4
            ),
            "bulk_in_time": round(sum(one < BULK_GOAL_MS for one in bulk) / len(bulk), 4),
        },
        "p50_ms": {name: round(quantile(taken, 0.5), 1) for name, taken in found.items()},
        "p95_ms": {name: round(quantile(taken, 0.95), 1) for name, taken in found.items()},
        "bulk_ms": {"p50": round(quantile(bulk, 0.5), 1), "most": round(bulk[-1], 1)},
        "stored": {"incidents": incidents},
    }
