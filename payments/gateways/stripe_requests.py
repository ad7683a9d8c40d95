"""What Stripe is asked, in its words: a path, and the fields of a form."""

from datetime import timedelta
from urllib.parse import urlencode

from payments.errors import NotSupported
from payments.gateways.messages import Capture, Charge, FollowUp, Handle, Lookup, Refund, Void
from payments.gateways.stripe_words import (
    BY_TOKEN,
    CAPTURE_KEY_NAME,
    ID,
    KEY_NAME,
    TOKEN,
    WAY_NAME,
    units,
)
from payments.statuses import OperationKind

# Languages of the hosted page; another would be refused, none means the browser's own.
_LANGUAGES = """
    bg cs da de el en es et fi fil fr hr hu id it ja ko lt lv ms mt nb nl pl pt ro ru sk sl sv th tr
    vi zh
"""
LOCALES = frozenset(_LANGUAGES.split())
REFUND_REASONS = frozenset({"duplicate", "fraudulent", "requested_by_customer"})
_LONGEST_NAME = 250
_ON_A_PAGE = 100
# Lists are cut by Stripe's clock. Ours may differ by half as much before it refuses all its news.
_CLOCKS_DIFFER = timedelta(minutes=10)
Fields = dict[str, str]


def effect_for(order: Charge | FollowUp) -> tuple[str, Fields]:
    """The path and the form that ask for an effect. Raises NotSupported, InvalidAmount."""
    match order:
        case Charge() if order.payment_token:
            return "/v1/payment_intents", _intent(order)
        case Charge():
            return "/v1/checkout/sessions", _page(order)
        case Capture():
            path = f"/v1/payment_intents/{_intent_of(order.parent)}/capture"
            return path, _capture(order)
        case Void():
            return _void(order)
        case Refund():
            return "/v1/refunds", _refund(order)


def _page(order: Charge) -> Fields:
    item = "line_items[0][price_data]"
    body = {
        "mode": "payment",
        "client_reference_id": order.key,
        "success_url": order.return_url,
        "cancel_url": order.return_url,
        "line_items[0][quantity]": "1",
        f"{item}[currency]": order.money.currency.lower(),
        f"{item}[unit_amount]": units(order.money),
        f"{item}[product_data][name]": _name(order),
        f"metadata[{KEY_NAME}]": order.key,
        # The page's own metadata are not passed on to what is paid there.
        f"payment_intent_data[metadata][{KEY_NAME}]": order.key,
    }
    if order.kind is OperationKind.AUTHORIZE:
        body["payment_intent_data[capture_method]"] = "manual"
    if order.expires_at:
        body["expires_at"] = f"{order.expires_at.timestamp():.0f}"
    if (language := order.language[:3].split("-")[0].lower()) in LOCALES:
        body["locale"] = language
    if email := order.customer.get("email"):
        body["customer_email"] = str(email)
    return body | _methods(order)


def _intent(order: Charge) -> Fields:
    """Made and confirmed in one request; where the bank asks first, its question has an address."""
    if not TOKEN.fullmatch(order.payment_token):
        raise NotSupported("Stripe takes a payment method (pm_…) that its own library made.")
    body = {
        "amount": units(order.money),
        "currency": order.money.currency.lower(),
        "payment_method": order.payment_token,
        "confirm": "true",
        "return_url": order.return_url,
        "description": _name(order),
        f"metadata[{KEY_NAME}]": order.key,
        f"metadata[{WAY_NAME}]": BY_TOKEN,
    }
    if order.kind is OperationKind.AUTHORIZE:
        body["capture_method"] = "manual"
    # One or the other: whatever the account takes, or what the caller wished for.
    return body | (_methods(order) or {"automatic_payment_methods[enabled]": "true"})


def _name(order: Charge) -> str:
    return (order.description or order.key)[:_LONGEST_NAME]


def _methods(order: Charge) -> Fields:
    methods = enumerate(order.payment_methods)
    return {f"payment_method_types[{place}]": method for place, method in methods}


def _capture(order: Capture) -> Fields:
    return {"amount_to_capture": units(order.money), f"metadata[{CAPTURE_KEY_NAME}]": order.key}


def _void(order: Void) -> tuple[str, Fields]:
    """Free what is reserved; a page on which nothing was paid yet is closed instead."""
    session = _known(order.parent, "session", "cs_")
    if session and not _known(order.parent, "payment_intent", "pi_"):
        return f"/v1/checkout/sessions/{session}/expire", {}
    path = f"/v1/payment_intents/{_intent_of(order.parent)}/cancel"
    return path, {"cancellation_reason": "requested_by_customer"}


def _refund(order: Refund) -> Fields:
    body = {"amount": units(order.money), f"metadata[{KEY_NAME}]": order.key}
    if order.reason in REFUND_REASONS:
        body["reason"] = order.reason
    elif order.reason:
        body["metadata[reason]"] = order.reason[:500]
    return {"payment_intent": _intent_of(order.parent)} | body


def lookup_path(order: Lookup) -> str:
    """By the object itself, by what it followed, or else among all since it began.

    Not by Search, which learns of an intent a minute late, and in bad hours much later: what it
    does not find may be there, and paid. Lists are exact.
    """
    if order.kind is OperationKind.REFUND:
        if refund := _known(order.handle, "refund", "re_"):
            return f"/v1/refunds/{refund}"
        intent = _known(order.parent, "payment_intent", "pi_")
        return _list("/v1/refunds", order, {"payment_intent": intent} if intent else {})
    follows = order.kind in (OperationKind.CAPTURE, OperationKind.VOID)
    known = order.parent if follows else order.handle
    intent = _known(known, "payment_intent", "pi_")
    if (session := _known(known, "session", "cs_")) and not (follows and intent):
        return f"/v1/checkout/sessions/{session}?expand[]=payment_intent.latest_charge"
    if intent:
        return f"/v1/payment_intents/{intent}?expand[]=latest_charge"
    return _list("/v1/payment_intents", order, {})


def _list(path: str, order: Lookup, narrower: Fields) -> str:
    """The newest first, from where the page before ended."""
    query = {"limit": str(_ON_A_PAGE)} | narrower
    if order.began_at:
        query["created[gte]"] = f"{(order.began_at - _CLOCKS_DIFFER).timestamp():.0f}"
    if order.over_at:
        query["created[lte]"] = f"{(order.over_at + _CLOCKS_DIFFER).timestamp():.0f}"
    if order.page:
        query["starting_after"] = order.page
    return f"{path}?{urlencode(query)}"


def _known(handle: Handle, name: str, prefix: str) -> str:
    """One of the ids that were kept, or the reference, where it is of that sort."""
    found = handle.ids.get(name) or handle.reference
    return found if found.startswith(prefix) and ID.fullmatch(found) else ""


def _intent_of(parent: Handle) -> str:
    if intent := _known(parent, "payment_intent", "pi_"):
        return intent
    raise NotSupported("Stripe has named no payment intent for this payment yet; verify it first.")
