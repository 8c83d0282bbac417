"""What evidence says of each kind of finding, word by word."""

from __future__ import annotations

from typing import Any

import pytest

from liveops.incidents.sentences import TITLES, figure, kind_of, title
from liveops.rca.conclusion import by_code
from liveops.rca.evidence import DETECTIONS
from liveops.rca.investigation import Investigation, investigate
from schema.incidents import Detection, Incident
from tests.unit.rca.stories import CHAIN, detection, during, history, incident

SINCE = "2023-11-14T22:14:20Z"


def limit(service: str, value: float, **more: Any) -> Detection:
    """A threshold detection: above 500 unless told otherwise."""
    fields: dict[str, Any] = {"detector": "threshold", "expected": None, "lower": None}
    return detection(service, value, **(fields | {"upper": 500.0} | more))


def absent(service: str, metric: str = "*") -> Detection:
    """A no-data detection after 95 s."""
    return detection(
        service, 95.0, detector="no_data", metric_type=metric, expected=1.0, lower=None, upper=60.0
    )


CASES = [
    (
        limit("front", 600.0),
        "front: latency_ms rose to 600, limit 500",
        f"front latency_ms is 600 ms, above its limit 500 ms, since {SINCE}",
        f"the threshold detector saw front latency_ms at 600, over the limit 500, "
        f"in the 1m window, since {SINCE}",
    ),
    (
        limit("back", 93.0, metric_type="availability", upper=None, lower=99.5),
        "back: availability fell to 93, limit 99.5",
        f"back availability is 93, below its limit 99.5, since {SINCE}",
        f"the threshold detector saw back availability at 93, under the limit 99.5, "
        f"in the 1m window, since {SINCE}",
    ),
    (
        absent("front"),
        "front: no data",
        f"front stopped reporting, since {SINCE}",
        f"the no_data detector saw front without data for 95 s, since {SINCE}",
    ),
    (
        absent("front", "heartbeat"),
        "front: no data of heartbeat",
        f"front heartbeat stopped reporting, since {SINCE}",
        f"the no_data detector saw front heartbeat without data for 95 s, since {SINCE}",
    ),
    (
        detection("front", 900.0),
        "front: latency_ms rose to 900, usually 100",
        f"front latency_ms is 900 ms, above its usual 100 ms by 120.0 robust standard deviations, "
        f"since {SINCE}",
        f"the zscore detector saw front latency_ms at 900, expected 100, in the 1m window, "
        f"since {SINCE}",
    ),
    (
        detection("front", 10.0),
        "front: latency_ms fell to 10, usually 100",
        f"front latency_ms is 10 ms, below its usual 100 ms by 13.5 robust standard deviations, "
        f"since {SINCE}",
        f"the zscore detector saw front latency_ms at 10, expected 100, in the 1m window, "
        f"since {SINCE}",
    ),
]


def seen(*detections: Detection) -> tuple[Incident, Investigation]:
    """The investigation of detections that storage knows nothing of yet."""
    one = incident(*detections)
    return one, investigate(one, [], CHAIN)


@pytest.mark.parametrize(("found", "headline", "fact", "sight"), CASES)
def test_each_kind_says_what_it_is(found: Detection, headline: str, fact: str, sight: str) -> None:
    assert f"{found.service_name}: {title(found)}" == headline
    texts = [item.text for item in seen(found)[1].evidence]
    assert texts == [fact, sight]


def test_every_kind_of_the_tables_is_among_the_cases() -> None:
    kinds = {kind_of(found) for found, *_ in CASES}
    assert kinds == TITLES.keys() == DETECTIONS.keys()


def test_a_broken_limit_also_says_what_is_usual() -> None:
    one = incident(limit("back", 600.0))
    found = investigate(one, history() + during({"back": 600.0}), CHAIN)
    assert found.evidence[0].text == (
        f"back latency_ms is 600 ms, above its limit 500 ms; usually it is 115 ms, since {SINCE}"
    )


def test_a_falling_symptom_ranks_what_falls() -> None:
    low = {"metric_type": "availability", "upper": None, "lower": 99.5}
    _, found = seen(limit("front", 97.0, **low), limit("back", 60.0, **low))
    assert [c.service_name for c in found.candidates][:2] == ["back", "front"]
    assert found.candidates[0].deviations[0].direction == -1


@pytest.mark.parametrize(
    ("found", "root"),
    [
        (absent("back"), "back: no data"),
        (absent("back", "heartbeat"), "back: no data of heartbeat"),
        (limit("back", 600.0), "back: latency_ms broke its limit"),
        (detection("back"), "back: latency_ms rose out of its usual range"),
    ],
)
def test_no_star_and_no_seconds_of_silence_among_the_words(found: Detection, root: str) -> None:
    one, looked = seen(found)
    analysis = by_code("a", one, looked)
    assert analysis.root_cause.startswith(root)
    words = " ".join(
        [analysis.root_cause, analysis.technical_summary, analysis.executive_summary,
         *analysis.suggested_actions]
    )  # fmt: skip
    assert "*" not in words
    assert "last 95" not in words


@pytest.mark.parametrize(
    ("value", "text"),
    [(604_500_000.0, "604500000"), (143.64, "143.6"), (0.0, "0"), (-0.00012342, "-0.0001234"),
     (1e200, "1e+200"), (99.5, "99.5"), (1234.56, "1235"), (None, "?")],
)  # fmt: skip
def test_figures_are_written_plainly(value: float | None, text: str) -> None:
    assert figure(value) == text
