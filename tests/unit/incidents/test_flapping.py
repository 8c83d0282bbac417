"""What opens and resolves again and again is one incident that stays open until it is quiet."""

from __future__ import annotations

from msgspec.structs import replace

from liveops.incidents.flapping import QUIET_S, STRETCHES, WITHIN_S, flaps, stretches
from liveops.incidents.state import Command
from schema.incidents import Detection
from tests.aggregates import BEGIN_S, detection
from tests.unit.incidents.test_fold import Run

INF = float("inf")


def turn(number: int, every_s: float = 240.0, lasts_s: float = 60.0) -> tuple[Detection, Detection]:
    """The beginning and the end of one excursion of the same series."""
    onset_s = BEGIN_S + number * every_s
    first = replace(detection("cart"), id=f"turn-{number}", onset_s=onset_s, at_s=onset_s)
    return first, replace(first, state="resolved", at_s=onset_s + lasts_s)


def told(run: Run) -> list[str]:
    """What became of the incidents, in order."""
    return [command.status or command.kind for command in run.commands if is_turn(command)]


def is_turn(command: Command) -> bool:
    return command.kind == "open" or command.status is not None


def test_stretches_join_excursions_that_overlap() -> None:
    first, over = turn(0)
    longer = replace(over, id="longer", at_s=over.at_s + 30)
    again, _ = turn(1)
    assert stretches([over, longer, again]) == [
        (first.onset_s, over.at_s + 30), (again.onset_s, INF),
    ]  # fmt: skip


def test_the_third_return_is_the_last_that_is_told_until_it_is_quiet() -> None:
    run = Run().take(*turn(0)).wait(5).take(*turn(1), *turn(2))
    calm = ["open", "resolved", "open", "resolved", "open"]
    assert told(run) == calm
    run.take(*turn(3), *turn(4)).wait(QUIET_S - 1)
    assert told(run) == calm
    assert len(run.groups) == 1
    run.wait(2)
    assert told(run) == [*calm, "resolved"]
    assert not run.groups
    run.take(turn(30)[0]).wait(5)
    assert len({command.incident_id for command in run.commands}) == 2


def test_the_text_says_that_it_comes_and_goes_from_the_third_turn_on() -> None:
    run = Run().take(*turn(0)).wait(5).take(*turn(1))
    assert "It comes and goes" not in run.commands[-1].values["description"]
    run.take(turn(2)[0])
    assert "quiet for 15 minutes" in run.commands[-1].values["description"]


def test_what_flaps_takes_in_what_comes_within_its_quiet_time() -> None:
    run = Run().take(*turn(0)).wait(5).take(*turn(1), *turn(2))
    before = told(run)
    late, over = (
        replace(one, id="late", onset_s=one.onset_s + 700, at_s=one.at_s + 700) for one in turn(2)
    )
    run.wait(600).take(late, over)
    assert told(run) == before
    run.wait(QUIET_S + 1)
    assert told(run) == [*before, "resolved"]


def test_two_returns_or_slow_ones_are_told_each() -> None:
    run = Run().take(*turn(0)).wait(5).take(*turn(1))
    assert told(run) == ["open", "resolved", "open", "resolved"]
    (group,) = run.groups.values()
    assert not flaps(group)
    slow = [one for n in range(STRETCHES) for one in turn(n, every_s=WITHIN_S)]
    assert not flaps(replace(group, members={one.id: one for one in slow}))


def test_what_a_person_resolves_while_it_flaps_stays_resolved() -> None:
    run = Run().take(*turn(0)).wait(5).take(*turn(1), *turn(2))
    before = told(run)
    run.heed(*run.current)
    run.wait(QUIET_S + 1)
    assert told(run) == before
