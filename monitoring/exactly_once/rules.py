"""A rule says how it is broken, in sentences; this is how such sentences are kept."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from monitoring.exactly_once.cases import Case


@dataclass(frozen=True, slots=True)
class Broken:
    """One broken invariant: of which record, how, and what helps."""

    rule: str
    subject: str
    what: str
    step: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.subject} {self.what} {self.step}"


@dataclass(frozen=True, slots=True)
class Rule:
    """A function that yields a sentence for each way in which a case breaks it."""

    breaches_in: Callable[[Case], Iterator[str]]
    step: str

    @property
    def name(self) -> str:
        """As reports name it: like its function."""
        return self.breaches_in.__name__

    def judged(self, case: Case) -> Iterator[Broken]:
        """The breaches of this rule in a case."""
        subject = f"payment {case.payment.pk}"
        for what in self.breaches_in(case):
            yield Broken(self.name, subject, what, self.step)
