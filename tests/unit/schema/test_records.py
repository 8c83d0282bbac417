"""What others read from Kafka is as its JSON Schema says, of today and of yesterday."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator, ValidationError

from liveops.cli.schema import schemas, written
from liveops.incidents.event import incident_event
from schema.analysis import Analysis, Evidence, RankedCause, public_analysis
from schema.incidents import Detection, Incident

FILES = Path(__file__).parents[3] / "schema" / "records"
ID = "7d3cbb3f-5b1c-4a1e-9a53-0f4f8ac3b1d2"
#: As version 0.1 sent it.
YESTERDAY: dict[str, Any] = {
    "id": ID, "title": "slow", "description": "", "severity": "high", "status": "open",
    "service_name": "cart", "affected_services": ["cart"], "detected_at": "2026-01-01T00:00:00Z",
    "resolved_at": None, "acknowledged_at": None, "assignee": None, "version": 1,
    "source": "detector", "fingerprint": "cart|m",
    "detections": [{
        "id": ID, "rule_id": ID, "detector": "zscore", "service_name": "cart",
        "metric_type": "m", "tags": {}, "window": "1m", "value": 1.0, "expected": None,
        "lower": None, "upper": 0.5, "score": 0.9, "reason": "high",
        "at": "2026-01-01T00:00:00Z",
    }],
    "stale": False, "latency": {"event_to_detected_ms": 12.5},
    "offsets": {"liveops.detections": {"0": [1, 2]}},
}  # fmt: skip


def validator(topic: str) -> Draft202012Validator:
    schema = schemas()[topic]
    Draft202012Validator.check_schema(schema)
    checker = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator(schema, format_checker=checker)


def incident() -> Incident:
    detection = Detection(
        id=ID, rule_id=ID, detector="threshold", service_name="cart", metric_type="m",
        tags={"az": "1"}, window="1m", severity="high", value=1.0, expected=None, lower=None,
        upper=0.5, score=1.0, reason="high", at_s=1.5, onset_s=1.0, broker_time_s=2.0,
    )  # fmt: skip
    return Incident(
        id=ID, title="slow", description="", severity="high", status="acknowledged",
        service_name="cart", affected_services=["cart"], detected_at_s=3.0, resolved_at_s=None,
        acknowledged_at_s=4.0, assignee="ada", detections=[detection], by_hand=["assignee"],
        event_to_detected_ms=1.0, offsets={"liveops.detections": {"0": [1, 2]}},
    )  # fmt: skip


@pytest.mark.parametrize("topic", sorted(schemas()))
def test_the_files_are_up_to_date(topic: str) -> None:
    """If not: `liveops schema --out schema/records`."""
    text = (FILES / f"{topic}.json").read_text(encoding="utf-8")
    assert text == written(schemas()[topic])


@pytest.mark.parametrize("topic", ["incidents.detected", "incidents.updated"])
def test_incidents_of_today_and_yesterday_are_valid(topic: str) -> None:
    today = orjson.loads(incident_event(incident()))
    assert today.keys() == schemas()[topic]["properties"].keys()
    for record in (today, YESTERDAY, YESTERDAY | {"of_tomorrow": {"a": 1}}):
        validator(topic).validate(record)
    for wrong in ({"severity": "huge"}, {"detected_at": None}, {"affected_services": "cart"}):
        with pytest.raises(ValidationError):
            validator(topic).validate(YESTERDAY | wrong)


def test_analyses_are_valid() -> None:
    analysis = Analysis(
        id=ID, incident_id=ID, status="completed", analyzed_at_s=1.0, latency_ms=2.0,
        evidence=[Evidence("E1", "it is", "metric", {"service_name": "cart"})],
        ranking=[RankedCause("cart", 0.9, None, ["E1"])],
    )  # fmt: skip
    record = orjson.loads(orjson.dumps(public_analysis(analysis)))
    topic = "analysis.completed"
    assert record.keys() == schemas()[topic]["properties"].keys()
    validator(topic).validate(record | {"of_tomorrow": 1})
    with pytest.raises(ValidationError):
        validator(topic).validate(record | {"verdict": "perhaps"})
