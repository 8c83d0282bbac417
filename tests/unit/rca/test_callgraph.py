"""Who calls whom, with circles and calls to oneself."""

from __future__ import annotations

from liveops.rca.callgraph import CallGraph

GRAPH = CallGraph([("a", "b"), ("b", "c"), ("c", "b"), ("b", "b"), ("a", "b"), ("d", "d")])


def test_each_call_once_and_none_to_oneself() -> None:
    assert GRAPH.edges == [("a", "b"), ("b", "c"), ("c", "b")]
    assert GRAPH.callees("b") == {"c"}
    assert GRAPH.callers("b") == {"a", "c"}
    assert GRAPH.services == {"a", "b", "c", "d"}


def test_below_and_beside() -> None:
    assert GRAPH.below("a") == {"b", "c"}
    assert GRAPH.below("d") == frozenset()
    assert GRAPH.neighbours(["b"]) == {"a", "c"}
