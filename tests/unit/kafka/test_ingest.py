"""From accepted metrics to records: of bounded count and bounded size, in order."""

from __future__ import annotations

from typing import Any

import orjson

from liveops.kafka.ingest import MAX_RECORD_BYTES, PER_RECORD, records
from schema.metrics import Metric

HUGE = {f"{n}{'x' * 250}": "\x01" * 256 for n in range(10, 26)}


def metrics(count: int, tags: dict[str, str]) -> list[Metric]:
    return [Metric("", "svc", f"m{n}", float(n), tags, 0.0) for n in range(count)]


def items(value: bytes) -> list[dict[str, Any]]:
    record = orjson.loads(value)
    assert record["service_name"] == "svc"
    return list(record.get("metrics", [record]))


def test_a_call_within_the_limits_makes_no_record_that_the_broker_refuses() -> None:
    made = list(records(metrics(700, HUGE)))
    assert max(len(value) for _, value in made) <= MAX_RECORD_BYTES
    assert [item["metric_type"] for _, v in made for item in items(v)] == [
        f"m{n}" for n in range(700)
    ]


def test_usual_metrics_travel_many_in_a_record() -> None:
    made = list(records(metrics(PER_RECORD + 1, {"az": "a"})))
    assert [len(items(value)) for _, value in made] == [PER_RECORD, 1]
