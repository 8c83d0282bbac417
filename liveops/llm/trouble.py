"""What may go wrong with the model: names for metrics, words for people."""

from __future__ import annotations

import openai
from pydantic import ValidationError

from liveops.errors import Unavailable


class Declined(Exception):
    """The model will not answer this."""


#: The model is away, refuses, or says what cannot be used.
TROUBLE = (openai.OpenAIError, TimeoutError, ValidationError, ValueError, Declined)
#: The first that fits names the trouble; a timeout is a kind of connection error too.
_KINDS: tuple[tuple[type[BaseException], str], ...] = (
    (openai.APITimeoutError, "timeout"),
    (TimeoutError, "timeout"),
    (openai.APIConnectionError, "connection"),
    (openai.RateLimitError, "rate_limit"),
    (openai.InternalServerError, "server"),
    (openai.APIStatusError, "refused"),
    (openai.APIError, "server"),
    (openai.OpenAIError, "refused"),
    (Declined, "declined"),
)
#: Why there are no words of the model, as readers are told.
WORDS = {
    "timeout": "the language model did not answer in time",
    "connection": "the language model cannot be reached",
    "rate_limit": "the language model is overloaded",
    "server": "the language model's server is at fault",
    "refused": "the language model's server refused the request",
    "declined": "the language model declined to answer",
    "unusable": "the language model's answer could not be used",
}


def kind_of(error: BaseException) -> str:
    """What the metrics call a trouble; what is none of the server's is `unusable`."""
    return next((kind for type_, kind in _KINDS if isinstance(error, type_)), "unusable")


def in_words(error: Unavailable) -> str:
    """Why the model was not asked or gave nothing, for readers."""
    cause = error.__cause__
    return WORDS[kind_of(cause)] if isinstance(cause, TROUBLE) else str(error)
