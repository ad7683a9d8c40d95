"""PayPal's words, and what they mean in ours."""

from payments.gateways.messages import DisputeStatus, Family
from payments.statuses import FailureCode, OperationKind, Outcome

BASES = {"live": "https://api-m.paypal.com", "sandbox": "https://api-m.sandbox.paypal.com"}
CERTIFICATE_HOSTS = {
    "live": frozenset({"api.paypal.com", "api-m.paypal.com"}),
    "sandbox": frozenset({"api.sandbox.paypal.com", "api-m.sandbox.paypal.com"}),
}
_CURRENCIES = """
AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF ILS JPY MXN MYR NOK NZD PHP PLN SEK SGD THB TWD USD
"""
CURRENCIES = frozenset(_CURRENCIES.split())
# ISO 4217 gives two of these decimals; PayPal gives none.
WHOLE_CURRENCIES = frozenset({"HUF", "JPY", "TWD"})
ORDERS = {
    "CREATED": Outcome.ACTION_REQUIRED,
    "SAVED": Outcome.ACTION_REQUIRED,
    "PAYER_ACTION_REQUIRED": Outcome.ACTION_REQUIRED,
    "APPROVED": Outcome.PENDING,
    # What became of the money, its payments say.
    "COMPLETED": Outcome.UNKNOWN,
    "VOIDED": Outcome.DECLINED,
}
CAPTURES = {
    "PENDING": Outcome.PENDING,
    "COMPLETED": Outcome.SUCCEEDED,
    # Refunds are operations of their own: the capture did succeed.
    "PARTIALLY_REFUNDED": Outcome.SUCCEEDED,
    "REFUNDED": Outcome.SUCCEEDED,
    "DECLINED": Outcome.DECLINED,
    "FAILED": Outcome.DECLINED,
}
AUTHORIZATIONS = {
    "CREATED": Outcome.SUCCEEDED,
    "CAPTURED": Outcome.SUCCEEDED,
    "PARTIALLY_CAPTURED": Outcome.SUCCEEDED,
    "PENDING": Outcome.PENDING,
    "DENIED": Outcome.DECLINED,
    "VOIDED": Outcome.DECLINED,
}
# The same words, where the question is whether a void happened.
VOIDS = {
    "VOIDED": Outcome.SUCCEEDED,
    "CREATED": Outcome.NOT_SENT,
    "PENDING": Outcome.NOT_SENT,
    "PARTIALLY_CAPTURED": Outcome.NOT_SENT,
    "CAPTURED": Outcome.DECLINED,
    "DENIED": Outcome.DECLINED,
}
REFUNDS = {
    "PENDING": Outcome.PENDING,
    "COMPLETED": Outcome.SUCCEEDED,
    "FAILED": Outcome.DECLINED,
    "CANCELLED": Outcome.DECLINED,
}
DISPUTES = {
    "RESOLVED_SELLER_FAVOUR": DisputeStatus.WON,
    "CANCELED_BY_BUYER": DisputeStatus.WON,
    "DENIED": DisputeStatus.WON,
    "RESOLVED_BUYER_FAVOUR": DisputeStatus.LOST,
    "ACCEPTED": DisputeStatus.LOST,
}
# Issues of a refusal, and a processor's codes in a capture that was declined.
DECLINES = {
    "5120": FailureCode.INSUFFICIENT_FUNDS,
    "INSTRUMENT_DECLINED": FailureCode.CARD_DECLINED,
    "TRANSACTION_REFUSED": FailureCode.CARD_DECLINED,
    "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED": FailureCode.CARD_DECLINED,
    "PAYER_ACTION_REQUIRED": FailureCode.AUTHENTICATION_FAILED,
    "ORDER_EXPIRED": FailureCode.EXPIRED,
    "AUTHORIZATION_EXPIRED": FailureCode.EXPIRED,
}
# The payer may go back to the page and choose another card: that is no ending.
PAGE_IS_OPEN = frozenset({"INSTRUMENT_DECLINED", "PAYER_ACTION_REQUIRED"})
NOBODY_APPROVED = "ORDER_NOT_APPROVED"
# An earlier try may have done it, and its result is not repeated: only a lookup can tell.
DONE_BEFORE = frozenset(
    {
        "AUTHORIZATION_ALREADY_CAPTURED",
        "CAPTURE_FULLY_REFUNDED",
        "DUPLICATE_INVOICE_ID",
        "ORDER_ALREADY_AUTHORIZED",
        "ORDER_ALREADY_CAPTURED",
        "PREVIOUSLY_VOIDED",
    }
)
FAMILIES = {
    "CHECKOUT.": Family.PAYMENT,
    "PAYMENT.AUTHORIZATION.": Family.PAYMENT,
    "PAYMENT.CAPTURE.REFUNDED": Family.REFUND,
    "PAYMENT.CAPTURE.": Family.PAYMENT,
    "PAYMENT.REFUND.": Family.REFUND,
    "CUSTOMER.DISPUTE.": Family.DISPUTE,
    "RISK.DISPUTE.": Family.DISPUTE,
    "BILLING.": Family.SUBSCRIPTION,
    "PAYMENT.SALE.": Family.SUBSCRIPTION,
    "INVOICING.": Family.INVOICE,
    "PAYMENT.PAYOUTS": Family.TRANSFER,
}
KINDS = {"CAPTURE": OperationKind.CHARGE, "AUTHORIZE": OperationKind.AUTHORIZE}
