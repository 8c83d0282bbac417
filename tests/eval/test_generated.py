"""A few generated incidents of each family: repeatable, and found as a rule."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from tests.eval.__main__ import answer, tally
from tests.eval.scenarios import FAMILIES, generated, scenario


def test_the_same_seed_gives_the_same_incidents() -> None:
    first, second = (list(islice(generated(1, seed=5), 3)) for _ in range(2))
    assert [c.samples for c in first] == [c.samples for c in second]
    assert first[0].samples != next(iter(generated(1, seed=6))).samples


def test_causes_are_found_and_none_is_made_up() -> None:
    rows = tally(generated(2, seed=2))
    everything = rows["all"]
    right = sum(place == 1 for place in everything.places) / len(everything.places)
    assert right >= 0.8
    assert sum(everything.bold) <= 1
    assert all(rows["no_cause"].none)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_known_service_is_ranked_once(family: str) -> None:
    case = scenario(family, np.random.default_rng(3))
    known = {s.service_name for s in case.samples} | {n for edge in case.edges for n in edge}
    assert sorted(c.service_name for c in answer(case).candidates) == sorted(known)
