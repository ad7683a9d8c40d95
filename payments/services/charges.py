"""The order of a charge: what a payment's gateway is asked, the same however often it is."""

from collections.abc import Sequence

from django.conf import settings

from payments.gateways.messages import Charge
from payments.models import GatewayOperation, Payment
from payments.services.return_addresses import return_address
from payments.statuses import OperationKind


def charge_for(
    payment: Payment,
    operation: GatewayOperation,
    methods: Sequence[str] = (),
    language: str = "",
    token: str = "",
) -> Charge:
    """What an operation asks of its gateway, as the payment or this one call wishes it."""
    return Charge(
        key=operation.key,
        kind=OperationKind(operation.kind),
        money=operation.money,
        description=payment.description or payment.reference,
        return_url=return_address(payment),
        callback_url=f"{settings.PUBLIC_URL}/webhooks/payments/{operation.provider}",
        language=language or payment.language,
        payment_methods=tuple(methods or payment.payment_methods),
        customer=payment.customer,
        payment_token=token,
        expires_at=operation.expires_at,
    )
