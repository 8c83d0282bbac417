"""The reply as pydantic sees it: the last check of its shape before its claims'."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from liveops.rca.claims import Claim, Proposal, Reply
from schema.analysis import Risk

_MAX_CLAIMS = 12
Form = TypeVar("Form", bound=BaseModel)


class ClaimModel(BaseModel):
    """A sentence with the evidence it cites."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: str = Field(max_length=4000)
    evidence: list[str] = Field(max_length=50)

    def plain(self) -> Claim:
        """As the pure code takes it."""
        return Claim(self.text, tuple(self.evidence))


class ActionModel(ClaimModel):
    """A suggested action; a server that is not strict may leave out what it thinks of it."""

    risk: Risk | None = None
    reversible: bool | None = None

    def plain(self) -> Proposal:
        """As the pure code takes it."""
        return Proposal(self.text, tuple(self.evidence), self.risk, self.reversible)


class QuestionModel(BaseModel):
    """The structured answer to a question."""

    model_config = ConfigDict(extra="forbid", strict=True)

    claims: list[ClaimModel] = Field(max_length=_MAX_CLAIMS)

    def plain(self) -> list[Claim]:
        """As the pure code takes it."""
        return [claim.plain() for claim in self.claims]


class ReplyModel(BaseModel):
    """The whole structured reply."""

    model_config = ConfigDict(extra="forbid", strict=True)

    root_cause_service: str | None
    root_cause: ClaimModel
    technical: list[ClaimModel] = Field(max_length=_MAX_CLAIMS)
    executive: list[ClaimModel] = Field(max_length=_MAX_CLAIMS)
    actions: list[ActionModel] = Field(max_length=_MAX_CLAIMS)

    def plain(self) -> Reply:
        """As the pure code takes it."""
        return Reply(
            self.root_cause_service,
            self.root_cause.plain(),
            tuple(claim.plain() for claim in self.technical),
            tuple(claim.plain() for claim in self.executive),
            tuple(claim.plain() for claim in self.actions),
        )


def partial_reply(told: Any) -> Reply:
    """The claims of a cut reply that are whole; raises ValueError where there are none."""
    if not isinstance(told, dict) or "root_cause_service" not in told:
        raise ValueError("the cut answer names no cause")
    cause = _claims([told.get("root_cause")])
    technical, executive = (_claims(told.get(name)) for name in ("technical", "executive"))
    actions = tuple(one.plain() for one in _whole(ActionModel, told.get("actions")))
    service = told["root_cause_service"]
    if not isinstance(service, str | None) or not (cause or technical or executive or actions):
        raise ValueError("no claim of the cut answer is whole")
    return Reply(service, cause[0] if cause else None, technical, executive, actions)


def partial_claims(told: Any) -> list[Claim]:
    """The same of an answer to a question."""
    claims = _claims(told.get("claims") if isinstance(told, dict) else None)
    if not claims:
        raise ValueError("no claim of the cut answer is whole")
    return list(claims)


def _claims(told: Any) -> tuple[Claim, ...]:
    return tuple(one.plain() for one in _whole(ClaimModel, told))


def _whole(form: type[Form], told: Any) -> list[Form]:
    found = []
    for one in told[:_MAX_CLAIMS] if isinstance(told, list) else []:
        try:
            found.append(form.model_validate(one))
        except ValidationError:
            continue
    return found
