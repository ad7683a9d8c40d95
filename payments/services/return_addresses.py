"""Where the payer's browser comes back to: addresses that nobody can invent."""

from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings

from payments.crypto.signatures import derived_key, hmac_hex, same
from payments.models import Payment


def return_address(payment: Payment) -> str:
    """Our own address of this payment's return, signed."""
    query = urlencode({"payment": payment.id, "s": _signature(payment.id)})
    return f"{settings.PUBLIC_URL}/payments/v2/return?{query}"


def is_our_return(payment_id: UUID, signature: str) -> bool:
    """Whether a return address was made by `return_address`."""
    return same(signature, _signature(payment_id))


def _signature(payment_id: UUID) -> str:
    return hmac_hex(derived_key(settings.SECRET_KEY, "return"), str(payment_id).encode())[:32]
