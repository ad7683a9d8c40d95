"""The operators' console: what each kind of record shows, and the few deeds on it."""

from payments.admin import access, events, gateways, ledger, people, refunds, settlement
from payments.admin import payments as payments_admin

__all__ = [
    "access",
    "events",
    "gateways",
    "ledger",
    "payments_admin",
    "people",
    "refunds",
    "settlement",
]
