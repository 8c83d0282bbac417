"""The default rule on real servers: told at once, shown, rehearsed, replayed."""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from tests.client import Client, eventually
from tests.stack import clean_environment

pytestmark = pytest.mark.integration

Json = dict[str, Any]
MINUTES = 180


@pytest.fixture
def service() -> str:
    return f"learn-{uuid4().hex[:12]}"


def history(service: str, until_s: float) -> list[Json]:
    """Three quiet hours up to a moment, two values a minute."""
    random = Random(3)
    return [
        {
            "service_name": service,
            "metric_type": "latency_ms",
            "value": 100 + random.gauss(0, 3),
            "timestamp": until_s - MINUTES * 60 + 30 * number,
        }
        for number in range(2 * MINUTES)
    ]


async def standing_of(engineer: Client, service: str) -> Json | None:
    items: list[Json] = (await engineer.get(f"/api/detectors?service={service}"))["items"]
    of_rule = [item for item in items if item["detector"] == "ensemble"]
    return of_rule[0] if of_rule else None


async def outage(engineer: Client, service: str) -> Json:
    """Three quiet hours, then values that have never been; the incident that follows."""
    now_s = time.time()
    await engineer.send(*history(service, now_s - 30))

    async def learned() -> Json | None:
        found = await standing_of(engineer, service)
        return found if found and found["state"] == "ok" else None

    standing = await eventually(learned, "the service to be known")
    assert standing["learned"] == standing["needed"] == 10
    assert standing["lower"] < 100 < standing["upper"]
    assert "told from" in standing["reason"]

    async def opened() -> Json | None:
        values = [900 + number for number in range(10)]
        await engineer.send(
            *({"service_name": service, "metric_type": "latency_ms", "value": v} for v in values)
        )
        items: list[Json] = (await engineer.get(f"/api/incidents?service={service}"))["items"]
        return items[0] if items else None

    found: Json = await eventually(opened, "the incident")
    return found


async def test_what_has_never_been_is_told_before_its_minute_is_over(
    engineer: Client, service: str
) -> None:
    incident = await outage(engineer, service)
    (detection,) = incident["detections"]
    assert detection["detector"] == "ensemble"
    assert detection["reason"].startswith("mean ")
    assert detection["onset"] > incident["detections"][0]["onset"][:11]

    async def firing() -> Json | None:
        found = await standing_of(engineer, service)
        return found if found and found["state"] == "firing" else None

    standing = await eventually(firing, "the detector to show it")
    assert standing["rule_id"] == detection["rule_id"]
    assert standing["reason"].startswith("mean ")


async def test_a_rule_is_rehearsed_over_what_is_stored(engineer: Client, service: str) -> None:
    now_s = time.time()
    rows = history(service, now_s - 1800)
    rows += [row | {"value": 900.0, "timestamp": now_s - 1800 + 30 * n} for n, row in
             enumerate(rows[:10])]  # fmt: skip
    rows += [row | {"timestamp": now_s - 1500 + 30 * n} for n, row in enumerate(rows[:40])]
    await engineer.send(*rows)

    def body(kind: str, **more: Any) -> Json:
        rule = {"name": "dry", "kind": kind, "service": service, **more}
        span = (datetime.fromtimestamp(at_s, UTC).isoformat() for at_s in (now_s - 7200, now_s))
        return {"rule": rule, "from": next(span), "to": next(span)}

    async def stored() -> Json | None:
        answer = await engineer.call("POST", "/api/rules/backtest", json=body("ensemble"))
        assert answer.status == 200, answer
        return answer.body if answer.body["alarms"] else None

    found = await eventually(stored, "the windows to be stored", within_s=60)
    (alarm,) = found["alarms"]
    assert (alarm["service_name"], alarm["metric_type"]) == (service, "latency_ms")
    assert alarm["value"] > 400
    assert alarm["end"] is None or alarm["end"] > alarm["onset"]
    assert (found["series"], found["truncated"]) == (1, False)
    limit = body("threshold", op=">", value=5000)
    none = await engineer.call("POST", "/api/rules/backtest", json=limit)
    assert (none.body["alarms"], none.body["alarms_per_day"]) == ([], 0)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"rule": {"name": "x", "kind": "no_data"}}, "no_data"),
        ({"rule": {"name": "x", "kind": "threshold"}}, "op and value"),
        ({"to": "2020-01-01T00:00:00Z"}, "after"),
        ({"from": "2020-01-01T00:00:00"}, "timezone"),
        ({"more": 1}, "extra"),
    ],
)
async def test_a_bad_rehearsal_is_refused(engineer: Client, change: Json, why: str) -> None:
    body = {
        "rule": {"name": "x", "kind": "ensemble"},
        "from": "2026-01-01T00:00:00Z",
        "to": "2026-01-02T00:00:00Z",
    }
    answer = await engineer.call("POST", "/api/rules/backtest", json=body | change)
    assert answer.status == 422
    assert why in str(answer.body).lower()


async def test_an_incident_is_replayed_from_its_windows(engineer: Client, service: str) -> None:
    incident = await outage(engineer, service)
    where = ("--data-dir", str(engineer.stack.data_dir))

    async def same() -> str | None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "liveops", "replay", incident["id"], *where,
            env=clean_environment(), stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await process.communicate()
        return out.decode() if process.returncode == 0 else None

    # The window of the outage is stored some seconds after its end.
    told = await eventually(same, "the outage's window to be stored", within_s=120)
    assert "the same incident" in told
    assert f"{service}  latency_ms" in told
