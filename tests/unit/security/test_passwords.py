"""Passwords are hashed with their own salt and never on the event loop."""

from __future__ import annotations

import threading

import pytest

from liveops.security import passwords
from liveops.security.passwords import hash_password, matches


async def test_only_the_right_password_matches() -> None:
    encoded = await hash_password("correct horse")
    assert encoded.startswith("$argon2id$")
    assert encoded != await hash_password("correct horse")
    assert await matches("correct horse", encoded)
    assert not await matches("wrong horse", encoded)


@pytest.mark.parametrize("encoded", [None, "", "no hash"])
async def test_an_unknown_user_matches_nothing(encoded: str | None) -> None:
    assert not await matches("nobody has this password", encoded)


async def test_hashing_leaves_the_loop_free(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    class Recorder:
        def hash(self, password: str) -> str:
            threads.append(threading.get_ident())
            return password

    monkeypatch.setattr(passwords, "_HASHER", Recorder())
    await hash_password("x")
    assert threads
    assert threads[0] != threading.get_ident()
