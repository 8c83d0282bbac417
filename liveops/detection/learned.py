"""What all rules of learning kinds have learned on this worker, and say of windows. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from liveops.detection.early import judge_open
from liveops.detection.opinions import Opinions
from liveops.detection.rule_bank import DETECTOR_OF, RuleBank, Seen
from liveops.detection.rulebook import RuleBook
from schema.metrics import Aggregate


class Learned:
    """A bank for each rule of a learning kind."""

    def __init__(self) -> None:
        self.banks: dict[str, RuleBank] = {}

    def obey(self, book: RuleBook) -> list[RuleBank]:
        """Have a bank for each rule there is; the new ones, which have learned nothing.

        A rule that judges the same of the same windows as before goes on with what it knows.
        """
        learning = {id: rule for id, rule in book.rules.items() if rule.kind in DETECTOR_OF}
        for rule_id in self.banks.keys() - learning.keys():
            del self.banks[rule_id]
        new: list[RuleBank] = []
        for rule_id, rule in learning.items():
            bank = self.banks.get(rule_id)
            asked = (rule.kind, rule.window, rule.field)
            if bank is None or asked != (bank.rule.kind, bank.rule.window, bank.rule.field):
                bank = self.banks[rule_id] = RuleBank(rule)
                new.append(bank)
            bank.rule = rule
        return new

    def judge(self, seen: Iterable[Seen], book: RuleBook, closed_s: ClosedS) -> Opinions:
        """Opinions on windows of a chunk: closed ones are learned, open ones looked at.

        `closed_s` gives the start of the newest closed window that was applied before.
        """
        closed: dict[str, list[Seen]] = {}
        open_: dict[str, list[Seen]] = {}
        for item in seen:
            if item.window.backfill or item.window.start_s <= closed_s(item):
                continue
            for rule_id in self._asked(item.service, item.window, book):
                (closed if item.window.final else open_).setdefault(rule_id, []).append(item)
        opinions = Opinions()
        for rule_id, windows in closed.items():
            for item, judged in self.banks[rule_id].judge(windows):
                opinions.add(rule_id, item, judged)
        for rule_id, windows in open_.items():
            for item, judged in judge_open(self.banks[rule_id], windows):
                opinions.add(rule_id, item, judged)
        return opinions

    def _asked(self, service: str, window: Aggregate, book: RuleBook) -> Iterator[str]:
        chosen = book.for_series(service, window.series, window.metric_type, window.tags)
        for rule in chosen.values:
            if rule.id in self.banks and rule.window == window.window:
                yield rule.id

    def forget(self, service: str, series: Iterable[str]) -> None:
        """These series are no more."""
        for bank in self.banks.values():
            for name in series:
                bank.forget(service, name)

    def forget_service(self, service: str) -> None:
        """A service is no more, or no more here."""
        for bank in self.banks.values():
            bank.forget_service(service)


ClosedS = Callable[[Seen], float]
