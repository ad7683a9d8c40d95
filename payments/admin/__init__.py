"""The operators' console: what each kind of record shows, and the few deeds on it."""

from payments.admin import (
    access,
    contracts,
    events,
    gateways,
    ledger,
    outbox,
    people,
    refunds,
    sagas,
    settlement,
)
from payments.admin import payments as payments_admin

__all__ = [
    "access",
    "contracts",
    "events",
    "gateways",
    "ledger",
    "outbox",
    "payments_admin",
    "people",
    "refunds",
    "sagas",
    "settlement",
]
