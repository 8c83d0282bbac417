"""What docker/ ships, as the tests read it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
PROMETHEUS = DOCKER / "prometheus"
RULES = PROMETHEUS / "rules"
DASHBOARDS = sorted((DOCKER / "grafana" / "dashboards").glob("*.json"))
RUNBOOKS = ROOT / "docs" / "runbooks"
_LABEL_VALUES = re.compile(r"label_values\((.+), (\w+)\)")
_DEFAULT = re.compile(r"\$\{(\w+):-([^}]*)\}")


@dataclass(frozen=True, slots=True)
class Expression:
    """A PromQL expression and where it stands."""

    where: str
    text: str


def read_yaml(path: Path) -> Any:
    """A YAML document."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def compose() -> dict[str, Any]:
    """The compose file with its variables at their defaults."""
    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.safe_load(_DEFAULT.sub(r"\2", text))
    return document


def rules() -> list[dict[str, Any]]:
    """Recording and alerting rules of all files."""
    return [
        rule
        for path in sorted(RULES.glob("*.yaml"))
        for group in read_yaml(path)["groups"]
        for rule in group["rules"]
    ]


def alerts() -> list[dict[str, Any]]:
    """The alerting rules."""
    return [rule for rule in rules() if "alert" in rule]


def panels(path: Path) -> list[dict[str, Any]]:
    """The panels of a dashboard that show something."""
    found = json.loads(path.read_text(encoding="utf-8"))["panels"]
    return [panel for panel in found if panel["type"] != "row"]


def variables(path: Path) -> list[Expression]:
    """What the variables of a dashboard are chosen from."""
    found = json.loads(path.read_text(encoding="utf-8"))["templating"]["list"]
    asked = [(item["name"], _LABEL_VALUES.fullmatch(item["definition"])) for item in found]
    return [
        Expression(f"{path.name}: ${name}", f"count by ({match[2]}) ({match[1]})")
        for name, match in asked
        if match
    ]


def expressions(path: Path, rate_interval: str) -> list[Expression]:
    """What a dashboard asks for, with all copies chosen."""
    return variables(path) + [
        Expression(
            f"{path.name}: {panel['title']} {target['refId']}",
            target["expr"].replace("$__rate_interval", rate_interval).replace("$instance", ".*"),
        )
        for panel in panels(path)
        for target in panel["targets"]
        if "expr" in target
    ]


def queries() -> list[Expression]:
    """What dashboards ask of PostgreSQL: panels, variables and annotations."""
    found: list[Expression] = []
    for path in DASHBOARDS:
        board = json.loads(path.read_text(encoding="utf-8"))
        targets = [t for panel in panels(path) for t in panel["targets"]]
        targets += [item["target"] for item in board["annotations"]["list"] if "target" in item]
        found += [Expression(path.name, t["rawSql"]) for t in targets if "rawSql" in t]
        found += [
            Expression(f"{path.name}: ${item['name']}", item["query"])
            for item in board["templating"]["list"]
            if item.get("datasource", {}).get("uid") == "postgres"
        ]
    return found
