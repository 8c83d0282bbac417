"""Argon2id passwords; hashing never holds the event loop."""

from __future__ import annotations

import asyncio
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

#: OWASP's second recommended set: 19 MiB, two passes, one lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
MIN_CHARS = 8


async def hash_password(password: str) -> str:
    """The encoded hash, with its salt and parameters."""
    return await asyncio.to_thread(_HASHER.hash, password)


async def matches(password: str, encoded: str | None) -> bool:
    """Whether the password is right; an unknown user costs as much time as a wrong one."""

    def check() -> bool:
        try:
            right = _HASHER.verify(_decoy() if encoded is None else encoded, password)
        except (VerificationError, InvalidHashError):
            return False
        return right and encoded is not None

    return await asyncio.to_thread(check)


@cache
def _decoy() -> str:
    return _HASHER.hash("nobody has this password")
