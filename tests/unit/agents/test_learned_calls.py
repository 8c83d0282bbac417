"""Which call the tags of a metric tell of."""

from __future__ import annotations

import pytest

from agents.incidents.detect import call_of
from tests.aggregates import window

GRAPH = "traces_service_graph_request_total"


@pytest.mark.parametrize(
    ("metric", "tags", "call"),
    [
        ("latency_ms", {"peer": "db"}, ("shop", "db")),
        ("latency_ms", {"peer": "shop"}, None),
        ("latency_ms", {"peer": "no name!"}, None),
        ("latency_ms", {"client": "a", "server": "b"}, None),
        (GRAPH, {"client": "a", "server": "b"}, ("a", "b")),
        (GRAPH, {"client": "a"}, None),
        (GRAPH, {"client": "a", "server": "a"}, None),
        (GRAPH, {"client": "a", "server": "b\x00"}, None),
    ],
)
def test_calls_are_learned_from_tags(
    metric: str, tags: dict[str, str], call: tuple[str, str] | None
) -> None:
    assert call_of("shop", window(0, 1.0, metric_type=metric, tags=tags)) == call
