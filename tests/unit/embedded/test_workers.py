"""Which workers run, on which ports, and what they are told."""

from __future__ import annotations

import pytest

from liveops.embedded.ports import PortBook
from liveops.embedded.workers import WORKERS, base_urls, environment, parse_scale, plan, worker_part
from liveops.errors import SettingsError


class EveryPortFree(PortBook):
    """Gives what is asked for."""

    def choose(self, name: str, usual: int) -> int:
        return usual


@pytest.mark.parametrize(
    ("text", "scale"),
    [
        ("", {}),
        ("metrics=2", {"metrics": 2}),
        (" metrics=2 , incidents=3,", {"metrics": 2, "incidents": 3}),
        ("archive=32", {"archive": 32}),
    ],
)
def test_scale_is_read(text: str, scale: dict[str, int]) -> None:
    assert parse_scale(text) == scale


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("metrics", "a number"),
        ("metrics=0", "a number"),
        ("metrics=33", "a number"),
        ("metrics=-1", "a number"),
        ("metrics=²", "a number"),
        ("kafka=2", "no worker 'kafka'"),
        ("metrics=1,metrics=2", "twice"),
    ],
)
def test_a_wrong_scale_is_one_clear_line(text: str, word: str) -> None:
    with pytest.raises(SettingsError, match=word) as caught:
        parse_scale(text)
    assert "\n" not in str(caught.value)


def test_copies_step_ports_by_ten() -> None:
    copies = plan({"metrics": 3}, EveryPortFree("127.0.0.1"))
    ports = {copy.name: copy.port for copy in copies}
    assert ports == {**WORKERS, "metrics-2": 8091, "metrics-3": 8101}


def test_urls_are_those_of_first_copies_and_reachable() -> None:
    copies = plan({"metrics": 2}, EveryPortFree("0.0.0.0"))  # noqa: S104
    assert base_urls(copies, "0.0.0.0") == {  # noqa: S104
        "LIVEOPS_AUTH_URL": "http://127.0.0.1:8080",
        "LIVEOPS_METRICS_URL": "http://127.0.0.1:8081",
        "LIVEOPS_INCIDENTS_URL": "http://127.0.0.1:8082",
        "LIVEOPS_ANALYSIS_URL": "http://127.0.0.1:8083",
    }


def test_each_copy_learns_its_own_port_and_index() -> None:
    copy = plan({"metrics": 2}, EveryPortFree("127.0.0.1"))[2]
    part = worker_part(copy, "127.0.0.1", {"LIVEOPS_JWT_SECRET": "s"}, ("python",))
    assert part.env is not None
    assert part.command == ("python", "worker", "metrics")
    assert part.env["LIVEOPS_WORKER_PORT"] == "8091"
    assert part.env["LIVEOPS_WORKER_INDEX"] == "2"
    assert part.env["LIVEOPS_JWT_SECRET"] == "s"


def test_children_do_not_inherit_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEOPS_ADMIN_PASSWORD", "first password")
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    monkeypatch.setenv("KEPT", "1")
    told = environment({"LIVEOPS_DATA_DIR": "/d"})
    assert told["KEPT"] == "1"
    assert told["LIVEOPS_DATA_DIR"] == "/d"
    assert {"LIVEOPS_ADMIN_PASSWORD", "OPENAI_API_KEY"}.isdisjoint(told)
