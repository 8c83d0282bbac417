"""How long to look for bad input: `make test` takes a short look, `make fuzz` a long one."""

from __future__ import annotations

import os

#: In the environment: examples of each thing that is tried.
FUZZ = "FUZZ_EXAMPLES"


def fuzz_examples(usual: int) -> int:
    """Examples to try."""
    return int(os.environ.get(FUZZ, usual))
