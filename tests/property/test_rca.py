"""Whatever the data: names, units and order of input do not change what is found."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveops.rca.callgraph import CallGraph
from liveops.rca.deviation import deviations
from liveops.rca.investigation import investigate
from liveops.rca.ranking import Candidate, rank
from liveops.rca.series import Sample
from tests.unit.rca.stories import START_S, incident

NAMES = ("a", "b", "c", "d", "e")
METRICS = ("latency", "errors", "requests", "cpu", "client_latency", "memory", "m")
edges = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=12)
levels = st.dictionaries(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(METRICS)), st.floats(0, 1e4), max_size=12
)


def samples(chosen: dict[tuple[str, str], float], seed: int) -> list[Sample]:
    rng = random.Random(seed)
    past = [
        Sample(name, metric, START_S - 60 * i, rng.gauss(100, 5 + place))
        for place, name in enumerate(NAMES)
        for metric in METRICS
        for i in range(1, 31)
    ]
    return past + [
        Sample(name, metric, START_S + 60 * i, level + rng.random())
        for (name, metric), level in sorted(chosen.items())
        for i in range(3)
    ]


def ranked(of: list[Sample], calls: list[tuple[str, str]]) -> list[Candidate]:
    return rank(deviations(of, START_S), CallGraph(calls), services=NAMES)


@settings(max_examples=60, deadline=None)
@given(edges, levels, st.integers(0, 1000), st.permutations(NAMES))
def test_renaming_every_service_renames_the_ranking_and_nothing_else(
    calls: list[tuple[str, str]],
    chosen: dict[tuple[str, str], float],
    seed: int,
    other: list[str],
) -> None:
    new = {old: f"svc-{name}" for old, name in zip(NAMES, other, strict=True)}
    plain = samples(chosen, seed)
    moved = [Sample(new[s.service_name], s.metric_type, s.at_s, s.value) for s in plain]
    first = ranked(plain, calls)
    renamed_calls = [(new[a], new[b]) for a, b in calls]
    second = rank(deviations(moved, START_S), CallGraph(renamed_calls), services=new.values())
    # Names decide the order of summing, and with it the last bits.
    assert {new[c.service_name]: pytest.approx(c.score, abs=1e-5) for c in first} == {
        c.service_name: c.score for c in second
    }


@settings(max_examples=40, deadline=None)
@given(edges, levels, st.integers(0, 1000), st.randoms(use_true_random=False))
def test_the_order_of_samples_and_edges_is_irrelevant(
    calls: list[tuple[str, str]],
    chosen: dict[tuple[str, str], float],
    seed: int,
    rng: random.Random,
) -> None:
    plain = samples(chosen, seed)
    mixed, other = list(plain), list(calls)
    rng.shuffle(mixed)
    rng.shuffle(other)
    assert investigate(incident(), plain, calls) == investigate(incident(), mixed, other)


@settings(max_examples=60, deadline=None)
@given(edges, levels, st.integers(0, 1000))
def test_scores_are_ordered_shares_and_name_each_known_service_once(
    calls: list[tuple[str, str]], chosen: dict[tuple[str, str], float], seed: int
) -> None:
    found = ranked(samples(chosen, seed), calls)
    scores = [candidate.score for candidate in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert sorted(candidate.service_name for candidate in found) == sorted(NAMES)


@settings(max_examples=40, deadline=None)
@given(edges, levels, st.integers(0, 1000), st.sampled_from([1e-6, 1e-3, 60.0, 1e6]))
def test_the_unit_of_latencies_and_memory_is_irrelevant(
    calls: list[tuple[str, str]],
    chosen: dict[tuple[str, str], float],
    seed: int,
    factor: float,
) -> None:
    scaled = ("latency", "client_latency", "memory")
    plain = samples(chosen, seed)
    other = [
        Sample(s.service_name, s.metric_type, s.at_s,
               s.value * (factor if s.metric_type in scaled else 1.0))
        for s in plain
    ]  # fmt: skip
    first = {c.service_name: c.score for c in ranked(plain, calls)}
    second = {c.service_name: pytest.approx(c.score, abs=1e-4) for c in ranked(other, calls)}
    assert first == second


@settings(max_examples=60, deadline=None)
@given(
    edges,
    st.lists(
        st.tuples(
            st.sampled_from(NAMES),
            st.sampled_from(METRICS),
            st.integers(-40, 10),
            st.floats(allow_nan=True, allow_infinity=True),
        ),
        max_size=60,
    ),
)
def test_any_values_give_finite_scores(
    calls: list[tuple[str, str]], rows: list[tuple[str, str, int, float]]
) -> None:
    odd = [Sample(name, metric, START_S + 60 * at, value) for name, metric, at, value in rows]
    found = ranked(odd, calls)
    assert all(math.isfinite(c.score) and math.isfinite(c.weight) for c in found)
