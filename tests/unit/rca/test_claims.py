"""What a model says stands only as far as the evidence says it too."""

from __future__ import annotations

import pytest

from liveops.rca.claims import Claim, Proposal, Reply, holds, verify
from schema.analysis import Evidence

EVIDENCE = [
    Evidence("E1", "back latency_ms is 900, above its usual 114", "metric",
             {"service_name": "back", "metric_type": "latency_ms"}),
    Evidence("E2", "mid calls back, and both deviate", "topology",
             {"caller": "mid", "callee": "back"}),
]  # fmt: skip
BY_ID = {item.id: item for item in EVIDENCE}
SERVICES = {"front", "mid", "back"}


@pytest.mark.parametrize(
    ("text", "cited", "expected"),
    [
        pytest.param("back is slow", ("E1",), True, id="cites what it says"),
        pytest.param("back is at 900", ("E1",), True, id="number stands in the evidence"),
        pytest.param("back is at 901.5", ("E1",), True, id="rounded number"),
        pytest.param("back is at 5000", ("E1",), False, id="number from nowhere"),
        pytest.param("back is at 900ms", ("E1",), True, id="number with its unit"),
        pytest.param("back is at 9999ms", ("E1",), False, id="number from nowhere with a unit"),
        pytest.param("back p99 is high", ("E1",), True, id="a quantile's name is no number"),
        pytest.param("back rose", ("E1",), True, id="the direction of the evidence"),
        pytest.param("back fell", ("E1",), False, id="the other direction"),
        pytest.param("back is slow", (), False, id="cites nothing"),
        pytest.param("back is slow", ("E9",), False, id="cites what is not there"),
        pytest.param("back is slow", ("E1", "E9"), False, id="one citation is not there"),
        pytest.param("front is slow", ("E1",), False, id="names another service"),
        pytest.param("mid waits for back", ("E2",), True, id="both ends of a call"),
        pytest.param("see https://evil.example", ("E1",), False, id="link"),
        pytest.param("<script>alert</script>", ("E1",), False, id="markup"),
        pytest.param("see ftp://evil.example", ("E1",), False, id="another link"),
        pytest.param("back needs kubectl delete pod back", ("E1",), False, id="command"),
        pytest.param("back needs ｓｕｄｏ reboot", ("E1",), False, id="command in wide letters"),
        pytest.param("back needs `reboot`", ("E1",), False, id="command in quotes"),
        pytest.param("back needs DROP TABLE orders", ("E1",), False, id="statement"),
        pytest.param("b\u200back is slow", ("E1",), False, id="character nobody sees"),
        pytest.param("All is well with back", ("E1",), False, id="calm"),
        pytest.param("back is healthy again", ("E1",), False, id="calm without a number"),
        pytest.param("back is not healthy", ("E1",), True, id="the contrary"),
        pytest.param("Something is slow", ("E1",), False, id="nothing to check"),
        pytest.param("  ", ("E1",), False, id="empty"),
        pytest.param("x" * 401, ("E1",), False, id="too long"),
    ],
)
def test_a_claim_holds_only_with_its_evidence(
    text: str, cited: tuple[str, ...], expected: bool
) -> None:
    assert holds(Claim(text, cited), BY_ID, SERVICES) is expected


def reply(service: str | None, *technical: Claim) -> Reply:
    good = Claim("back is slow", ("E1",))
    return Reply(service, good, technical, (good,), (Proposal("Look at back", ("E1",)),))


def test_a_faithful_reply_is_kept_whole() -> None:
    got = verify(reply("back", Claim("mid waits for back", ("E2",))), EVIDENCE, ["back"], SERVICES)
    assert got.share == 1.0
    assert got.root_cause_service == "back"


def test_an_unverifiable_claim_is_removed_and_lowers_the_share() -> None:
    got = verify(reply("back", Claim("disk is full", ("E7",))), EVIDENCE, ["back"], SERVICES)
    assert got.technical == ()
    assert got.share == pytest.approx(4 / 5)


def test_a_cause_that_is_no_candidate_is_removed() -> None:
    got = verify(reply("front"), EVIDENCE, ["back", "mid"], SERVICES)
    assert got.root_cause_service is None
    assert got.share < 1
