"""Who calls and whether they may: the one place where the matrix is enforced."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from liveops.deps import Deps
from liveops.postgres.revocations import revocations_of
from liveops.security.access import Access, may
from liveops.security.principal import Principal
from liveops.security.tokens import BadToken, verify
from schema.config import USER
from web.problems import Problem
from web.routing import Handler, Route

#: First subprotocol of a WebSocket that brings its token as the second.
BEARER_PROTOCOL = "bearer"


def guarded(route: Route, deps: Deps) -> Handler:
    """The route's handler behind authentication and the access matrix."""
    if route.access is Access.PUBLIC:
        return route.handler

    async def handle(request: web.Request) -> web.StreamResponse:
        principal = await authenticate(request, deps, websocket=route.websocket)
        if not may(principal, route.access):
            raise Problem(403, "this token does not allow the call")
        request["principal"] = principal
        return await route.handler(request)

    return handle


async def authenticate(request: web.Request, deps: Deps, *, websocket: bool) -> Principal:
    """The caller; raises Problem(401), or Unavailable when nobody knows what is revoked."""
    token = _token(request, websocket=websocket)
    if token is None:
        raise _unauthorized("a bearer token is needed")
    try:
        principal = verify(deps.settings.jwt_secret or "", token, deps.clock.now_s())
    except BadToken as error:
        raise _unauthorized(str(error)) from None
    if is_revoked(principal, deps.config.revoked) or (
        not deps.config.current
        and is_revoked(principal, await revocations_of(deps.database, principal))
    ):
        raise _unauthorized("the token has been revoked")
    return principal


def is_revoked(principal: Principal, revoked: Mapping[str, float]) -> bool:
    """Whether this token was revoked, or all of its user's tokens since it was made."""
    cut_off_s = revoked.get(USER + principal.subject, 0.0)
    return principal.jti in revoked or principal.issued_at_s < cut_off_s


def _token(request: web.Request, *, websocket: bool) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    if websocket:
        offered = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
        names = [name.strip() for name in offered]
        if len(names) == 2 and names[0] == BEARER_PROTOCOL:
            return names[1]
    return None


def _unauthorized(why: str) -> Problem:
    return Problem(401, why, headers={"WWW-Authenticate": 'Bearer realm="liveops"'})
