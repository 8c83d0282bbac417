"""How many tokens a text is worth to a model, counted without its vocabulary. Pure.

GPT's vocabularies come from the net. This counts by the pieces that their byte-pair encoding
begins with: beside it, docs/analysis.md says how near the two are.
"""

from __future__ import annotations

import re

#: Words with the blank before them, up to three digits, runs of signs, of blanks, anything else.
_PIECE = re.compile(r" ?[A-Za-z]+|\d{1,3}| ?[!-/:-@\[-`{-~]+|\s+|[^\x00-\x7f]")
#: A word of so many letters is mostly one token; longer ones are cut about as often.
_LETTERS = 7
_SIGNS = 3


def count(text: str) -> int:
    """Tokens of the text, rather too many than too few."""
    return sum(_worth(piece) for piece in _PIECE.findall(text))


def _worth(piece: str) -> int:
    bare = piece.strip()
    if not bare or bare.isdigit():
        return 1
    if not bare.isascii():
        return len(bare.encode()) - 1 or 1
    if bare.isalpha():
        return -(-len(bare) // _LETTERS)
    return -(-len(bare) // _SIGNS)
