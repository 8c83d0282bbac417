"""What the language model may cost: reserved before a call, settled after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol
from uuid import UUID

from liveops.settings import Settings

Scope = Literal["day", "service", "incident"]
#: Days begin at midnight UTC; a service's limit is one a day, an incident's one in all.
SCOPES: tuple[Scope, ...] = ("day", "service", "incident")
#: How readers are told which limit is reached.
SPENT = {
    "day": "the day's budget for the language model is spent",
    "service": "the service's budget for the language model is spent for today",
    "incident": "the incident's budget for the language model is spent",
}


@dataclass(frozen=True, slots=True)
class Amount:
    """Tokens and US dollars."""

    tokens: int = 0
    usd: float = 0.0


@dataclass(frozen=True, slots=True)
class About:
    """What a call is for."""

    incident_id: str
    service_name: str
    purpose: Literal["analysis", "question"] = "analysis"


class Budget(Protocol):
    """The account of all copies; both raise Unavailable."""

    async def reserve(self, about: About, most: Amount, expires_s: float) -> UUID:
        """Set aside what a call may cost; Unavailable("llm") with words where it is too much.

        A reservation that is not settled within `expires_s` is given back.
        """

    async def settle(self, reservation: UUID, spent: Amount) -> None:
        """Replace what was set aside by what it cost."""


def limits_of(settings: Settings) -> Mapping[Scope, Amount]:
    """The limits that the settings name."""
    return {
        "day": Amount(settings.llm_tokens_per_day, settings.llm_usd_per_day),
        "service": Amount(settings.llm_tokens_per_service, settings.llm_usd_per_service),
        "incident": Amount(settings.llm_tokens_per_incident, settings.llm_usd_per_incident),
    }


def left(limit: Amount, spent: Amount) -> dict[str, float]:
    """What is left of tokens and of usd, from 1 to 0."""

    def share(used: float, allowed: float) -> float:
        return max(0.0, 1 - used / allowed) if allowed > 0 else 0.0

    return {"tokens": share(spent.tokens, limit.tokens), "usd": share(spent.usd, limit.usd)}
