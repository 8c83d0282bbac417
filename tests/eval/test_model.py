"""The evaluation of models: it notices what has no evidence, and a liar changes no cause."""

from __future__ import annotations

from itertools import islice

import pytest

from schema.analysis import Analysis, Evidence
from tests.eval import model
from tests.eval.__main__ import answer
from tests.eval.founded import unfounded
from tests.eval.scenarios import generated


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("back is slow [E1]. mid waits [E1].", []),
        ("back is slow [E1]. mid waits.", ["mid waits."]),
        ("back is slow [E2].", ["back is slow [E2]."]),
        ("It is too early to say whether it gets better or worse.", []),
    ],
)
def test_what_has_no_evidence_is_seen(text: str, found: list[str]) -> None:
    evidence = [Evidence("E1", "back latency_ms is 900", "metric", {"service_name": "back"})]
    told = Analysis(id="a", incident_id="i", status="completed", executive_summary=text)
    told.evidence = evidence
    assert unfounded(told) == found


async def test_a_lying_model_changes_no_cause_and_leaves_nothing_without_evidence() -> None:
    cases = [(case, answer(case)) for case in islice(generated(1, seed=7), 6)]
    lines = [line async for line in model.rows(cases)]
    faithful, lying = (line.split()[3:] for line in lines[:2])
    # Cases, asked, top-1, bold, claims, kept, without evidence, …
    assert lying[2] == faithful[2]
    assert float(lying[5]) < 0.5 < float(faithful[5])
    assert lying[6] == faithful[6] == "0"
