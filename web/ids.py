"""Ids in paths."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from liveops.errors import NotFound


def id_of(request: web.Request, name: str = "id") -> str:
    """The UUID in the path; anything else is an object that does not exist (NotFound)."""
    try:
        return str(UUID(request.match_info[name]))
    except ValueError:
        raise NotFound("no object with this id") from None
