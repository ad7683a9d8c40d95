"""What we ask of PayPal: a path and a body an order."""

import re
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from payments.errors import InvalidAmount, NotSupported, UnsupportedCurrency
from payments.gateways.messages import Capture, Charge, Handle, Lookup, Order, Refund, Void
from payments.gateways.paypal.words import CURRENCIES, KINDS, WHOLE_CURRENCIES
from payments.money import Money
from payments.statuses import OperationKind

_INTENTS = {kind: intent for intent, kind in KINDS.items()}
_LOCALE = re.compile(r"[a-z]{2}(-[A-Z]{2})?", re.ASCII)


def effect_of(order: Charge | Capture | Void | Refund) -> tuple[str, dict[str, Any]]:
    match order:
        case Charge():
            return "/v2/checkout/orders", _charge(order)
        case Capture():
            return _capture(order)
        case Void():
            authorization = _known(order.parent.ids.get("authorization"), "authorization")
            return f"/v2/payments/authorizations/{authorization}/void", {}
        case Refund():
            capture = _known(order.parent.ids.get("capture") or order.parent.reference, "capture")
            return f"/v2/payments/captures/{capture}/refund", _refund(order)


def _charge(order: Charge) -> dict[str, Any]:
    # What the payer did not come back from, a lookup finds out: both ways lead to us.
    page = {"return_url": order.return_url, "cancel_url": order.return_url}
    page |= {"user_action": "PAY_NOW", "shipping_preference": "NO_SHIPPING"}
    if _LOCALE.fullmatch(order.language):
        page["locale"] = order.language
    description = (order.description or order.key)[:127]
    unit = {"custom_id": order.key, "description": description, "amount": _amount(order.money)}
    return {
        "intent": _INTENTS[order.kind],
        "purchase_units": [unit],
        "payment_source": {"paypal": {"experience_context": page}},
    }


def _capture(order: Capture) -> tuple[str, dict[str, Any]]:
    """Of an authorization, an amount; of an order that its payer approved, all of it."""
    ids = order.parent.ids
    if not is_of_an_order(order):
        body = {"amount": _amount(order.money), "invoice_id": order.key, "final_capture": True}
        path = f"/v2/payments/authorizations/{_known(ids['authorization'], 'authorization')}"
        return f"{path}/capture", body
    step = "authorize" if ids.get("intent") == "authorize" else "capture"
    return f"/v2/checkout/orders/{_order_id(order.parent)}/{step}", {}


def _refund(order: Refund) -> dict[str, Any]:
    # A refund made by hand bears the charge's custom_id; ours says its own key twice.
    body = {"amount": _amount(order.money), "custom_id": order.key, "invoice_id": order.key}
    return body | ({"note_to_payer": order.reason[:255]} if order.reason else {})


def lookup_path(order: Lookup) -> str:
    """Where the answer is: at its own id, else among the payments of its order.

    An order whose answer was lost has no id that we know, and nobody saw its page, so nobody can
    pay it. PayPal knows no order by our key: what it made is told by the same request again.
    """
    own, parent = order.handle, order.parent
    if order.kind is OperationKind.VOID:
        found = parent.ids.get("authorization") or own.reference
        return f"/v2/payments/authorizations/{_known(found, 'authorization')}"
    if order.kind is OperationKind.REFUND and (refund := own.ids.get("refund") or own.reference):
        return f"/v2/payments/refunds/{_known(refund, 'refund')}"
    if order.kind in (OperationKind.REFUND, OperationKind.CAPTURE):
        return f"/v2/checkout/orders/{_order_id(parent)}"
    return f"/v2/checkout/orders/{_known(own.ids.get('order') or own.reference or order.key, '')}"


def is_of_an_order(order: Order) -> bool:
    return isinstance(order, Capture) and not order.parent.ids.get("authorization")


def _order_id(handle: Handle) -> str:
    return _known(handle.ids.get("order") or handle.reference, "order")


def _known(found: str | None, what: str) -> str:
    if not found:
        raise NotSupported(f"PayPal has told no {what} for this payment: nothing can follow it.")
    return quote(found, safe="")


def _amount(money: Money) -> dict[str, str]:
    if money.currency not in CURRENCIES:
        raise UnsupportedCurrency(f"PayPal does not take {money.currency}.", attr="currency")
    amount = money.decimal
    if money.currency in WHOLE_CURRENCIES:
        if amount != amount.to_integral_value():
            detail = f"PayPal takes {money.currency} without decimals; {money} has some."
            raise InvalidAmount(detail, attr="amount")
        amount = amount.quantize(Decimal(1))
    if amount <= 0:
        raise InvalidAmount(f"{money} is nothing that could be charged.", attr="amount")
    return {"currency_code": money.currency, "value": f"{amount:f}"}
