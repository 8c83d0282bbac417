"""Each way in which faults spread points back to where they come from."""

from __future__ import annotations

from liveops.rca.callgraph import CallGraph
from liveops.rca.deviation import deviations
from liveops.rca.explanation import TERMS, explain
from liveops.rca.ranking import UNKNOWN, Candidate, Symptom, rank
from liveops.rca.series import Sample
from liveops.rca.verdict import confidence, reasons, verdict
from tests.unit.rca.stories import START_S

Levels = dict[tuple[str, str], tuple[float, float | None]]


def ranked(
    levels: Levels, edges: list[tuple[str, str]], symptom: Symptom = UNKNOWN
) -> list[Candidate]:
    """Levels before and in the incident by (service, metric); None: nothing in it."""
    samples = []
    for (service, metric), (before, during) in levels.items():
        for i in range(40):
            value = before * (1 + (i * 37 % 11 - 5) / 200)
            samples.append(Sample(service, metric, START_S - 60 * (40 - i), value))
        if during is not None:
            samples += [Sample(service, metric, START_S + 60 * i, during) for i in range(4)]
    return rank(deviations(samples, START_S), CallGraph(edges), symptom)


CHAIN = [("front", "shop"), ("shop", "store"), ("shop", "mail")]


def test_the_one_whose_callees_do_not_account_for_its_waiting() -> None:
    levels: Levels = {
        ("front", "latency_ms"): (300, 520), ("front", "requests"): (100, 100),
        ("shop", "latency_ms"): (200, 420), ("shop", "requests"): (100, 100),
        ("store", "latency_ms"): (50, 270), ("store", "requests"): (100, 100),
        ("mail", "latency_ms"): (50, 90), ("mail", "requests"): (5, 5),
    }  # fmt: skip
    found = ranked(levels, CHAIN)
    assert found[0].service_name == "store"
    assert found[0].weight > 2 * found[1].weight
    more, covered = found[0].amounts["latency"]
    assert (round(more), covered) == (22, 0.0)
    assert set(found[0].amounts) == {"latency"}
    assert found[0].callers == ("front", "shop")


def test_amounts_count_not_distances() -> None:
    levels: Levels = {
        ("front", "availability"): (100, 97), ("front", "requests"): (500, 500),
        ("shop", "availability"): (100, 97), ("shop", "requests"): (480, 480),
        ("store", "availability"): (100, 60), ("store", "requests"): (4, 4),
    }  # fmt: skip
    assert ranked(levels, [("front", "shop"), ("front", "store")])[0].service_name == "shop"


def test_without_requests_each_ones_own_part_counts_beside_its_own_amount() -> None:
    levels: Levels = {
        ("front", "latency_ms"): (300, 900), ("shop", "latency_ms"): (200, 800),
        ("store", "latency_ms"): (30, 90), ("mail", "latency_ms"): (600, 1150),
    }  # fmt: skip
    own = {c.service_name: c.terms["latency"] for c in ranked(levels, CHAIN)}
    assert own["store"] > 0.3 * own["mail"]
    assert own["front"] < 0.3 * own["mail"]


def test_a_resource_that_follows_the_load_is_excused() -> None:
    levels: Levels = {
        ("front", "requests"): (100, 150), ("front", "cpu"): (20, 30),
        ("shop", "requests"): (100, 150), ("shop", "cpu"): (30, 45),
        ("store", "requests"): (100, 150), ("store", "cpu"): (30, 95),
    }  # fmt: skip
    found = {c.service_name: c for c in ranked(levels, CHAIN)}
    assert "cpu" not in found["shop"].terms
    assert "cpu" in found["store"].terms
    assert "load" in found["front"].terms
    assert "load" not in found["shop"].terms


def test_load_that_nobody_passed_on_explains_what_breaks_under_it() -> None:
    levels: Levels = {
        ("front", "requests"): (100, 300), ("shop", "requests"): (100, 300),
        ("store", "requests"): (100, 300), ("store", "latency_ms"): (20, 400),
        ("shop", "latency_ms"): (60, 440),
    }  # fmt: skip
    found = ranked(levels, CHAIN)
    assert found[0].service_name == "front"
    assert all(set(c.terms) <= {"load"} for c in found)


def test_waiting_for_a_slow_callee_is_not_the_networks() -> None:
    levels: Levels = {
        ("shop", "latency_ms"): (60, 260), ("shop", "client_latency_ms"): (20, 220),
        ("store", "latency_ms"): (20, 220), ("mail", "cpu"): (20, 20),
    }  # fmt: skip
    found = {c.service_name: c for c in ranked(levels, [("shop", "store")])}
    assert found["store"].terms["latency"] > 3
    assert "network" not in found["store"].terms


def test_waiting_that_no_callee_was_slow_with_is_the_way_to_it() -> None:
    levels: Levels = {
        ("front", "latency_ms"): (100, 101), ("front", "client_latency_ms"): (20, 21),
        ("shop", "latency_ms"): (60, 260), ("shop", "client_latency_ms"): (20, 220),
        ("web", "latency_ms"): (60, 260), ("web", "client_latency_ms"): (20, 220),
        ("store", "latency_ms"): (20, 20), ("mail", "latency_ms"): (20, 20),
    }  # fmt: skip
    edges = [("front", "mail"), ("shop", "store"), ("shop", "mail"), ("web", "store")]
    assert ranked(levels, edges)[0].service_name == "store"


def test_who_breaks_off_early_is_told_on_by_those_it_no_longer_calls() -> None:
    levels: Levels = {
        ("front", "requests"): (100, 100), ("shop", "requests"): (100, 100),
        ("store", "requests"): (100, 20), ("mail", "requests"): (100, 20),
    }  # fmt: skip
    found = ranked(levels, CHAIN)
    assert found[0].service_name == "shop"
    assert set(found[0].terms) == {"fewer calls"}


def test_a_service_that_is_gone_answers_for_its_callers_failures() -> None:
    levels: Levels = {
        ("front", "errors"): (1, 60), ("shop", "errors"): (1, 60), ("shop", "cpu"): (30, 31),
        ("store", "errors"): (1, None), ("store", "cpu"): (30, None),
    }  # fmt: skip
    found = ranked(levels, CHAIN)
    assert found[0].service_name == "store"
    assert "silence" in found[0].terms


def test_a_service_whose_latency_nobody_measures_is_found_by_its_processor() -> None:
    levels: Levels = {
        ("front", "latency_ms"): (100, 400), ("shop", "latency_ms"): (60, 360),
        ("store", "cpu"): (30, 99), ("mail", "cpu"): (30, 31),
    }  # fmt: skip
    found = ranked(levels, CHAIN)
    assert found[0].service_name == "store"
    assert found[0].terms["latency"] > 2


def test_metrics_of_another_kind_than_the_symptom_count_less() -> None:
    levels: Levels = {
        ("shop", "latency_ms"): (60, 90), ("store", "memory_mb"): (500, 2000),
        ("front", "latency_ms"): (100, 130), ("store", "latency_ms"): (20, 20),
    }  # fmt: skip
    assert ranked(levels, CHAIN)[0].service_name == "store"
    noticed = Symptom("front", "latency_ms")
    assert ranked(levels, CHAIN, noticed)[0].service_name == "shop"


def test_two_alike_cannot_be_told_apart() -> None:
    levels: Levels = {("a", "latency_ms"): (50, 500), ("b", "latency_ms"): (50, 500)}
    found = ranked(levels, [])
    assert verdict(found) == "inconclusive"
    assert confidence(found) <= 0.3
    assert "the first two cannot be told apart" in reasons(found)


def test_many_small_signs_are_no_departure() -> None:
    metrics = ("cpu", "memory_mb", "disk_io", "queue_depth", "temperature")
    levels: Levels = {("a", metric): (100, 106) for metric in metrics}
    levels |= {("b", metric): (100, 100) for metric in metrics}
    found = ranked(levels, [])
    assert found[0].weight > 1
    assert verdict(found) == "inconclusive"
    assert "no metric clearly left its past" in reasons(found)


def test_circles_calls_to_oneself_and_unknown_services_do_no_harm() -> None:
    levels: Levels = {("a", "latency_ms"): (50, 500), ("b", "latency_ms"): (50, 51)}
    edges = [("a", "b"), ("b", "a"), ("a", "a"), ("c", "d"), ("a", "b")]
    found = ranked(levels, edges, Symptom("nobody", "nothing"))
    assert found[0].service_name == "a"
    assert sorted(c.service_name for c in found) == ["a", "b", "c", "d"]


def test_nothing_known_gives_an_empty_ranking() -> None:
    assert rank([], CallGraph([])) == []
    assert verdict([]) == "inconclusive"
    assert reasons([]) == ["no metric left its usual range"]


def test_the_explanation_adds_up_and_knows_every_term() -> None:
    found = ranked({("a", "latency_ms"): (50, 500), ("a", "cpu"): (20, 90)}, [])
    assert sum(found[0].terms.values()) == found[0].weight
    lines = "\n".join(explain(found))
    assert "latency_ms 500 ms, 50 ms before" in lines
    assert set(found[0].terms) <= set(TERMS)
