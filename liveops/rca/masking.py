"""Secrets and personal data: replaced before a text goes to a model, put back in its answer. Pure.

Each thing has one placeholder in a request (`<email-1>`), so that a model can tell two apart
and speak of one without knowing it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv6Address
from typing import Any


def _is_card(text: str) -> bool:
    """Luhn's sum, which one in ten numbers passes by chance."""
    digits = [int(sign) for sign in reversed(text) if sign.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _always(_: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class _Form:
    """How a kind of secret looks; the group `it` is replaced where there is one."""

    what: str
    pattern: re.Pattern[str]
    #: Tells what only looks like one.
    valid: Callable[[str], bool]


_FORMS: tuple[_Form, ...] = tuple(
    _Form(what, re.compile(pattern), valid)
    for what, pattern, valid in (
        ("key", r"-----BEGIN[\s\S]*?(?:-----END[^-]*-----|\Z)", _always),
        ("jwt", r"\beyJ[\w-]{5,}(?:\.[\w-]+){0,2}", _always),
        ("token", r"\b(?:sk|pk|rk|gh[opsru]|github_pat|glpat|npm|hf|xox[abeprs]|lops)"
                  r"[-_][-_A-Za-z0-9]{12,}", _always),
        ("token", r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}|\bAIza[-_A-Za-z0-9]{30,}", _always),
        ("secret", r"(?i)\b(?:password|passwd|pwd|secret|token|api[-_ ]?key|authorization)\b"
                   r"[\"']?(?:\s*[:=]\s*|\s+(?:is\s+)?(?=\S*\d)(?=\S{6,}))[\"']?"
                   r"(?:(?:bearer|basic)\s+)?(?P<it>[^\s\"'<>]+)", _always),
        ("secret", r"(?i)\b(?:bearer|basic)\s+(?P<it>[\w.~+/=-]{12,})", _always),
        ("url", r"(?i)\b[a-z][a-z0-9+.-]*://[^\s\"'<>]+|\bwww\.[^\s\"'<>]+", _always),
        ("email", r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+", _always),
        ("ip", r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)", _always),
        ("ip", r"(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])", _is_ipv6),
        ("iban", r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b", _always),
        ("card", r"(?<![\w.])\d(?:[ -]?\d){12,18}(?![\w]|\.\d)", _is_card),
        ("phone", r"(?<!\w)\+\d(?:[ ()/-]{0,2}\d){7,14}(?!\w)", _always),
        ("token", r"\b[0-9a-fA-F]{32,}\b"
                  r"|\b(?=[A-Za-z_-]*\d)(?=[a-z0-9_-]*[A-Z])[A-Za-z0-9_-]{32,}\b", _always),
    )
)  # fmt: skip
_PLACEHOLDER = re.compile(r"<[a-z]+-\d+>")
_FENCE_LIKE = re.compile(r"[=`~#<>|\[\]{}]{2,}|</?\w+[^>]*>")
_UNSEEN = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class Masks:
    """The placeholders of one request; nothing is replaced where it is not `enabled`."""

    def __init__(self, *, enabled: bool = True) -> None:
        self._enabled = enabled
        self._placeholders: dict[str, str] = {}
        self._originals: dict[str, str] = {}

    def text(self, text: str) -> str:
        """A text of ours with its secrets and personal data replaced."""
        if not self._enabled:
            return text
        for form in _FORMS:
            text = form.pattern.sub(partial(self._replaced, form), text)
        return text

    def free(self, text: str, limit: int) -> str:
        """Likewise a text from outside: also one line, without anything like a fence; cut."""
        tame = self.text(_tame(text))
        return tame if len(tame) <= limit else tame[:limit] + " (cut)"

    def all(self, value: Any) -> Any:
        """Likewise every text in a JSON value."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.all(item) for item in value]
        if isinstance(value, dict):
            return {name: self.all(item) for name, item in value.items()}
        return value

    def put_back(self, text: str) -> str:
        """A model's text as people read it; a placeholder that it made up stays as it is."""
        return _PLACEHOLDER.sub(lambda it: self._originals.get(it[0], it[0]), text)

    def _replaced(self, form: _Form, found: re.Match[str]) -> str:
        it = "it" if "it" in form.pattern.groupindex else 0
        original = found[it]
        if not form.valid(original):
            return found[0]
        if original not in self._placeholders:
            number = 1 + sum(name.startswith(f"<{form.what}-") for name in self._originals)
            self._placeholders[original] = f"<{form.what}-{number}>"
            self._originals[f"<{form.what}-{number}>"] = original
        start, end = found.start(it) - found.start(), found.end(it) - found.start()
        return found[0][:start] + self._placeholders[original] + found[0][end:]

    @property
    def replaced(self) -> frozenset[str]:
        """What has been replaced so far."""
        return frozenset(self._placeholders)


def private(text: str) -> frozenset[str]:
    """What of a text is a secret or personal, and what looks like a placeholder of it."""
    masks = Masks()
    masks.text(text)
    return masks.replaced | set(_PLACEHOLDER.findall(text))


def _tame(text: str) -> str:
    plain = _UNSEEN.sub("", unicodedata.normalize("NFKC", text))
    return _FENCE_LIKE.sub(" ", _CONTROL.sub(" ", plain))
