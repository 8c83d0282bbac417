"""`python -m liveops` by a clock that is behind: `python -m tests.past_program SECONDS ...`.

What was stored long ago is read as if it had been stored just now. The broker's clock cannot
be behind: topics keep what is old, and records the times that they are sent with.
"""

from __future__ import annotations

import sys
import time


def main() -> None:
    behind_s, real = float(sys.argv.pop(1)), time.time
    # Before anything else is imported, which may take the function by its name.
    time.time = lambda: real() - behind_s
    from liveops.cli import main as liveops
    from schema.topics import TopicSpec
    from tests.stored_data import config_for_old_data

    # The data must not age away; only here, so the class is changed and not the product.
    TopicSpec.config = config_for_old_data  # type: ignore[method-assign,assignment]
    liveops()


if __name__ == "__main__":
    main()
