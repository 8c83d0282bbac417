"""Whatever the data: names and order of input do not change what is found."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from liveops.rca.deviation import Sample, deviations
from liveops.rca.investigation import investigate
from liveops.rca.ranking import CallGraph, rank
from tests.unit.rca.stories import START_S, incident

NAMES = ("a", "b", "c", "d", "e")
edges = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=12)
levels = st.dictionaries(st.sampled_from(NAMES), st.floats(-1e4, 1e4), max_size=5)


def samples(chosen: dict[str, float], seed: int) -> list[Sample]:
    rng = random.Random(seed)
    past = [
        Sample(name, "m", START_S - 60 * i, rng.gauss(100, 5 + place))
        for place, name in enumerate(NAMES)
        for i in range(1, 31)
    ]
    return past + [
        Sample(name, "m", START_S + 60 * i, level + rng.random())
        for name, level in sorted(chosen.items())
        for i in range(3)
    ]


@settings(max_examples=60, deadline=None)
@given(edges, levels, st.integers(0, 1000), st.permutations(NAMES))
def test_renaming_every_service_renames_the_ranking_and_nothing_else(
    calls: list[tuple[str, str]], chosen: dict[str, float], seed: int, other: list[str]
) -> None:
    new = {old: f"svc-{name}" for old, name in zip(NAMES, other, strict=True)}
    plain = samples(chosen, seed)
    moved = [Sample(new[s.service_name], s.metric_type, s.at_s, s.value) for s in plain]
    first = rank(deviations(plain, START_S), CallGraph(calls))
    second = rank(deviations(moved, START_S), CallGraph([(new[a], new[b]) for a, b in calls]))
    assert {new[c.service_name]: c.score for c in first} == {
        c.service_name: c.score for c in second
    }


@settings(max_examples=40, deadline=None)
@given(edges, levels, st.integers(0, 1000), st.randoms(use_true_random=False))
def test_the_order_of_samples_and_edges_is_irrelevant(
    calls: list[tuple[str, str]], chosen: dict[str, float], seed: int, rng: random.Random
) -> None:
    plain = samples(chosen, seed)
    mixed, other = list(plain), list(calls)
    rng.shuffle(mixed)
    rng.shuffle(other)
    assert investigate(incident(), plain, calls) == investigate(incident(), mixed, other)


@settings(max_examples=60, deadline=None)
@given(edges, levels, st.integers(0, 1000))
def test_scores_are_ordered_shares_and_name_each_service_once(
    calls: list[tuple[str, str]], chosen: dict[str, float], seed: int
) -> None:
    ranked = rank(deviations(samples(chosen, seed), START_S), CallGraph(calls))
    scores = [candidate.score for candidate in ranked]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert len({candidate.service_name for candidate in ranked}) == len(ranked)
