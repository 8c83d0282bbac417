"""The reply as pydantic sees it: the last check of its shape before its claims'."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from liveops.rca.claims import Claim, Reply

_MAX_CLAIMS = 12


class ClaimModel(BaseModel):
    """A sentence with the evidence it cites."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: str = Field(max_length=4000)
    evidence: list[str] = Field(max_length=50)

    def plain(self) -> Claim:
        """As the pure code takes it."""
        return Claim(self.text, tuple(self.evidence))


class QuestionModel(BaseModel):
    """The structured answer to a question."""

    model_config = ConfigDict(extra="forbid", strict=True)

    claims: list[ClaimModel] = Field(max_length=_MAX_CLAIMS)


class ReplyModel(BaseModel):
    """The whole structured reply."""

    model_config = ConfigDict(extra="forbid", strict=True)

    root_cause_service: str | None
    root_cause: ClaimModel
    technical: list[ClaimModel] = Field(max_length=_MAX_CLAIMS)
    executive: list[ClaimModel] = Field(max_length=_MAX_CLAIMS)
    actions: list[ClaimModel] = Field(max_length=_MAX_CLAIMS)

    def plain(self) -> Reply:
        """As the pure code takes it."""
        return Reply(
            self.root_cause_service,
            self.root_cause.plain(),
            tuple(claim.plain() for claim in self.technical),
            tuple(claim.plain() for claim in self.executive),
            tuple(claim.plain() for claim in self.actions),
        )
