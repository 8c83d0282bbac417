"""JSON Web Tokens (HS256) for users and for ingestion."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from uuid import uuid4

import jwt

from liveops.errors import LiveOpsError
from liveops.security.principal import Principal

ISSUER = "liveops"
AUDIENCE = "liveops-api"
_ALGORITHM = "HS256"
_LEEWAY_S = 5
#: An ingest token without an end of its own.
_FOREVER_S = 10 * 365 * 86_400


class BadToken(LiveOpsError):
    """The token is malformed, expired, revoked or signed by somebody else."""


def user_token(secret: str, name: str, roles: list[str], now_s: float, ttl_s: int) -> str:
    """An access token of a user, good for `ttl_s` seconds."""
    return _encode(secret, {"sub": name, "roles": roles, "kind": "user"}, now_s, now_s + ttl_s)


def ingest_token(
    secret: str, token_id: str, services: list[str], now_s: float, expires_at_s: float | None
) -> str:
    """A token that can only write metrics of the given services; its id is the `jti`."""
    claims = {"sub": f"ingest:{token_id}", "roles": [], "kind": "ingest", "services": services}
    return _encode(secret, claims | {"jti": token_id}, now_s, expires_at_s or now_s + _FOREVER_S)


def _encode(secret: str, claims: dict[str, Any], now_s: float, expires_at_s: float) -> str:
    fixed = {"iss": ISSUER, "aud": AUDIENCE, "iat": round(now_s, 3), "exp": int(expires_at_s)}
    return jwt.encode({"jti": str(uuid4())} | fixed | claims, secret, algorithm=_ALGORITHM)


def verify(secret: str, token: str, now_s: float) -> Principal:
    """The caller of a token; raises BadToken. Revocation is the caller's to check."""
    principal = _principal(secret, token)
    if principal.expires_at_s <= now_s or principal.issued_at_s > now_s + _LEEWAY_S:
        raise BadToken("the token has expired")
    return principal


# Checking a signature costs more than the rest of a small request. Only good tokens are
# remembered, so nobody can push them out; whether they still hold is asked each time.
@lru_cache(maxsize=4096)
def _principal(secret: str, token: str) -> Principal:
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=[_ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            options={
                "require": ["sub", "roles", "iat", "exp", "iss", "aud", "jti"],
                "verify_exp": False,
                "verify_iat": False,
            },
        )
        return Principal(
            subject=str(claims["sub"]),
            roles=frozenset(claims["roles"]),
            kind="ingest" if claims.get("kind") == "ingest" else "user",
            services=tuple(claims.get("services", ())),
            jti=str(claims["jti"]),
            expires_at_s=float(claims["exp"]),
            issued_at_s=float(claims["iat"]),
        )
    except (jwt.InvalidTokenError, TypeError, ValueError) as error:
        raise BadToken("the token is not valid") from error
