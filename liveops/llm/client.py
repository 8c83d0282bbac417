"""One structured call to an OpenAI-compatible server, within deadline and budget."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

import openai
import structlog
from openai.types.chat import ChatCompletion
from pydantic import ValidationError

from liveops.breaker import Breaker
from liveops.clock import Clock
from liveops.errors import Unavailable
from liveops.llm.budget import LIMITS, Budget, SpendingLimits
from liveops.llm.pricing import cost_usd, price_of
from liveops.llm.reply import QuestionModel, ReplyModel
from liveops.metrics.analysis import (
    LLM_BUDGET_LEFT,
    LLM_COST_USD,
    LLM_ERRORS,
    LLM_SECONDS,
    LLM_TOKENS,
)
from liveops.rca.claims import Claim, Reply
from liveops.rca.prompt import Prompt
from liveops.runtime.retry import retrying
from liveops.settings import Settings

Read = TypeVar("Read")
log = structlog.get_logger(__name__)
MAX_REPLY_TOKENS = 2000
_ATTEMPTS = 3
_FIRST_DELAY_S = 0.5
_BREAKER_OPEN_S = 60.0
_OVERLOAD = (openai.RateLimitError, openai.InternalServerError, openai.APIConnectionError)
#: The model is away, refuses, or says what cannot be used.
_TROUBLE = (openai.OpenAIError, TimeoutError, ValidationError, ValueError)


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply of the right shape and what it cost; `price_known` False means cost 0 by default."""

    reply: Reply
    model: str
    tokens: int
    cost_usd: float
    price_known: bool


class LlmClient:
    """Asks the model; every trouble becomes Unavailable("llm"), so that code answers."""

    def __init__(
        self, settings: Settings, clock: Clock, limits: SpendingLimits | None = None
    ) -> None:
        self._model = settings.openai_model
        #: Longest time `ask` takes, retries included.
        self.deadline_s = settings.openai_timeout_s
        self._client = openai.AsyncOpenAI(
            api_key=settings.openai_api_key,
            base_url=settings.openai_base_url,
            timeout=settings.openai_timeout_s,
            max_retries=0,
        )
        self._breaker = Breaker("llm", threshold=3, open_s=_BREAKER_OPEN_S, clock=clock)
        self._budget = Budget(limits or SpendingLimits(), clock)
        for limit in LIMITS:
            LLM_BUDGET_LEFT.labels(limit).set_function(partial(self._budget.left, limit))

    @property
    def healthy(self) -> bool:
        """Whether the last call succeeded."""
        return self._breaker.healthy

    async def stop(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def ask(self, prompt: Prompt) -> Answer:
        """One analysis within `openai_timeout_s`, retries included; raises Unavailable("llm")."""

        def read(completion: ChatCompletion) -> Answer:
            text, tokens, cost = self._read(completion)
            reply = ReplyModel.model_validate_json(text).plain()
            known = price_of(self._model) is not None
            return Answer(reply, self._model, tokens, cost, known)

        return await self._asked(prompt, read)

    async def ask_question(self, prompt: Prompt) -> list[Claim]:
        """The claims that answer a question, likewise."""

        def read(completion: ChatCompletion) -> list[Claim]:
            found = QuestionModel.model_validate_json(self._read(completion)[0])
            return [claim.plain() for claim in found.claims]

        return await self._asked(prompt, read)

    async def _asked(self, prompt: Prompt, read: Callable[[ChatCompletion], Read]) -> Read:
        if not self._budget.allows:
            LLM_ERRORS.labels("budget").inc()
            raise Unavailable("llm", "the hour's budget is spent")
        with self._breaker.call(_TROUBLE):
            try:
                async with asyncio.timeout(self.deadline_s):
                    return read(await self._completed(prompt))
            except _TROUBLE as error:
                if not isinstance(error, openai.OpenAIError):
                    LLM_ERRORS.labels(kind_of(error)).inc()
                log.warning("the model gave no usable answer", error=type(error).__name__)
                raise

    async def _completed(self, prompt: Prompt) -> ChatCompletion:
        """The completion, tried again with jitter on 429, 5xx and broken connections."""
        tries = retrying(on=self._can_pass, first_s=_FIRST_DELAY_S, attempts=_ATTEMPTS)
        completion: ChatCompletion = await tries(self._create, prompt)
        return completion

    def _can_pass(self, error: BaseException) -> bool:
        """Whether another call may help and may be made; also a refused call counts."""
        if not isinstance(error, _OVERLOAD):
            return False
        self._budget.spend(0, 0.0)
        return self._budget.allows

    async def _create(self, prompt: Prompt) -> ChatCompletion:
        form: dict[str, Any] = {
            "type": "json_schema",
            "json_schema": {"name": "incident_analysis", "strict": True, "schema": prompt.schema},
        }
        try:
            with LLM_SECONDS.time():
                return await self._client.chat.completions.create(
                    model=self._model,
                    messages=[
                        {"role": "system", "content": prompt.system},
                        {"role": "user", "content": prompt.user},
                    ],
                    response_format=cast(Any, form),
                    max_completion_tokens=MAX_REPLY_TOKENS,
                )
        except openai.OpenAIError as error:
            LLM_ERRORS.labels(kind_of(error)).inc()
            raise

    def _read(self, completion: ChatCompletion) -> tuple[str, int, float]:
        """Text, tokens and cost of a whole answer, which are counted."""
        usage = completion.usage
        spent = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
        cost = cost_usd(self._model, *spent)
        self._budget.spend(sum(spent), cost)
        for kind, tokens in zip(("prompt", "completion"), spent, strict=True):
            LLM_TOKENS.labels(kind).inc(tokens)
        LLM_COST_USD.inc(cost)
        if not completion.choices:
            raise ValueError("no choice in the answer")
        choice = completion.choices[0]
        if choice.finish_reason != "stop" or not choice.message.content:
            raise ValueError(f"the answer ended by {choice.finish_reason}")
        return choice.message.content, sum(spent), cost


#: The first that fits names the trouble; a timeout is a kind of connection error too.
_KINDS: tuple[tuple[type[BaseException], str], ...] = (
    (openai.APITimeoutError, "timeout"),
    (TimeoutError, "timeout"),
    (openai.APIConnectionError, "connection"),
    (openai.RateLimitError, "rate_limit"),
    (openai.InternalServerError, "server"),
    (openai.OpenAIError, "refused"),
)


def kind_of(error: BaseException) -> str:
    """What the metrics call a trouble with the model; what is none of the server's is unusable."""
    return next((kind for type_, kind in _KINDS if isinstance(error, type_)), "unusable")
