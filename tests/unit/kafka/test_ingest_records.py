"""Metrics on their way to `metrics.raw` travel in records that a broker takes."""

from __future__ import annotations

import orjson

from liveops.kafka.ingest import MAX_RECORD_BYTES, PER_RECORD, records
from schema.metrics import Metric


def metrics(count: int, tags: dict[str, str]) -> list[Metric]:
    return [Metric("", "cart", "cpu", float(n), tags, 1.0) for n in range(count)]


def values(sent: list[Metric]) -> list[list[float]]:
    found = []
    for service, value in records(sent):
        assert service == "cart"
        assert len(value) <= MAX_RECORD_BYTES
        record = orjson.loads(value)
        found.append([item["value"] for item in record.get("metrics", [record])])
    return found


def test_a_record_holds_up_to_its_number_of_metrics() -> None:
    found = values(metrics(PER_RECORD + 1, {}))
    assert [len(each) for each in found] == [PER_RECORD, 1]


def test_with_the_longest_tags_fewer_metrics_share_a_record() -> None:
    longest = {f"{n:0256}": "\u00fc" * 256 for n in range(16)}
    found = values(metrics(1000, longest))
    assert [value for each in found for value in each] == [float(n) for n in range(1000)]
