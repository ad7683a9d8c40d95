"""One factory a model: rows that the tables' constraints accept, and whatever a test wants else.

`PaymentFactory.create(status="completed")` is captured in full, as the database demands it.
"""

from datetime import timedelta
from typing import Any

import factory
from django.contrib.auth.models import User
from django.utils import timezone
from factory.django import DjangoModelFactory

from payments.models import (
    ApiKey,
    Discrepancy,
    GatewayCall,
    GatewayOperation,
    Payment,
    SubjectKey,
)
from payments.models.access import SCOPES, digest_of
from payments.statuses import Contradiction, OperationKind, Outcome, PaymentStatus
from webhooks.models import PaymentWebhookEvent

_PAID = ("completed", "partially_refunded", "refunded", "charged_back")


class ApiKeyFactory(DjangoModelFactory[ApiKey]):
    """A key for a merchant. Its text is `bk_<prefix>_<secret>`, see `bearer_of`."""

    class Meta:
        model = ApiKey

    class Params:
        secret = "a-secret-of-the-tests"

    name = factory.Sequence(lambda n: f"merchant {n}")
    prefix = factory.Sequence(lambda n: f"{n:012x}")
    digest = factory.LazyAttribute(lambda key: digest_of(key.secret))
    scopes = factory.LazyFunction(lambda: list(SCOPES[:3]))
    owner_id = factory.SelfAttribute("id")
    id = factory.LazyFunction(lambda: ApiKey().id)


def bearer_of(key: ApiKey, secret: str = "a-secret-of-the-tests") -> dict[str, str]:
    """The header with which the holder of a factory's key calls."""
    return {"Authorization": f"Bearer bk_{key.prefix}_{secret}"}


class SubjectKeyFactory(DjangoModelFactory[SubjectKey]):
    """One customer's key."""

    class Meta:
        model = SubjectKey


class PaymentFactory(DjangoModelFactory[Payment]):
    """A payment of 125.50 AED. `customer={…}` is sealed as the service seals it."""

    class Meta:
        model = Payment

    reference = factory.Sequence(lambda n: f"order-{n}")
    status: Any = PaymentStatus.CREATED
    amount = 12550
    currency = "AED"
    amount_authorized = factory.LazyAttribute(
        lambda payment: payment.amount if payment.status == "authorized" else 0
    )
    amount_captured = factory.LazyAttribute(
        lambda payment: payment.amount if payment.status in _PAID else 0
    )
    amount_refunded = factory.LazyAttribute(
        lambda payment: {"refunded": payment.amount, "partially_refunded": 100}.get(
            payment.status, 0
        )
    )
    completed_at = factory.LazyAttribute(
        lambda payment: timezone.now() if payment.status in _PAID else None
    )
    provider = "paytabs"
    subject = factory.SubFactory(SubjectKeyFactory)
    customer = factory.LazyFunction(
        lambda: {"id": "c-1", "name": "Amal Haddad", "email": "amal@example.com", "phone": ""}
    )


class GatewayOperationFactory(DjangoModelFactory[GatewayOperation]):
    """A charge whose page waits for its payer; `current=True` makes it its payment's own."""

    class Meta:
        model = GatewayOperation
        skip_postgeneration_save = True

    payment = factory.SubFactory(PaymentFactory)
    kind = OperationKind.CHARGE
    provider = factory.SelfAttribute("payment.provider")
    amount = factory.SelfAttribute("payment.amount")
    currency = factory.SelfAttribute("payment.currency")
    outcome: Any = Outcome.ACTION_REQUIRED
    gateway_reference = factory.Sequence(lambda n: f"TST{n:013}")
    started_at = factory.LazyFunction(timezone.now)
    deadline_at = factory.LazyAttribute(lambda made: made.started_at + timedelta(seconds=35))
    expires_at = factory.LazyAttribute(lambda made: made.started_at + timedelta(minutes=30))

    @factory.post_generation
    def current(self, create: Any, extracted: Any, **kwargs: Any) -> None:
        if create and extracted:
            Payment.objects.filter(pk=self.payment_id).update(current_operation=self)
            self.payment.current_operation = self


class GatewayCallFactory(DjangoModelFactory[GatewayCall]):
    """A charge that was answered within a fifth of a second."""

    class Meta:
        model = GatewayCall

    operation = factory.SubFactory(GatewayOperationFactory)
    breaker = "paytabs-create-page"
    started_at = factory.LazyFunction(timezone.now)
    duration = timedelta(milliseconds=200)
    outcome: Any = "success"


class DiscrepancyFactory(DjangoModelFactory[Discrepancy]):
    """A success of another amount than was asked for."""

    class Meta:
        model = Discrepancy

    operation = factory.SubFactory(GatewayOperationFactory)
    payment = factory.SelfAttribute("operation.payment")
    kind = Contradiction.AMOUNT_DIFFERS
    expected = "125.50 AED"
    heard = factory.Sequence(lambda n: f"{n}.00 AED")
    source = "webhook"


class PaymentWebhookEventFactory(DjangoModelFactory[PaymentWebhookEvent]):
    """A notification that was applied."""

    class Meta:
        model = PaymentWebhookEvent

    provider = "paytabs"
    event_id = factory.Sequence(lambda n: f"event-{n}")
    type = "sale"
    status: Any = PaymentWebhookEvent.Status.COMPLETED
    body = b'{"tran_ref": "TST0000000000001"}'


class OperatorFactory(DjangoModelFactory[User]):
    """Somebody who may open the console and do everything there."""

    class Meta:
        model = User

    username = factory.Sequence(lambda n: f"operator{n}")
    is_staff = True
    is_superuser = True
