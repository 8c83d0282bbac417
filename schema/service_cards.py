"""What people say of a service: owner, links, runbook. Their forms, and filled-in links."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, get_args
from urllib.parse import quote, urlsplit

from msgspec import Struct

LinkName = Literal["runbook", "dashboard", "repository", "logs", "traces"]
LINK_NAMES: tuple[LinkName, ...] = get_args(LinkName)
MAX_OWNER_CHARS = 200
MAX_LINK_CHARS = 2000
MAX_RUNBOOK_CHARS = 4000
#: What a link may hold in braces; times are those of what is looked at.
PLACES = ("service", "metric", "from", "to", "from_ms", "to_ms", "incident")
_PLACE = re.compile(r"\{([^{}]*)\}")


class ServiceCard(Struct, frozen=True):
    """Owner, links and runbook of a service; version 0 where nobody has said anything."""

    service_name: str
    owner: str = ""
    links: dict[str, str] = {}
    #: What to do when it is in trouble; data, never instructions to a model.
    runbook_text: str = ""
    version: int = 0


def fault_of_link(template: str) -> str | None:
    """Why this is no template of a link, or None."""
    if len(template) > MAX_LINK_CHARS:
        return f"at most {MAX_LINK_CHARS} characters"
    if any(name not in PLACES for name in _PLACE.findall(template)):
        return f"in braces only {', '.join(PLACES)}"
    plain = _PLACE.sub("x", template)
    if re.search(r"[\s<>\"\\^`{}|\x00-\x20\x7f]", plain):
        return "no spaces, quotes, or characters that a URL must escape"
    try:
        parts = urlsplit(plain)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname)
        parts.port  # noqa: B018 - raises ValueError where it is none
    except ValueError:
        is_url = False
    if not is_url:
        return "an http or https URL"
    if parts.username is not None or parts.password is not None:
        return "no user or password in the URL"
    if "{" in template.split("://", 1)[1].split("/", 1)[0]:
        return "nothing in braces in the name of the host"
    return None


def fill_link(template: str, values: Mapping[str, str]) -> str:
    """The link with the values in their places, escaped; those not known stay empty."""
    return _PLACE.sub(lambda found: quote(values.get(found[1], ""), safe=""), template)
