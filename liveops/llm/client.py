"""One structured, streamed call to an OpenAI-compatible server, within deadline and budget."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import openai
import structlog

from liveops.breaker import Breaker
from liveops.clock import Clock
from liveops.errors import Unavailable
from liveops.llm.budget import About, Amount, Budget
from liveops.llm.pricing import cost_usd, price_of
from liveops.llm.reply import QuestionModel, ReplyModel, partial_claims, partial_reply
from liveops.llm.streaming import Draft, whole_part
from liveops.llm.trouble import TROUBLE, kind_of
from liveops.metrics.analysis import LLM_COST_USD, LLM_ERRORS, LLM_SECONDS, LLM_TOKENS
from liveops.rca import tokens
from liveops.rca.claims import Claim, Reply
from liveops.rca.prompt import Prompt
from liveops.settings import Settings

Read = TypeVar("Read")
log = structlog.get_logger(__name__)
MAX_REPLY_TOKENS = 2000
#: Calls at the same time; further ones are not made, so that none waits behind slow ones.
MAX_CALLS = 8
_RETRIES = 2
_BREAKER_OPEN_S = 60.0
#: A worker that has not settled its call so long after the deadline has died.
_SETTLED_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Answer(Generic[Read]):
    """What was read and what it cost; `price_known` False means cost 0 by default.

    `cut` says why only the whole part of an answer was read; empty when all of it was.
    """

    read: Read
    model: str
    tokens: int
    cost_usd: float
    price_known: bool
    cut: str = ""


class LlmClient:
    """Asks the model; every trouble becomes Unavailable("llm"), so that code answers."""

    def __init__(self, settings: Settings, clock: Clock, budget: Budget) -> None:
        self.model = settings.openai_model
        #: Longest time a call takes, retries included.
        self.deadline_s = settings.openai_timeout_s
        #: Whether prompts hide secrets and personal data.
        self.masking = settings.llm_masking
        self._client = openai.AsyncOpenAI(
            api_key=settings.openai_api_key,
            base_url=settings.openai_base_url,
            timeout=settings.openai_timeout_s,
            max_retries=_RETRIES,  # 408, 409, 429, 5xx, broken connections; by Retry-After
        )
        self._breaker = Breaker("llm", threshold=3, open_s=_BREAKER_OPEN_S, clock=clock)
        self._budget = budget
        self._slots = asyncio.Semaphore(MAX_CALLS)

    @property
    def healthy(self) -> bool:
        """Whether the last call succeeded."""
        return self._breaker.healthy

    async def stop(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def ask(
        self, prompt: Prompt, about: About, within_s: float | None = None
    ) -> Answer[Reply]:
        """One analysis within `within_s` (default: the deadline); raises Unavailable."""
        return await self._asked(
            prompt, about, within_s,
            lambda text: ReplyModel.model_validate_json(text).plain().put_back(prompt.masks),
            lambda told: partial_reply(told).put_back(prompt.masks),
        )  # fmt: skip

    async def ask_question(self, prompt: Prompt, about: About) -> Answer[list[Claim]]:
        """The claims that answer a question, likewise."""

        def put_back(claims: list[Claim]) -> list[Claim]:
            return [claim.put_back(prompt.masks) for claim in claims]

        return await self._asked(
            prompt, about, None,
            lambda text: put_back(QuestionModel.model_validate_json(text).plain()),
            lambda told: put_back(partial_claims(told)),
        )  # fmt: skip

    async def _asked(
        self, prompt: Prompt, about: About, within_s: float | None,
        read: Callable[[str], Read], read_part: Callable[[Any], Read],
    ) -> Answer[Read]:  # fmt: skip
        if self._slots.locked():
            raise Unavailable("llm", "the language model is busy with other incidents")
        within_s = min(self.deadline_s, within_s or self.deadline_s)
        async with self._slots:
            with self._breaker.call(TROUBLE, but=(Unavailable,)):
                async with self._paid(prompt, about) as draft:
                    try:
                        return await self._read(prompt, draft, within_s, read, read_part)
                    except TROUBLE as error:
                        LLM_ERRORS.labels(kind_of(error)).inc()
                        log.warning("the model gave no usable answer", error=type(error).__name__)
                        raise

    async def _read(
        self, prompt: Prompt, draft: Draft, within_s: float,
        read: Callable[[str], Read], read_part: Callable[[Any], Read],
    ) -> Answer[Read]:  # fmt: skip
        """The whole answer, or of one that was cut what is whole; raises TROUBLE."""
        cut = ""
        try:
            with LLM_SECONDS.time():
                async with asyncio.timeout(within_s):
                    await self._stream(prompt, draft)
        except (TimeoutError, openai.APIError) as error:
            if not draft.parts:
                raise
            cut = "after its time was over" if kind_of(error) == "timeout" else "as the line broke"
        if not cut and draft.finish != "stop":
            cut = "at its greatest length" if draft.finish == "length" else "before its end"
        got = read_part(whole_part(draft.text)) if cut else read(draft.text)
        spent = self._spent(prompt, draft)
        known = price_of(self.model) is not None
        return Answer(got, self.model, spent.tokens, spent.usd, known, cut)

    async def _stream(self, prompt: Prompt, draft: Draft) -> None:
        form: dict[str, Any] = {
            "type": "json_schema",
            "json_schema": {"name": "incident_analysis", "strict": True, "schema": prompt.schema},
        }
        async with await self._client.chat.completions.create(
            model=self.model,
            messages=[
                {"role": "system", "content": prompt.system},
                {"role": "user", "content": prompt.user},
            ],
            response_format=cast(Any, form),
            max_completion_tokens=MAX_REPLY_TOKENS,
            stream=True,
            stream_options={"include_usage": True},
        ) as chunks:
            await draft.fill(chunks)

    @asynccontextmanager
    async def _paid(self, prompt: Prompt, about: About) -> AsyncIterator[Draft]:
        """Around a call: set aside what it may cost, and settle, whatever comes of it."""
        input_tokens = prompt.tokens
        most = Amount(
            input_tokens + MAX_REPLY_TOKENS, cost_usd(self.model, input_tokens, MAX_REPLY_TOKENS)
        )
        reservation = await self._budget.reserve(about, most, self.deadline_s + _SETTLED_WITHIN_S)
        draft, charged = Draft(), True
        try:
            yield draft
        except openai.APIError as error:
            # A server that refuses, or cannot be reached, has not charged.
            charged = bool(draft.parts) or kind_of(error) == "timeout"
            raise
        finally:
            with suppress(Unavailable):  # else the reservation stands until it expires
                spent = self._counted(prompt, draft) if charged else Amount()
                await self._budget.settle(reservation, spent)

    def _counted(self, prompt: Prompt, draft: Draft) -> Amount:
        for kind, number in zip(("prompt", "completion"), self._usage(prompt, draft), strict=True):
            LLM_TOKENS.labels(kind).inc(number)
        spent = self._spent(prompt, draft)
        LLM_COST_USD.inc(spent.usd)
        return spent

    def _spent(self, prompt: Prompt, draft: Draft) -> Amount:
        usage = self._usage(prompt, draft)
        return Amount(sum(usage), cost_usd(self.model, *usage))

    def _usage(self, prompt: Prompt, draft: Draft) -> tuple[int, int]:
        """As told; of an answer that was cut, as counted here."""
        return draft.usage or (prompt.tokens, tokens.count(draft.text))
