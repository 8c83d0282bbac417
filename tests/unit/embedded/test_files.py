"""Secrets, credentials, jars, logs and the lock of the data directory."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from liveops.embedded import jars, java, kafka, pghome, valkey
from liveops.embedded.first_users import ALONE, DEMO, ensure_credentials
from liveops.embedded.layout import Layout, exclusive, is_held
from liveops.embedded.logs import follow, last_line, open_log
from liveops.embedded.postgres import disarm_pid_file
from liveops.embedded.secret_file import kept_secret, write_private
from liveops.errors import StartError


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout(tmp_path / "data")
    found.create()
    return found


def test_a_secret_is_made_once_and_private(layout: Layout) -> None:
    secret = kept_secret(layout.secrets, "jwt")
    assert len(secret) >= 32
    assert kept_secret(layout.secrets, "jwt") == secret
    assert (layout.secrets / "jwt").stat().st_mode & 0o777 == 0o600


def test_a_private_file_replaces_an_open_one(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600


def test_first_users_keep_their_passwords(layout: Layout) -> None:
    first = ensure_credentials(layout, None, ALONE)
    later = ensure_credentials(layout, None, DEMO)
    assert list(later) == ["admin", "engineer", "manager"]
    assert later["admin"] == first["admin"]
    assert json.loads(layout.credentials.read_text()) == later
    assert layout.credentials.stat().st_mode & 0o777 == 0o600


def test_a_given_admin_password_wins(layout: Layout) -> None:
    ensure_credentials(layout, None, ALONE)
    assert ensure_credentials(layout, "chosen one", ALONE)["admin"]["password"] == "chosen one"


@pytest.mark.parametrize("text", ["", "[]", '{"admin": "x"}', '{"admin": {}}'])
def test_damaged_credentials_are_not_overwritten(layout: Layout, text: str) -> None:
    layout.credentials.write_text(text)
    with pytest.raises(StartError, match="damaged"):
        ensure_credentials(layout, None, ALONE)
    assert layout.credentials.read_text() == text


def test_a_data_directory_has_one_holder(layout: Layout) -> None:
    assert not is_held(layout)
    with exclusive(layout):
        assert is_held(layout)
        with pytest.raises(StartError, match="already in use"), exclusive(layout):
            pass
    assert not is_held(layout)


def test_an_impossible_data_directory_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match="data directory"):
        Layout(tmp_path / "file" / "data").create()


def test_every_jar_is_locked_by_its_hash() -> None:
    locked = jars.locked_jars()
    spec = jars.SPEC_FILE.read_text()
    assert len(locked) == 33
    for jar in locked:
        assert len(jar.sha256) == 64
        assert f'"{jar.group}:{jar.artifact}:{jar.version}"' in spec


def test_a_jar_with_other_bytes_is_fetched_again_and_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jar = jars.locked_jars()[0]
    monkeypatch.setattr(jars, "locked_jars", lambda: [jar])
    (tmp_path / jar.file_name).write_bytes(b"tampered")

    def download(jar: jars.Jar, repository: Path) -> Path:
        path = repository / jar.file_name
        path.write_bytes(b"tampered too")
        return path

    monkeypatch.setattr(jars, "_download", download)
    with pytest.raises(StartError, match="SHA-256"):
        jars.class_path(lambda _: None, tmp_path)


def test_no_cluster_id_reads_as_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = iter([uuid.UUID(bytes=b"\xf8" * 16), uuid.UUID(bytes=b"\x00" * 16)])
    monkeypatch.setattr(uuid, "uuid4", lambda: next(ids))
    assert kafka.new_cluster_id() == "A" * 22


def test_the_last_line_that_says_something(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert last_line(path) == "no log"
    path.write_text("first\nwhy it failed\n\n")
    assert last_line(path) == "why it failed"


def test_a_full_log_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("liveops.embedded.logs.FULL_BYTES", 3)
    path = tmp_path / "log"
    path.write_text("full")
    open_log(path).close()
    assert path.read_text() == ""
    assert (tmp_path / "log.1").read_text() == "full"


async def test_logs_are_followed_from_now_on_by_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("before\n")
    shown: asyncio.Queue[str] = asyncio.Queue()
    task = asyncio.create_task(follow([("metrics", path)], shown.put_nowait))
    await asyncio.sleep(0)  # the task notes where the log ends
    with path.open("a") as file:
        file.write("one\ntw")
        file.flush()
        assert await shown.get() == "metrics    | one"
        file.write("o\n")
    assert await shown.get() == "metrics    | two"
    task.cancel()


def test_a_stale_postmaster_pid_loses_its_pid_and_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "postmaster.pid"
    path.write_text("1\n/data\n123\n5432\n\n127.0.0.1\n 5 6\nready\n")
    disarm_pid_file(tmp_path)
    lines = path.read_text().splitlines()
    assert lines[0] != "1"  # pid 1 is no postgres
    assert lines[1:] == ["/data", "123", "5432", "", "127.0.0.1", " 5 6", "ready"]


@pytest.mark.parametrize(
    ("find", "setting"),
    [
        (java.find_java, "LIVEOPS_BROKER_URL"),
        (valkey.find_binary, "LIVEOPS_REDIS_URL"),
        (pghome.find_binaries, "LIVEOPS_DATABASE_URL"),
    ],
)
def test_without_the_extra_one_line_says_what_to_install_or_set(
    find: Callable[[], object], setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (java, valkey, pghome):
        monkeypatch.setattr(module, "in_wheel", lambda *_: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(StartError) as caught:
        find()
    line = str(caught.value)
    assert "pip install 'liveops-ai[embedded]'" in line
    assert setting in line
    assert "\n" not in line
