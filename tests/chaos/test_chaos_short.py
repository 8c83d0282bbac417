"""The short form of `make chaos`: five kills on real processes, then no difference."""

from __future__ import annotations

import pytest

from tests.chaos.report import table
from tests.chaos.run import Plan, run

pytestmark = pytest.mark.integration

SHORT = Plan(seed=5, kills=5, load_s=72, rate=1000, speed=14)


def test_nothing_is_lost_or_counted_twice_through_five_kills() -> None:
    result = run(SHORT)
    told = table(result)
    print(told)
    assert result.passed, told
