"""Kills and traffic depend on the seed alone and hold what a run needs."""

from __future__ import annotations

import signal
from itertools import islice, pairwise

import pytest

from tests.chaos.kills import Kill, replay_failures
from tests.chaos.load import home_of, markers_of
from tests.chaos.plan import CERTAIN, FREEZES, SLOW, VICTIMS, plan
from tests.chaos.traffic import LEVELS, SERVICES, Record, Traffic


def stream(seed: int, count: int = 3000) -> list[Record]:
    traffic = Traffic(seed, 1_800_000_000.0, 1200.0, 1000.0, 12.0)
    return list(islice(traffic.records(), count))


def test_the_same_seed_gives_the_same_run() -> None:
    assert stream(1) == stream(1)
    assert stream(1) != stream(2)
    assert plan(1, 30, 600, scaling=True) == plan(1, 30, 600, scaling=True)
    assert plan(1, 30, 600, scaling=True) != plan(2, 30, 600, scaling=True)


@pytest.mark.parametrize("seed", range(5))
def test_a_long_run_kills_everything_alone_and_together_and_scales(seed: int) -> None:
    actions = plan(seed, 30, 600, scaling=True)
    frozen = [action for action in actions if action.number == signal.SIGSTOP]
    assert [action.victims for action in frozen] == [("metrics",)] * FREEZES
    actions = [action for action in actions if action not in frozen and not action.slow_s]
    victims = [action.victims for action in actions if action.victims]
    assert len(victims) == 30
    assert set(CERTAIN) <= set(victims)
    assert {(name,) for name in VICTIMS} <= set(victims)
    assert [a.copies for a in actions if not a.victims] == [1, 3, 1, 3, 1, 2]
    assert all(earlier.at_s < later.at_s for earlier, later in pairwise(actions))
    assert actions[-1].at_s < 600


def test_a_short_run_has_the_first_kinds_of_kills() -> None:
    actions = plan(3, 5, 72, scaling=True)
    killed = [a.victims for a in actions if a.victims and not a.slow_s]
    assert sorted(killed) == sorted(CERTAIN[:5])
    assert [a.copies for a in actions if not a.victims] == [1, 3, 1]


@pytest.mark.parametrize(("kills", "load_s"), [(5, 72), (30, 600)])
def test_a_worker_is_slow_for_a_part_of_every_run(kills: int, load_s: float) -> None:
    actions = plan(5, kills, load_s, scaling=True)
    (slowing,) = [action for action in actions if action.slow_s]
    assert slowing.victims == (SLOW,)
    assert 0 < slowing.at_s < slowing.at_s + slowing.slow_s < load_s
    assert actions[actions.index(slowing) - 1].copies == 3  # others go on at full speed


def test_traffic_has_every_kind_of_input() -> None:
    records = stream(1)
    loose = [r for r in records if r.route == "kafka" and r.partition is None]
    assert 0.4 < sum(not r.home for r in loose) / len(loose) < 0.6
    assert any(r.value is None and r.route == "kafka" for r in records)
    assert any(r.key and r.again for r in records)
    assert any(r.repeat for r in records)
    assert any(len({item.get("service_name") for item in r.items}) > 1 for r in records)
    assert {r.service for r in records} >= set(SERVICES)
    values = [item["value"] for record in records for item in record.items]
    assert all(value * 4 == int(value * 4) and abs(value) < 10**6 for value in values)


def test_levels_reach_every_partition_in_turn() -> None:
    own = [r for r in stream(1) if r.service == SERVICES[0] and r.items]
    levels = [r for r in own if r.items[0]["metric_type"] == LEVELS[0]]
    assert {(r.partition or 0) % 4 for r in levels} == {0, 1, 2, 3}


def test_a_metric_without_a_time_has_no_marker() -> None:
    item = {"metric_type": "m", "value": 1.0}
    assert markers_of(Record("s", [item])) == []


def test_services_are_spread_over_the_partitions() -> None:
    assert {home_of(service, 4) for service in SERVICES} == {0, 1, 2, 3}


def test_a_run_without_replays_has_failed() -> None:
    def kill(name: str, skipped: float) -> Kill:
        return Kill(1, 0.0, [name], 5, skipped=skipped)

    assert replay_failures([kill("metrics-2", 3), kill("kafka", 1), kill("metrics", 0)]) == []
    assert replay_failures([kill("metrics", 0), kill("kafka", 0), kill("metrics", 1)])
    assert replay_failures([kill("archive", 0)]) == []
