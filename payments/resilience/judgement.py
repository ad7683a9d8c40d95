"""What a call's end says of its target: nothing, all is well, or a failure."""

from collections.abc import Callable, Iterable

import structlog

from payments.resilience.errors import CallRefused
from payments.resilience.storage import Outcome

log = structlog.get_logger(__name__)

Rule = type[BaseException] | Callable[[BaseException], bool]


def matches(rules: Iterable[Rule], error: BaseException) -> bool:
    """Whether one of these classes or predicates means this error."""
    return any(_applies(rule, error) for rule in rules)


def _applies(rule: Rule, error: BaseException) -> bool:
    # A class is a class whatever its metaclass: called as a predicate it would mean everything.
    if isinstance(rule, type):
        return isinstance(error, rule)
    try:
        return bool(rule(error))
    except Exception:  # a broken rule means nothing, and must not hide the call's own error
        log.exception("breaker_rule_failed", rule=repr(rule))
        return False


def outcome_of(
    error: BaseException,
    *,
    excluded: Iterable[Rule],
    ignored: Iterable[Rule],
    timeouts: Iterable[Rule],
) -> Outcome:
    """What is not an Exception (SystemExit, GeneratorExit, …) is our own stop."""
    if not isinstance(error, Exception) or isinstance(error, CallRefused):
        return Outcome.IGNORED
    for rules, outcome in (
        (ignored, Outcome.IGNORED),
        (excluded, Outcome.EXCLUDED),
        ((TimeoutError, *timeouts), Outcome.TIMEOUT),
    ):
        if matches(rules, error):
            return outcome
    return Outcome.FAILURE
