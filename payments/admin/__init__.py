"""The operators' console: what each kind of record shows, and the few deeds on it."""

from payments.admin import access, events, gateways, people, refunds, settlement
from payments.admin import payments as payments_admin

__all__ = ["access", "events", "gateways", "payments_admin", "people", "refunds", "settlement"]
