"""Who calls: the verified content of a token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ENGINEER = "ENGINEER"
MANAGER = "MANAGER"
ROLES = (ENGINEER, MANAGER)
#: What a user may be called.
USER_NAME = r"^[A-Za-z0-9._@-]{1,64}$"


@dataclass(frozen=True, slots=True)
class Principal:
    """A user, or an ingest token bound to `services` (globs; empty means all)."""

    subject: str
    roles: frozenset[str]
    kind: Literal["user", "ingest"]
    services: tuple[str, ...]
    jti: str
    expires_at_s: float
    issued_at_s: float
