"""The draft of a post-mortem: complete, in order, and free text stays text."""

from __future__ import annotations

from liveops.rca.postmortem import draft
from schema.analysis import Action, Analysis, Evidence
from tests.unit.rca.stories import START_S, detection, incident

EVIL = "<script>x</script> [click](http://evil) # not a heading\n| cell | `code`"


def analysis() -> Analysis:
    return Analysis(
        id="a", incident_id="i", status="completed", root_cause="back is slow [E1]",
        root_cause_service="back", confidence=0.63, verdict="cause_found",
        suggested_actions=["Roll back [E1]."],
        actions=[Action("Roll back", "change", "medium", True, ["E1"])],
        technical_summary="back rose [E1]",
        executive_summary="Checkout is slow.",
        evidence=[Evidence("E1", "back latency_ms is 900", "metric", {})],
    )  # fmt: skip


def test_all_that_is_known_stands_in_its_place() -> None:
    story = incident(detection("front"), resolved_at_s=START_S + 650, assignee="ann")
    events = [
        {"at": "2023-11-14T22:15:00Z", "actor": "ann", "kind": "comment",
         "data": {"text": "on it"}},
        {"at": "2023-11-14T22:16:00Z", "actor": "ann", "kind": "updated",
         "data": {"status": "resolved"}},
    ]  # fmt: skip
    text = draft(story, events, analysis())
    heads = [line for line in text.splitlines() if line.startswith("#")]
    assert heads == [
        "# front is slow", "## Impact", "## Timeline", "## Cause", "## Evidence", "## Actions",
    ]  # fmt: skip
    for part in (
        "10 min after its detection", "Checkout is slow", "first sign in the data",
        "| ann | comment: on it |", "status resolved", "**back** (confidence 63%)", "[E1]",
        "- **E1** back latency\\_ms is 900", "Assignee: ann",
        "- [ ] Roll back [E1]. (medium risk, can be undone)",
    ):  # fmt: skip
        assert part in text, part


def test_what_people_write_becomes_no_markup() -> None:
    story = incident(detection("front"), title=EVIL)
    comment = {
        "at": "2023-11-14T22:15:00Z",
        "actor": EVIL,
        "kind": "comment",
        "data": {"text": EVIL},
    }
    text = draft(story, [comment], None)
    assert "<script>" not in text.replace("\\<", "")
    assert "](" not in text
    assert len([line for line in text.splitlines() if line.startswith("#")]) == 4
    (row,) = [line for line in text.splitlines() if "comment" in line]
    assert row.replace("\\|", "").count("|") == 4


def test_without_an_analysis_there_is_a_draft_all_the_same() -> None:
    text = draft(incident(), [], None)
    assert "- [ ] none suggested" in text
    assert "## Cause" not in text
