"""What a worker would show: named by convention, its own, and there before anything happens."""

from __future__ import annotations

import subprocess
from collections import Counter
from importlib import import_module
from pkgutil import iter_modules

import pytest
from prometheus_client import Metric, generate_latest

from liveops import metrics
from liveops.metrics.group import Group
from liveops.metrics.workers import SHOWN, registry_of
from liveops.services import PORTS
from tests.debian import promtool


def groups() -> list[Group]:
    """Every group that is declared."""
    modules = (import_module(f"liveops.metrics.{m.name}") for m in iter_modules(metrics.__path__))
    return [v for module in modules for v in vars(module).values() if isinstance(v, Group)]


def families(*found: Group) -> list[Metric]:
    return [family for group in found for family in group.collect()]


@pytest.mark.parametrize("service", PORTS)
def test_promtool_finds_nothing(service: str) -> None:
    text = generate_latest(registry_of(service))
    done = subprocess.run([promtool(), "check", "metrics"], input=text, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert b"_created" not in text


def test_every_group_is_shown_by_some_worker() -> None:
    shown = {id(group) for groups in SHOWN.values() for group in groups}
    assert {id(group) for group in groups()} == shown
    assert SHOWN.keys() == PORTS.keys()


def test_every_family_is_declared_once_with_prose() -> None:
    found = families(*groups())
    assert [name for name, count in Counter(f.name for f in found).items() if count > 1] == []
    for family in found:
        assert family.documentation.endswith("."), family.name
        assert family.name.startswith(("liveops_", "http_", "consumer_")), family.name


@pytest.mark.parametrize("service", PORTS)
def test_a_worker_shows_its_groups_its_process_and_its_build(service: str) -> None:
    own = {family.name for family in families(*SHOWN[service])}
    found = {family.name for family in registry_of(service).collect()}
    more = found - own
    assert own <= found
    assert "liveops_build" in more
    assert all(name.startswith(("process_", "python_")) for name in more - {"liveops_build"})


def test_children_that_are_known_beforehand_are_there_at_0() -> None:
    from liveops.metrics.analysis import LLM_ERRORS
    from liveops.metrics.windows import DEAD_LETTERS

    for counter, label, count in ((DEAD_LETTERS, "reason", 9), (LLM_ERRORS, "kind", 8)):
        [family] = counter.collect()
        assert len({sample.labels[label] for sample in family.samples}) == count
