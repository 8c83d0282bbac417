"""`python -m tests.chaos`: one run, its kills, its figures and its differences."""

from __future__ import annotations

import argparse
import json
import logging
import secrets
import sys
import time
from pathlib import Path
from typing import Any

from tests.chaos.report import public, table
from tests.chaos.run import Plan, run

#: Event time of a long run covers no more than this.
LONGEST_SPAN_S = 5 * 86_400


def main() -> int:
    """Run, report, 0 when nothing differs."""
    given = _arguments()
    plan = Plan(
        seed=given.seed if given.seed is not None else secrets.randbelow(10**6),
        kills=given.kills,
        load_s=given.minutes * 60,
        rate=given.rate,
        speed=min(given.speed, LONGEST_SPAN_S / (given.minutes * 60)),
        scaling=not given.no_scaling,
    )
    # Readers lose the broker again and again here, and say so each time.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    began_s = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began_s:6.1f}] {text}", flush=True)

    say(f"seed {plan.seed}, {plan.kills} kills in {plan.load_s:.0f} s, {plan.rate:.0f} metrics/s")
    result = run(plan, say, given.logs)
    print(table(result))
    if given.json:
        Path(given.json).write_text(json.dumps(public(result), indent=1, default=str), "utf-8")
    return 0 if result.passed else 1


def _arguments() -> Any:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="repeat a run; default: a new one")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the load")
    parser.add_argument("--rate", type=float, default=2000.0, help="metrics a second")
    parser.add_argument("--speed", type=float, default=12.0, help="event seconds a second")
    parser.add_argument("--no-scaling", action="store_true", help="always the same workers")
    parser.add_argument("--json", metavar="FILE", help="also write the result here")
    parser.add_argument("--logs", metavar="DIR", type=Path, help="keep the processes' logs here")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
