"""Whatever the order within the lateness and the split into chunks: the same final windows."""

from __future__ import annotations

import math
from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from liveops.windows.fold import Arrival, Limits, Outputs, advance, correct, fold
from liveops.windows.state import ServiceState
from schema.metrics import Aggregate, Metric

LIMITS = Limits(lateness_s=30.0, allowed_lateness_s=300.0)
START_S = 1_700_000_100.0

values = st.integers(-4_000_000, 4_000_000).map(lambda n: n / 4)
steps = st.lists(
    st.tuples(st.floats(0, 90), st.floats(0, 25), st.sampled_from(["cpu", "latency"]), values),
    min_size=1,
    max_size=60,
)


def arrivals(plan: list[tuple[float, float, str, float]]) -> list[Arrival]:
    """Event times wander up to 25 s behind a rising clock."""
    found: list[Arrival] = []
    clock_s = START_S
    for index, (step_s, behind_s, kind, value) in enumerate(plan):
        clock_s += step_s
        metric = Metric(str(index), "shop", kind, value, {}, clock_s - behind_s)
        found.append(Arrival(metric, clock_s + 1.0))
    return found


def run(items: list[Arrival], chunk: int) -> dict[tuple[str, str, int], Aggregate]:
    """Final windows by (window, metric, start) after everything has closed."""
    state, time_s = ServiceState("shop"), 0.0
    final: dict[tuple[str, str, int], Aggregate] = {}
    outputs = Outputs()
    for at in range(0, len(items), chunk):
        time_s = fold(state, items[at : at + chunk], time_s, LIMITS, outputs)
    advance(state, items[-1].append_s + 10_000, LIMITS, outputs)
    correct(state, outputs)
    for got in outputs.closed:
        key = (got.window, got.metric_type, got.start_s)
        assert key not in final or got.revision > final[key].revision
        final[key] = got
    return final


def reference(items: list[Arrival]) -> dict[tuple[str, str, int], list[float]]:
    """The plain truth: values by window."""
    found: dict[tuple[str, str, int], list[float]] = defaultdict(list)
    for item in items:
        for name, size in (("1m", 60), ("5m", 300), ("15m", 900)):
            start = math.floor(item.metric.timestamp_s / size) * size
            found[(name, item.metric.metric_type, start)].append(item.metric.value)
    return found


@settings(max_examples=150, deadline=None)
@given(plan=steps, chunk=st.integers(1, 60))
def test_final_windows_equal_the_plain_computation(
    plan: list[tuple[float, float, str, float]], chunk: int
) -> None:
    items = arrivals(plan)
    final, truth = run(items, chunk), reference(items)
    assert final.keys() == truth.keys()
    for key, numbers in truth.items():
        got = final[key]
        mean = math.fsum(numbers) / len(numbers)
        assert got.count == len(numbers)
        assert got.sum == math.fsum(numbers)
        assert (got.min, got.max) == (min(numbers), max(numbers))
        assert math.isclose(got.mean, mean, rel_tol=1e-9, abs_tol=1e-6)
        spread = math.sqrt(math.fsum((n - mean) ** 2 for n in numbers) / len(numbers))
        assert math.isclose(got.stddev, spread, rel_tol=1e-9, abs_tol=1e-5)
        for fraction, estimate in ((0.5, got.p50), (0.95, got.p95), (0.99, got.p99)):
            exact = sorted(numbers)[max(1, math.ceil(fraction * len(numbers))) - 1]
            assert math.isclose(estimate, exact, rel_tol=0.0101, abs_tol=1e-9)


@settings(max_examples=60, deadline=None)
@given(plan=steps, chunk=st.integers(1, 60))
def test_the_split_into_chunks_does_not_matter(
    plan: list[tuple[float, float, str, float]], chunk: int
) -> None:
    items = arrivals(plan)
    assert run(items, chunk) == run(items, 1)
