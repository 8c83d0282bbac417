"""`liveops rules`: what a file says becomes what is, and nothing before it is asked for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from liveops.cli.commands import app
from liveops.errors import InvalidInput
from liveops.postgres.migrate import migrate
from tests.stack import TestServers

pytestmark = pytest.mark.integration
Call = Callable[..., Result]


@pytest.fixture
def call(servers: TestServers, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs a command against the test database."""
    asyncio.run(migrate(servers.database_url))
    monkeypatch.setenv("LIVEOPS_DATABASE_URL", servers.database_url)
    monkeypatch.setenv("LIVEOPS_DATA_DIR", str(servers.data_dir))

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, ("rules", *words))

    return run


@pytest.fixture
def name() -> str:
    return f"cli {uuid4().hex[:8]}"


def file_of(tmp_path: Path, text: str) -> str:
    path = tmp_path / "rules.yaml"
    path.write_text(text, encoding="utf-8-sig", newline="\r\n")
    return str(path)


def rule(name: str, value: float = 100, more: str = "") -> str:
    return f"- name: {name}\n  kind: threshold\n  op: '>'\n  value: {value}\n{more}"


def test_a_file_is_applied_once_and_changes_are_told_before(
    call: Call, tmp_path: Path, name: str
) -> None:
    first = file_of(tmp_path, rule(name))
    assert f"+ {name}\n1 would be added" in call("apply", first, "--dry-run").stdout
    assert name not in call("export").stdout
    assert "1 added" in call("apply", first).stdout
    assert call("apply", first).stdout == "1 unchanged\n"
    second = file_of(tmp_path, "rules:\n" + rule(name, 250, "  severity: high\n"))
    told = call("apply", second).stdout
    assert f"~ {name}\n" in told
    assert "    value: 100.0 -> 250.0\n" in told
    assert "    severity: medium -> high\n" in told
    assert name in call("export").stdout


def test_what_is_exported_changes_nothing(call: Call, tmp_path: Path, name: str) -> None:
    call("apply", file_of(tmp_path, rule(name)))
    exported = call("export").stdout
    told = call("apply", file_of(tmp_path, exported), "--prune").stdout
    assert set(told.split()) & {"added", "changed", "removed"} == set()


def test_only_prune_removes(call: Call, tmp_path: Path, name: str) -> None:
    exported = call("export").stdout
    call("apply", file_of(tmp_path, rule(name)))
    kept = file_of(tmp_path, exported)
    assert "removed" not in call("apply", kept).stdout
    assert f"- {name}\n" in call("apply", kept, "--prune").stdout
    assert name not in call("export").stdout


def test_json_is_read_too(call: Call, tmp_path: Path, name: str) -> None:
    text = json.dumps({"rules": [{"name": name, "kind": "no_data", "metric": "heartbeat"}]})
    assert "1 added" in call("apply", file_of(tmp_path, text)).stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "neither YAML nor JSON"),
        ("just words", "a list of rules is wanted"),
        ("- 5", "rule 1 is no object"),
        ("- name: x\n  kind: no_data\n  op: '>'\n  value: 1", "op and value belong to threshold"),
        ("- name: x\n  kind: threshold\n  op: '>'\n  value: .inf", "rule 1 (x): value"),
        ("- name: x\n  kind: zscore\n  sensitive: 3", "rule 1 (x): sensitive"),
        ("- name: x\n  kind: zscore\n  id: nonsense", "id is no UUID"),
        ("- {name: x, kind: zscore}\n- {name: x, kind: forecast}", "is there twice"),
    ],
)
def test_a_bad_file_changes_nothing_and_says_where(
    call: Call, tmp_path: Path, text: str, said: str
) -> None:
    before = call("export").stdout
    answer = call("apply", file_of(tmp_path, text))
    assert isinstance(answer.exception, InvalidInput)
    assert said in str(answer.exception)
    assert call("export").stdout == before
