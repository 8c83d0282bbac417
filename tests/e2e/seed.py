"""Incidents and history put where the dashboard reads them, without waiting for detectors."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec

from schema.incidents import Detection, fingerprint_of
from schema.times import to_datetime
from tests.client import Client, eventually
from tests.stack import TestStack

_INCIDENT = """
INSERT INTO incidents (id, title, description, severity, status, service_name,
    affected_services, detected_at, resolved_at, detections, stale, fingerprint)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""
_EVENT = "INSERT INTO incident_events (incident_id, kind, actor, data) VALUES ($1, $2, $3, $4)"


@asynccontextmanager
async def database(stack: TestStack) -> AsyncIterator[Any]:
    """A connection to the product's PostgreSQL."""
    connection = await asyncpg.connect(stack.url("postgres"))
    try:
        yield connection
    finally:
        await connection.close()


def detection(service: str, **more: Any) -> Detection:
    """A threshold's detection, or what `more` makes of it."""
    now_s = time.time()
    values: dict[str, Any] = {
        "id": str(uuid4()),
        "rule_id": str(uuid4()),
        "detector": "threshold",
        "service_name": service,
        "metric_type": "latency_ms",
        "tags": {},
        "window": "1m",
        "severity": "high",
        "value": 143.6,
        "expected": None,
        "lower": None,
        "upper": 100.0,
        "score": 1.0,
        "reason": "mean 143.6 breaks the rule > 100",
        "at_s": now_s - 60,
        "onset_s": now_s - 300,
        "broker_time_s": now_s - 60,
    }
    return Detection(**(values | more))


def silence(service: str, onset_s: float, **more: Any) -> Detection:
    """The detection of a service that has fallen silent."""
    values: dict[str, Any] = {
        "detector": "no_data",
        "metric_type": "*",
        "value": time.time() - onset_s,
        "expected": 5.0,
        "upper": 60.0,
        "reason": "no data for 95 s; usually there is some every 5.0 s",
        "onset_s": onset_s,
    }
    return detection(service, **(values | more))


async def incident(stack: TestStack, service: str, **more: Any) -> str:
    """One incident in the store; returns its id."""
    return (await incidents(stack, [{"service_name": service} | more]))[0]


async def incidents(stack: TestStack, wanted: Iterable[dict[str, Any]]) -> list[str]:
    """Incidents in the store, as they would be after the correlator; returns their ids."""
    rows = [_row(values) for values in wanted]
    async with database(stack) as connection:
        await connection.executemany(_INCIDENT, rows)
    return [row[0] for row in rows]


def _row(values: dict[str, Any]) -> tuple[Any, ...]:
    service = values["service_name"]
    at_s = values.get("detected_at_s", time.time())
    status = values.get("status", "open")
    detections = [msgspec.to_builtins(item) for item in values.get("detections", [])]
    return (
        str(uuid4()),
        values.get("title", f"{service}: latency_ms breaks its limit"),
        values.get("description", ""),
        values.get("severity", "high"),
        status,
        service,
        values.get("affected_services", [service]),
        to_datetime(at_s),
        to_datetime(at_s + 60) if status == "resolved" else None,
        json.dumps(detections),
        values.get("stale", False),
        fingerprint_of(service, [item.metric_type for item in values.get("detections", [])]),
    )


async def events(stack: TestStack, incident_id: str, told: list[tuple[str, str, Any]]) -> None:
    """Lines of a timeline: (kind, actor, data)."""
    rows = [(incident_id, kind, actor, json.dumps(data)) for kind, actor, data in told]
    async with database(stack) as connection:
        await connection.executemany(_EVENT, rows)


async def minutes(
    engineer: Client, service: str, metric: str, values: dict[int, float], **more: Any
) -> None:
    """A value so many minutes ago, for each; returns once their windows can be asked for."""
    now_s = time.time()
    named = {"service_name": service, "metric_type": metric}
    await engineer.send(
        *(
            named | {"value": value, "timestamp": now_s - 60 * minute} | more
            for minute, value in sorted(values.items(), reverse=True)
        )
    )
    path = f"/api/metrics/aggregated?service={service}&metric={metric}&from={now_s - 86_000}"

    async def look() -> bool:
        series = (await engineer.get(path))["series"]
        return any(len(one["points"]) >= len(values) for one in series)

    await eventually(look, f"the windows of {service}")
