"""How risky a suggested action is, by its verbs, and what in it is a command. Pure.

A model may call an action riskier than it is, never safer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from schema.analysis import RISKS, Risk


def _forms(verb: str) -> str:
    """A verb in its forms: delete, deletes, deleted, deleting; dropped; rolled back."""
    first, *rest = verb.split()
    inflected = rf"{first.removesuffix('e')}e?(?:\w?(?:e?s|ed|ing))?"
    return r"[ -]?".join([inflected, *rest])


def _verbs(told: str) -> re.Pattern[str]:
    """Any of these, separated by commas, as a word of its own, not as a part of a name."""
    forms = "|".join(_forms(verb.strip()) for verb in told.split(","))
    return re.compile(rf"(?i)(?<![\w./-])(?:{forms})(?![\w/-]|\.\w)")


#: What may take data or a whole service away.
_HIGH = _verbs(
    "delete, drop, truncate, purge, wipe, erase, destroy, reformat, terminate, decommission, "
    "uninstall, overwrite, restore, migrate, force, fail over, shut down, turn off, switch off, "
    "power off, power down, take down, take offline, take out, bring down"
)
#: Commands that do.
_DESTROYS = re.compile(r"(?<![\w./-])(?:rm|shred|mkfs[.\w]*|dd)\s")
#: What changes how the system works.
_MEDIUM = _verbs(
    "restart, re-start, reboot, roll back, roll out, roll forward, rollback, revert, deploy, "
    "redeploy, scale, resize, add, raise, increase, lower, reduce, limit, throttle, block, reject, "
    "shed, shield, isolate, drain, cordon, evict, kill, stop, pause, disable, enable, switch, "
    "configure, reconfigure, set, move, patch, upgrade, downgrade, update, reset, flush, clear, "
    "replace, recreate, rotate, remove, invalidate, tune, adjust, apply, execute"
)
#: Nouns as well: "recent changes" are none that are to be made.
_BARE = re.compile(r"(?i)(?<![\w./-])(?:change|changing|run|running)(?![\w/-])")
#: What cannot be taken back: something is lost.
_FINAL = _verbs(
    "delete, drop, truncate, purge, wipe, erase, destroy, reformat, terminate, overwrite, restore, "
    "restart, re-start, reboot, kill, flush, clear, reset, recreate, invalidate, evict"
)
#: What only looks; an action that begins with none of these is no mere look.
_LOOKS = re.compile(
    r"(?i)^\W*(?:check|look|compare|watch|measure|ask|verify|review|inspect|examine|monitor|confirm"
    r"|investigate|find|read|collect|take|tell|notify|trace|profile|see|search|identify|correlate"
    r"|contact|escalate|observe|analy[sz]e)\b"
)
#: What else an action may begin with.
_OTHERS = re.compile(
    r"(?i)^(?:follow|use|wait|roll|route|redirect|warm|prepare|keep|make|give|put|bring|return)\b"
)
#: Programs that are called with something; names of few are words of prose.
_PROGRAMS = (
    r"sudo|kubectl|systemctl|journalctl|curl|wget|psql|redis-cli|pkill|killall|iptables|chmod|chown"
    r"|mkfs|rm|gcloud|ssh|scp|kafka-[a-z-]+(?:\.sh)?|terraform (?:apply|destroy)"
    r"|git (?:push|pull|reset|revert|checkout|clone)|helm (?:rollback|upgrade|install|uninstall)"
    r"|docker (?:run|exec|rm|stop|restart|kill|compose)"
    r"|(?:pip|npm|apt|apt-get|yum) (?:install|remove)"
)
_STATEMENTS = (
    r"(?:drop|truncate|alter)\s+(?:table|database|index|schema)|delete\s+from|insert\s+into"
    r"|update\s+\S+\s+set"
)
_COMMAND = re.compile(
    r"`|\$[({]|&&|\||(?<!\S)--?[A-Za-z]"
    rf"|(?<![\w./-])(?:{_PROGRAMS})\s+\S|(?i:\b(?:{_STATEMENTS})\b)"
)


def is_action(text: str) -> bool:
    """Whether a text begins with something to be done: a mere statement is no action."""
    plain = unicodedata.normalize("NFKC", text).strip()
    begins = (_LOOKS, _OTHERS, _BARE, _MEDIUM, _HIGH)
    return any(it.match(plain) for it in begins)


def judged(text: str) -> tuple[Risk, bool]:
    """The least risk that an action of these words has, and whether it can be undone."""
    plain = unicodedata.normalize("NFKC", text)
    if _HIGH.search(plain) or _DESTROYS.search(plain):
        risk: Risk = "high"
    elif any(it.search(plain) for it in (_MEDIUM, _BARE, _COMMAND)) or not _LOOKS.match(plain):
        risk = "medium"
    else:
        risk = "low"
    return risk, not (_FINAL.search(plain) or _DESTROYS.search(plain))


def raised(text: str, risk: Risk | None, reversible: bool | None) -> tuple[Risk, bool]:
    """What somebody says of an action, where that is no less than what its words say."""
    least, undoable = judged(text)
    if reversible is None:
        # Nobody said so: only a look is sure to leave everything as it was.
        reversible = least == "low"
    return max(least, risk or least, key=RISKS.index), reversible and undoable


def has_command(text: str, names: Iterable[str] = ()) -> bool:
    """Whether a text holds anything to be typed into a shell or a database.

    Names of services are none, whatever they look like.
    """
    plain = unicodedata.normalize("NFKC", text)
    for name in sorted(names, key=len, reverse=True):
        plain = plain.replace(name, "x")
    return bool(_COMMAND.search(plain))
