"""An answer as it comes in: what of it is whole at any time can be kept."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable
from dataclasses import dataclass, field
from typing import Any

from openai.types.chat import ChatCompletionChunk
from pydantic_core import from_json

from liveops.llm.trouble import Declined

#: No answer of the schema is longer; a server that never ends is cut here.
MAX_REPLY_CHARS = 64_000
#: Strings, also one that has no end yet, and the brackets that end an object.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|}', re.DOTALL)


@dataclass(slots=True)
class Draft:
    """What has come of an answer; `usage` are prompt and completion tokens, told at its end."""

    parts: list[str] = field(default_factory=list)
    usage: tuple[int, int] | None = None
    finish: str | None = None
    chars: int = 0

    @property
    def text(self) -> str:
        """All of it so far."""
        return "".join(self.parts)

    async def fill(self, chunks: AsyncIterable[ChatCompletionChunk]) -> None:
        """Read to the end; raises Declined, ValueError, and what the chunks raise."""
        async for chunk in chunks:
            if chunk.usage is not None:
                self.usage = chunk.usage.prompt_tokens, chunk.usage.completion_tokens
            for choice in chunk.choices[:1]:
                self.finish = choice.finish_reason or self.finish
                if choice.delta.refusal or choice.finish_reason == "content_filter":
                    raise Declined
                self._take(choice.delta.content or "")

    def _take(self, text: str) -> None:
        self.parts.append(text)
        self.chars += len(text)
        if self.chars > MAX_REPLY_CHARS:
            raise ValueError("the answer does not end")


def whole_part(text: str) -> Any:
    """The JSON value with everything of a cut text that has come whole; raises ValueError.

    The text is cut after the last object that has ended, and what is open is closed.
    """
    ends = [found.end() for found in _TOKEN.finditer(text) if found.group() == "}"]
    if not ends:
        raise ValueError("nothing of the answer is whole")
    return from_json(text[: ends[-1]], allow_partial=True)
