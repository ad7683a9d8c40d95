"""How a gateway's JSON is read: nothing in it is trusted to be of the type it should have."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from payments.errors import DomainError
from payments.gateways.contract import SignatureInvalid
from payments.gateways.messages import Failure, GatewayResult
from payments.gateways.wire import Headers, header_values
from payments.money import Money, exponent_of
from payments.statuses import FailureCode, OperationKind, Outcome

_EVENT_ID_LENGTH = 150
# Plain digits: an exponent could ask for a number of a million of them.
_AMOUNT = re.compile(r"\d{1,18}(\.\d{1,9})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What one gateway's words mean, for gateways that tell of refusals in sentences.

    `refusals` are parts of a bank's sentence, `endings` are statuses that say by themselves why.
    What is in `takes_back` undoes a success told before. After a word in `page_stays_open` the
    payer may take another card on the same page: a refusal that ends nothing.
    """

    statuses: Mapping[OperationKind, Mapping[str, Outcome]]
    refusals: Mapping[str, FailureCode]
    endings: Mapping[str, FailureCode]
    takes_back: frozenset[tuple[OperationKind, str]]
    page_stays_open: frozenset[tuple[OperationKind, str]]

    def result(
        self, kind: OperationKind, word: str, said: str, money: Money | None
    ) -> GatewayResult:
        """A status and a sentence of theirs in our words; a word not listed is PENDING."""
        table = self.statuses[kind]
        outcome = table.get(word, Outcome.PENDING) if word else Outcome.UNKNOWN
        is_no = outcome is Outcome.DECLINED or (kind, word) in self.page_stays_open
        return GatewayResult(
            outcome,
            kind=kind,
            takes_back=(kind, word) in self.takes_back,
            money=money,
            failure=self._failure(word, said) if is_no else None,
            unlisted_word="" if word in table else word,
        )

    def _failure(self, word: str, said: str) -> Failure:
        usual = self.endings.get(word, FailureCode.CARD_DECLINED)
        told = (code for part, code in self.refusals.items() if part in said.lower())
        return Failure(next(told, usual), said)


def json_in(body: bytes) -> Any:
    """The body as JSON, fractions kept digit by digit as text; None where it is none."""
    try:
        return json.loads(body, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None


def part_of(news: dict[str, Any], name: str) -> dict[str, Any]:
    """The object under a name, or an empty one."""
    part = news.get(name)
    return part if isinstance(part, dict) else {}


def text_of(news: dict[str, Any], *names: str) -> str:
    """The first text or number that stands under one of the names."""
    values = (news.get(name) for name in names)
    found = (each for each in values if isinstance(each, str | int) and not isinstance(each, bool))
    return next((text for each in found if (text := clean(str(each)))), "")


def text_in(thing: dict[str, Any], name: str) -> str:
    """What stands under a name as text, whatever it is: a word that nobody expects is seen."""
    value = thing.get(name)
    return "" if value is None else clean(value if isinstance(value, str) else str(value))


def clean(text: str) -> str:
    """Half a character and NUL can be written in JSON, and in no database."""
    return text.encode(errors="replace").decode().replace("\x00", "")


def money_of(amount: str, currency: str, places: int = 0) -> Money | None:
    """What a gateway wrote in major units, or in units of `places` decimals; None if it is none."""
    if not _AMOUNT.fullmatch(amount):
        return None
    try:
        minor = Decimal(amount).scaleb(exponent_of(currency) - places)
        return Money(int(minor), currency) if minor == minor.to_integral_value() else None
    except DomainError:
        return None


def moment_in(text: str) -> datetime | None:
    """A point in time; None where the text is none or does not say its zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def texts(*candidates: str) -> tuple[str, ...]:
    """Those that are not empty."""
    return tuple(text for text in candidates if text)


def event_id(parts: Iterable[str], body: bytes) -> str:
    """A name for an event that has none: the same news, sent again, gets the same one.

    The first part is the event's type; where nothing else is known, the body itself must do.
    """
    known = texts(*parts)
    key = ":".join(known)
    if len(known) > 1 and len(key) <= _EVENT_ID_LENGTH:
        return key
    return "sha256:" + hashlib.sha256(key.encode() if len(known) > 1 else body).hexdigest()


def sole_header(headers: Headers, name: str) -> str:
    """The one value of a header. Raises SignatureInvalid where it is missing, empty or repeated."""
    given = header_values(headers, name)
    if len(given) != 1 or not given[0]:
        told = f"repeated_header: {name} came {len(given)} times"
        raise SignatureInvalid(
            told if any(given) else f"missing_header: no {name}, or an empty one"
        )
    return clean(given[0])


def skew_told(skew: timedelta) -> str:
    """By how much a sender's time differs from ours, for operators: below zero where it is old."""
    seconds = skew.total_seconds()
    way = "ahead of ours" if seconds > 0 else "behind ours, or it was long on its way"
    return f"clock differs by {seconds:.0f} s: theirs is {way}"
