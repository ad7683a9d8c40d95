"""Careful reading of what PayPal sends: whatever is odd becomes empty, and nothing raises."""

from collections.abc import Mapping
from typing import Any

from payments.crypto.redaction import redact
from payments.gateways.messages import Failure
from payments.gateways.paypal.words import DECLINES
from payments.gateways.reading import clean, money_of
from payments.money import Money
from payments.statuses import FailureCode

_PERSONS = frozenset({"payer", "payee", "shipping", "payment_source"})


def mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def part(thing: Any, *names: str) -> dict[str, Any]:
    """The object at the end of these names."""
    for name in names:
        thing = mapping(thing).get(name)
    return mapping(thing)


def parts(thing: Any, name: str) -> list[dict[str, Any]]:
    """The objects in a list."""
    found = mapping(thing).get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def text(thing: Any, name: str) -> str:
    value = mapping(thing).get(name)
    return clean(value) if isinstance(value, str) else ""


def money(amount: Any) -> Money | None:
    """`{"currency_code": "USD", "value": "25.00"}`, exactly, or None."""
    return money_of(text(amount, "value"), text(amount, "currency_code"))


def link(thing: Any, *rels: str) -> str:
    """The first web address that stands in one of these relations."""
    found = {text(each, "rel"): text(each, "href") for each in parts(thing, "links")}
    urls = [found[rel] for rel in rels if rel in found]
    return next((url for url in urls if url.startswith(("https://", "http://"))), "")


def issue(answer: Any) -> str:
    details = parts(answer, "details")
    return text(details[0], "issue") if details else ""


def failure(answer: Any) -> Failure:
    details = [text(each, "description") for each in parts(answer, "details")]
    sentences = [*details, text(answer, "message"), text(answer, "error_description")]
    said = next(filter(None, sentences), "")
    return Failure(DECLINES.get(issue(answer), FailureCode.PROVIDER_ERROR), said)


def kept(answer: Any) -> Any:
    """What may be shown of it: nothing secret, and nobody's name or address."""
    if not isinstance(answer, dict):
        return redact(answer)
    units = [_impersonal(unit) for unit in parts(answer, "purchase_units")]
    return redact(_impersonal(answer) | ({"purchase_units": units} if units else {}))


def _impersonal(thing: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in thing.items() if name not in _PERSONS}
