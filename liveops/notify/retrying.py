"""When a delivery that failed is tried again, and when it is given up. Pure."""

from __future__ import annotations

FIRST_S, LONGEST_S = 1.0, 300.0
#: A delivery that has failed for so long is given up.
GIVE_UP_AFTER_S = 3600.0


def pause_s(attempts: int, asked_s: float | None, chance: float) -> float:
    """Seconds until the next try after so many; at least what the receiver asked for.

    `chance` in [0, 1) spreads those that failed together.
    """
    longest = min(FIRST_S * 2.0 ** min(attempts - 1, 20), LONGEST_S)
    own = longest * (0.5 + chance / 2)
    return own if asked_s is None else min(max(own, asked_s), GIVE_UP_AFTER_S)


def is_over(failing_s: float, pause: float) -> bool:
    """Whether the next try would come after the end."""
    return failing_s + pause > GIVE_UP_AFTER_S
