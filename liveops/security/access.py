"""The access matrix of contract §3, in one place."""

from __future__ import annotations

from enum import Enum

from liveops.security.principal import ENGINEER, MANAGER, Principal


class Access(Enum):
    """Who may call a route."""

    PUBLIC = "public"
    INGEST = "ingest"
    READ = "read"
    WRITE = "write"


def may(principal: Principal, access: Access) -> bool:
    """Whether an authenticated caller has this access."""
    if principal.kind == "ingest":
        return access is Access.INGEST
    if access is Access.READ:
        return bool(principal.roles & {ENGINEER, MANAGER})
    return ENGINEER in principal.roles
