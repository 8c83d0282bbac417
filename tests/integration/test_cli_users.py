"""`liveops users` and `liveops token` on a real database."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from liveops.cli.commands import app
from liveops.postgres.migrate import migrate
from liveops.security.tokens import verify
from tests.stack import TestServers

pytestmark = pytest.mark.integration
SECRET = "s" * 40
Call = Callable[..., Result]


@pytest.fixture
def call(servers: TestServers, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs a command against the test database."""
    asyncio.run(migrate(servers.database_url))
    monkeypatch.setenv("LIVEOPS_DATABASE_URL", servers.database_url)
    monkeypatch.setenv("LIVEOPS_DATA_DIR", str(servers.data_dir))
    monkeypatch.setenv("LIVEOPS_JWT_SECRET", SECRET)

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, words)

    return run


def found(call: Call, name: str) -> dict[str, object]:
    users = json.loads(call("users", "list", "--json").stdout)
    return next(user for user in users if user["username"] == name)


def test_a_user_is_added_listed_given_a_password_and_disabled(call: Call) -> None:
    name = f"u{uuid4().hex[:8]}"
    word = ("--password", "a good password")
    assert call("users", "add", name, "--role", "ENGINEER", *word).exit_code == 0
    assert found(call, name)["roles"] == ["ENGINEER"]
    assert name in call("users", "list").stdout
    assert call("users", "add", name, *word).exit_code != 0
    assert call("users", "passwd", name, "--password", "another password").exit_code == 0
    # Somebody else has to be able to administer before the first one goes.
    assert call("users", "add", f"{name}x", "--role", "ENGINEER", *word).exit_code == 0
    assert call("users", "disable", name).exit_code == 0
    assert found(call, name)["disabled"] is True
    assert call("token", "--user", name).exit_code != 0


@pytest.mark.parametrize(
    "words",
    [
        ("a b", "--password", "a good password"),
        ("good", "--password", "short"),
        ("good", "--password", "a good password", "--role", "ROOT"),
    ],
)
def test_bad_names_passwords_and_roles_are_refused(call: Call, words: tuple[str, ...]) -> None:
    assert call("users", "add", *words).exit_code == 2


def test_tokens_are_those_of_a_user_or_of_an_ingest_token(call: Call) -> None:
    name = f"u{uuid4().hex[:8]}"
    call("users", "add", name, "--role", "MANAGER", "--password", "a good password")
    token = call("token", "--user", name, "--ttl", "60").stdout.strip()
    got = verify(SECRET, token, time.time())
    assert (got.subject, got.roles, got.kind) == (name, frozenset({"MANAGER"}), "user")
    assert got.expires_at_s == pytest.approx(time.time() + 60, abs=5)
    token = call("token", "--ingest", "shop", "--service", "shop-*").stdout.strip()
    got = verify(SECRET, token, time.time())
    assert (got.kind, got.services) == ("ingest", ("shop-*",))
    assert call("token").exit_code == 2
    assert call("token", "--user", name, "--ingest", "x").exit_code == 2
