"""How sure an analysis says it is, beside how often people said it was right."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from liveops.rca.calibration import NEEDED, Calibration, Judged, curve, error, fit
from liveops.rca.claims import Claim, Reply
from liveops.rca.conclusion import by_code, by_model, by_precedent, pending
from liveops.rca.context import Around, gather
from liveops.rca.investigation import Investigation, investigate
from schema.analysis import Source
from tests.unit.rca.stories import CHAIN, detection, during, history, incident
from tests.unit.rca.test_context import past

STORY = incident(detection("front"))
FOUND = investigate(STORY, history() + during({"front": 400, "mid": 600, "back": 900}), CHAIN)
SHARES = (0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95)


def judged(count: int, raw: float, right: int) -> list[Judged]:
    return [Judged(raw, raw, place < right) for place in range(count)]


def test_few_verdicts_leave_it_as_it_is_and_say_so() -> None:
    few = fit(judged(NEEDED - 1, 0.9, 0))
    assert [few.of(share) for share in SHARES] == list(SHARES)
    assert few.in_words() == f"not calibrated yet ({NEEDED - 1} of {NEEDED} verdicts)"


def test_who_is_too_sure_learns_to_be_less() -> None:
    got = fit(judged(150, 0.8, 75) + judged(50, 0.5, 15))
    assert got.of(0.8) == pytest.approx(0.5, abs=0.05)
    assert got.of(0.5) == pytest.approx(0.3, abs=0.08)
    assert got.in_words() == "calibrated by 200 verdicts"


def test_who_is_too_modest_learns_to_be_more() -> None:
    assert fit(judged(200, 0.5, 180)).of(0.5) == pytest.approx(0.9, abs=0.04)


def test_what_is_right_already_stays() -> None:
    told = [one for share in SHARES for one in judged(100, share, round(100 * share))]
    got = fit(told)
    assert [got.of(share) for share in SHARES] == pytest.approx(SHARES, abs=0.02)


def test_who_is_right_the_less_the_surer_is_told_how_often_that_is() -> None:
    got = fit(judged(200, 0.9, 20) + judged(200, 0.1, 180))
    assert got.slope == 0
    assert got.of(0.9) == got.of(0.1) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_being_surer_never_makes_it_less_likely(seed: int) -> None:
    chance = Random(seed)
    told = [Judged(raw := chance.random(), raw, chance.random() > raw) for _ in range(400)]
    got = fit(told)
    shares = [got.of(share) for share in (0.0, *SHARES, 1.0)]
    assert shares == sorted(shares)
    assert all(0 < share < 1 for share in shares)
    chance.shuffle(told)
    assert fit(told) == got


def test_a_one_sided_history_makes_nothing_certain() -> None:
    assert 0.7 < fit(judged(NEEDED, 0.7, NEEDED)).of(0.7) < 0.99
    assert 0.01 < fit(judged(NEEDED, 0.7, 0)).of(0.7) < 0.3


def test_the_curve_counts_by_what_was_said() -> None:
    told = [*judged(8, 0.7, 6), *judged(2, 1.0, 2), Judged(0.9, 0.1, False)]
    bins = curve(told)
    assert [(one.from_share, one.count) for one in bins] == [(0.0, 1), (0.6, 8), (0.8, 2)]
    found = (bins[1].said, bins[1].share, bins[1].low, bins[1].high)
    assert found == pytest.approx((0.7, 0.75, 0.409, 0.929), abs=1e-3)
    assert error(bins) == pytest.approx((0.1 + 8 * 0.05 + 0) / 11)
    assert (curve([]), error([])) == ([], None)


HARD: dict[Source, Calibration] = {
    "fallback": Calibration(40, 1.0, -1.0),
    "llm": Calibration(3, 1.0, -1.0),
}


def test_the_analysis_tells_the_calibrated_confidence_and_keeps_the_computed_one() -> None:
    found = replace(FOUND, calibrations=HARD)
    for got in (pending("a", STORY, found), by_code("a", STORY, found)):
        assert got.confidence_raw == FOUND.confidence
        assert got.confidence < FOUND.confidence
        assert got.confidence_text.startswith(f"{100 * got.confidence:.0f} %: ")
        assert got.confidence_text.endswith(", calibrated by 40 verdicts")


def test_each_source_has_its_own_calibration() -> None:
    found = replace(FOUND, calibrations=HARD)
    claim = Claim("back is slow", ("E1",))
    got = by_model("a", STORY, found, Reply("back", claim, (claim,), (claim,), ()), ())
    assert got.confidence == got.confidence_raw == FOUND.confidence
    assert got.confidence_text.endswith(", not calibrated yet (3 of 30 verdicts)")
    again = by_precedent("b", STORY, found, got)
    assert again.confidence_text == got.confidence_text


def test_what_names_nothing_is_not_calibrated() -> None:
    quiet = investigate(incident(), history() + during({}), CHAIN)
    got = by_code("a", incident(), replace(quiet, calibrations=HARD))
    assert got.confidence == quiet.confidence
    assert "calibrated" not in got.confidence_text


def alike(*similar: dict[str, object]) -> Investigation:
    around = Around(similar=similar)
    context = gather(FOUND.evidence, [], frozenset({"back", "mid", "side"}), around)
    return replace(FOUND, context=context)


def test_what_people_confirmed_is_told_with_who_did_and_is_evidence_alone() -> None:
    older = past(true_cause="mid", detected_at="2022-01-02T03:04:05Z")
    found = alike(older, past(true_cause="side"), past(root_cause_service="back"))
    got = by_code("a", STORY, found)
    assert (
        "The last time this looked alike, at 2023-01-02T03:04:05Z, it was side, as confirmed by ann"
        in got.technical_summary
    )
    assert [(c.service_name, c.score) for c in found.ranking] == [
        (c.service_name, c.score) for c in FOUND.ranking
    ]
    cites = {c.service_name: set(c.evidence) for c in found.ranking}
    before = {c.service_name: set(c.evidence) for c in FOUND.ranking}
    first, second, third = (item.id for item in found.context.facts)
    assert cites["mid"] - before["mid"] == {first}
    assert cites["side"] - before["side"] == {second}
    assert cites["back"] == before["back"]
    assert third not in {name for ids in cites.values() for name in ids}


def test_who_confirmed_is_repeated_only_where_it_looks_like_a_name() -> None:
    got = by_code("a", STORY, alike(past(true_cause="mid", confirmed_by="<b>evil</b>")))
    assert "as confirmed by somebody" in got.technical_summary
    assert "evil" not in got.technical_summary
