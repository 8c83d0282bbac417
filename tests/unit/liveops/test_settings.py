"""Settings: file < environment < command line; mistakes are one clear line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from liveops.errors import SettingsError
from liveops.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[3]


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "faust.cfg"
    path.write_text(text, encoding="utf-8")
    return path


def test_later_sources_win(tmp_path: Path) -> None:
    path = write(tmp_path, "[liveops]\npartitions = 3\nlateness_s = 1\nbind_host = ::1\n")
    env = {"LIVEOPS_PARTITIONS": "5", "LIVEOPS_LATENESS_S": "2"}
    got = load_settings({"partitions": 7}, environment=env, config_file=path)
    assert (got.partitions, got.lateness_s, got.bind_host) == (7, 2.0, "::1")


@pytest.mark.parametrize(
    ("env", "text"),
    [
        ({"LIVEOPS_PARTITONS": "5"}, "partitons"),
        ({"LIVEOPS_PARTITIONS": "many"}, "LIVEOPS_PARTITIONS"),
        ({"LIVEOPS_JWT_SECRET": "short"}, "LIVEOPS_JWT_SECRET"),
        ({"LIVEOPS_TRUSTED_PROXIES": "10.0.0.0/8,nobody"}, "LIVEOPS_TRUSTED_PROXIES"),
    ],
)
def test_a_mistake_names_the_setting_in_one_line(
    tmp_path: Path, env: dict[str, str], text: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(environment=env, config_file=tmp_path / "none.cfg")
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_secret_is_not_repeated_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(
            environment={"LIVEOPS_JWT_SECRET": "hunter2"}, config_file=tmp_path / "none.cfg"
        )
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("text", ["[other]\nx = 1\n", "no section\n", "[liveops]\nnope = 1\n"])
def test_a_bad_file_stops_the_start(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError):
        load_settings(environment={}, config_file=write(tmp_path, text))


def test_the_shipped_file_is_valid() -> None:
    assert load_settings(environment={}, config_file=ROOT / "faust.cfg").partitions == 8


def test_every_setting_is_documented_with_its_default() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^\| `(\w+)` \| `\w+` \| (\S.*?) \|", text, re.MULTILINE))
    expected = {
        name: {None: "–", "": "empty"}.get(field.default, f"`{field.default}`")
        for name, field in Settings.model_fields.items()
        if field.default_factory is None
    }
    assert documented.pop("data_dir")
    assert documented == expected


def test_the_token_of_a_command_is_no_setting(tmp_path: Path) -> None:
    load_settings(environment={"LIVEOPS_TOKEN": "x"}, config_file=tmp_path / "none.cfg")


def secret(tmp_path: Path, content: bytes) -> str:
    path = tmp_path / "secret"
    path.write_bytes(content)
    return str(path)


def test_a_file_may_hold_the_value(tmp_path: Path) -> None:
    env = {"LIVEOPS_JWT_SECRET_FILE": secret(tmp_path, b"s" * 40 + b" \r\n"),
           "OPENAI_API_KEY_FILE": secret(tmp_path, b"s" * 40 + b" \r\n")}  # fmt: skip
    got = load_settings(environment=env, config_file=tmp_path / "none.cfg")
    assert got.jwt_secret == got.openai_api_key == "s" * 40 + " "


def test_an_empty_file_sets_nothing(tmp_path: Path) -> None:
    env = {"OPENAI_API_KEY_FILE": secret(tmp_path, b"\n")}
    got = load_settings(environment=env, config_file=tmp_path / "none.cfg")
    assert "openai_api_key" not in got.model_fields_set


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("LIVEOPS_JWT_SECRET_FILE", None),
        ("LIVEOPS_JWT_SECRET_FILE", b"\xff\xfe hunter2"),
        ("LIVEOPS_JWT_SECRET_FILE", b"hunter2"),
        ("LIVEOPS_JWT_SEKRET_FILE", b"hunter2"),
    ],
)
def test_a_file_that_gives_no_value_stops_the_start_and_is_not_repeated(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    path = str(tmp_path / "none") if content is None else secret(tmp_path, content)
    with pytest.raises(SettingsError) as caught:
        load_settings(environment={name: path}, config_file=tmp_path / "none.cfg")
    text = str(caught.value)
    assert name.removesuffix("_FILE") in text
    assert "hunter2" not in text
    assert "\n" not in text


def test_value_and_file_together_stop_the_start(tmp_path: Path) -> None:
    env = {"OPENAI_API_KEY": "a", "OPENAI_API_KEY_FILE": secret(tmp_path, b"b")}
    with pytest.raises(SettingsError, match="OPENAI_API_KEY_FILE are both set"):
        load_settings(environment=env, config_file=tmp_path / "none.cfg")


def test_no_setting_has_the_name_of_a_file() -> None:
    assert not [name for name in Settings.model_fields if name.endswith("_file")]
