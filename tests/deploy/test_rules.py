"""Rules, alerts, runbooks and dashboards, without a running Prometheus."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.debian import promtool
from tests.deploy.shipped import DASHBOARDS, PROMETHEUS, RULES, RUNBOOKS, alerts, panels, read_yaml

_UNITS = {"none", "cps", "reqps", "s", "bytes", "percentunit", "currencyUSD"}
_PANELS = [(path, panel) for path in DASHBOARDS for panel in panels(path)]


def ask_promtool(*words: str | Path) -> None:
    done = subprocess.run([promtool(), *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_configuration_and_rules_are_valid() -> None:
    ask_promtool("check", "config", PROMETHEUS / "prometheus.yaml")
    ask_promtool("check", "rules", *sorted(RULES.glob("*.yaml")))


def test_each_alert_fires_when_it_must_and_not_for_less() -> None:
    ask_promtool("test", "rules", PROMETHEUS / "rules_test.yaml")
    seen = {
        (case["alertname"], bool(case["exp_alerts"]))
        for test in read_yaml(PROMETHEUS / "rules_test.yaml")["tests"]
        for case in test["alert_rule_test"]
    }
    assert seen == {(rule["alert"], fires) for rule in alerts() for fires in (True, False)}


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_every_alert_says_how_grave_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    url = "{{ $externalLabels.liveops_url }}/runbooks/"
    assert rule["annotations"]["runbook_url"] == f"{url}{rule['alert']}.md"
    text = (RUNBOOKS / f"{rule['alert']}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {rule['alert']}\n")
    headings = ("\n## What it does\n", "\n## Where to look\n", "\n## What to do\n")
    assert all(heading in text for heading in headings)


def test_every_runbook_belongs_to_an_alert() -> None:
    assert {path.stem for path in RUNBOOKS.iterdir()} == {rule["alert"] for rule in alerts()}


def test_a_runbook_names_panels_and_alerts_that_are_there() -> None:
    titles = {panel["title"] for _, panel in _PANELS}
    names = {rule["alert"] for rule in alerts()}
    for path in RUNBOOKS.iterdir():
        text = " ".join(path.read_text(encoding="utf-8").split())
        quoted = {part for part in text.split('"')[1::2] if part[:1].isupper()}
        assert quoted <= titles, (path.name, quoted - titles)
        spoken = {word.strip("().,;:?") for word in text.split() if word.startswith("(LiveOps")}
        assert spoken <= names, (path.name, spoken - names)


def test_dashboards_are_of_grafanas_form() -> None:
    uids = [json.loads(path.read_text(encoding="utf-8"))["uid"] for path in DASHBOARDS]
    assert sorted(uids) == [
        "liveops-incidents",
        "liveops-overview",
        "liveops-pipeline",
        "liveops-windows",
    ]
    for path in DASHBOARDS:
        board = json.loads(path.read_text(encoding="utf-8"))
        assert (board["schemaVersion"], bool(board["title"])) == (39, True)
        numbers = [panel["id"] for panel in board["panels"]]
        assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize(("path", "panel"), _PANELS, ids=lambda item: str(item)[:1])
def test_every_panel_has_title_description_unit_and_place(path: Path, panel: Any) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in _UNITS
    place = panel["gridPos"]
    assert place["x"] + place["w"] <= 24
    for target in panel["targets"]:
        assert target["datasource"] == panel["datasource"]
        assert panel["datasource"]["uid"] == ("prometheus" if "expr" in target else "postgres")


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_no_panel_lies_over_another(path: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + dx, place["y"] + dy)
            for dx in range(place["w"])
            for dy in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
