"""Which colour a word has, and how values are written for operators."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import Model
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from payments.models import Payment
from payments.money import Money
from payments.statuses import Outcome, PaymentStatus

STATUS_COLOURS = {
    PaymentStatus.CREATED: "info",
    PaymentStatus.PROCESSING: "info",
    PaymentStatus.REQUIRES_ACTION: "warning",
    PaymentStatus.AUTHORIZED: "primary",
    PaymentStatus.COMPLETED: "success",
    PaymentStatus.PARTIALLY_REFUNDED: "warning",
    PaymentStatus.REFUNDED: "warning",
    PaymentStatus.FAILED: "danger",
    PaymentStatus.CHARGED_BACK: "danger",
}
OUTCOME_COLOURS = {
    Outcome.PENDING: "info",
    Outcome.ACTION_REQUIRED: "warning",
    Outcome.UNKNOWN: "danger",
    Outcome.SUCCEEDED: "success",
    Outcome.DECLINED: "danger",
}


def label(word: str, colours: Mapping[Any, str]) -> str:
    """A word in its colour, as the console's lists draw it."""
    facts = {"text": word, "type": colours.get(word, "")}
    return render_to_string("unfold/helpers/label.html", facts)


def major(amount: int, currency: str) -> str:
    """An amount as people read it: `125.50 AED`."""
    return str(Money(amount, currency))


def as_json(value: Any) -> SafeString:
    """A value laid out over lines."""
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True, default=str)
    return format_html('<pre class="console-code">{}</pre>', text)


def as_lines(facts: dict[str, Any]) -> SafeString:
    """Names and values, one a line; nothing for what is empty."""
    told = [(name, value) for name, value in facts.items() if value not in (None, "")]
    return format_html_join("", "<div>{}: {}</div>", told)


def link_to(row: Model, text: str) -> SafeString:
    """The way to a record's own page."""
    address = reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_change", args=[row.pk])
    return format_html('<a class="console-link" href="{}">{}</a>', address, text)


def link_to_payment(payment_id: UUID | str | None, text: str = "") -> SafeString | str:
    """The way to a payment's page, for who holds no more than its id."""
    if payment_id is None:
        return "-"
    return link_to(Payment(pk=payment_id), text or str(payment_id))
