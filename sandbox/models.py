"""What the companies know: payments, the transactions they are made of, notices, dials."""

from typing import ClassVar, Self

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone

from sandbox.money import in_major_units


class ActRefused(Exception):
    """What was wanted cannot be done to this payment."""


class Payment(models.Model):
    """One payment page or charge, and what became of its money."""

    class Status(models.TextChoices):
        PENDING = "pending"
        AUTHORIZED = "authorized"
        CAPTURED = "captured"
        FAILED = "failed"
        CANCELLED = "cancelled"
        PARTIALLY_REFUNDED = "partially_refunded"
        REFUNDED = "refunded"

    company = models.CharField(max_length=20)
    transaction_ref = models.CharField(max_length=64)
    reference = models.CharField(max_length=64, db_index=True)
    description = models.CharField(max_length=128, blank=True)
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField()
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.PENDING)
    captured = models.BigIntegerField(default=0)
    released = models.BigIntegerField(default=0)
    refunded = models.BigIntegerField(default=0)
    # The unguessable part of the hosted page's address.
    page_token = models.CharField(max_length=64, unique=True)
    page_url = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("company", "transaction_ref"), name="one_payment_a_reference"
            ),
        )

    def __str__(self) -> str:
        return self.transaction_ref

    @classmethod
    def still_pending(cls, pk: int) -> Self:
        """The payment, ours alone until the transaction ends, if nobody has ended it yet.

        SQLite lets one writer in at a time, so there is no row to lock.
        """
        payment = cls.objects.get(pk=pk)
        if payment.status != cls.Status.PENDING:
            raise ActRefused(f"the payment is {payment.status} already")
        return payment

    @property
    def held(self) -> int:
        """What is still reserved of an authorisation: neither taken nor given back."""
        return self.amount - self.captured - self.released

    @property
    def display_amount(self) -> str:
        return in_major_units(self.amount, self.currency)

    def truth(self) -> dict[str, str]:
        return {
            "transaction_ref": self.transaction_ref,
            "reference": self.reference,
            "amount": self.display_amount,
            "currency": self.currency,
            "status": self.status,
            "captured": in_major_units(self.captured, self.currency),
            "released": in_major_units(self.released, self.currency),
            "refunded": in_major_units(self.refunded, self.currency),
        }


class Transaction(models.Model):
    """One transaction: the payment itself, or a capture, void, release or refund of it."""

    payment = models.ForeignKey(Payment, models.CASCADE, related_name="transactions")
    ref = models.CharField(max_length=64, unique=True)
    parent = models.ForeignKey("self", models.CASCADE, null=True)
    kind = models.CharField(max_length=20)
    amount = models.BigIntegerField()
    reference = models.CharField(max_length=64, db_index=True)
    # As it was asked, and as it ended; nothing yet while its page is open.
    request = models.JSONField(encoder=DjangoJSONEncoder)
    result = models.JSONField(null=True)
    fingerprint = models.CharField(max_length=64, db_index=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.kind} {self.ref}"


class Notice(models.Model):
    """One delivery of one notification, and how far it got."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        DELIVERED = "delivered"
        FAILED = "failed"
        DROPPED = "dropped"  # lost on its way, by the dice
        DISABLED = "disabled"  # came up while notifications were off

    company = models.CharField(max_length=20)
    transaction_ref = models.CharField(max_length=64)
    channel = models.CharField(max_length=20)
    url = models.TextField()
    headers = models.JSONField()
    body = models.TextField()
    forged = models.BooleanField(default=False)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    # Seconds to wait before each try that is left, should the last one fail.
    retry_delays = models.JSONField(default=list)
    due_at = models.DateTimeField()
    last_answer = models.CharField(max_length=200, blank=True)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        indexes = (models.Index(fields=("status", "due_at"), name="notices_due"),)

    def __str__(self) -> str:
        return f"{self.channel} of {self.transaction_ref} to {self.url}"


class Dials(models.Model):
    """How badly one company behaves at present."""

    class Mode(models.TextChoices):
        UP = "up"
        DOWN = "down"
        ERROR = "error"
        SLOW = "slow"
        FLAKY = "flaky"
        TIMEOUT_AFTER_COMMIT = "timeout_after_commit"

    company = models.CharField(max_length=20, primary_key=True)
    mode = models.CharField(max_length=20, choices=Mode.choices, default=Mode.UP)
    # Only `slow` and `flaky` look at these two, so they may be ready for use.
    latency_ms = models.PositiveIntegerField(default=2000)
    error_rate = models.FloatField(default=0.5)
    seed = models.BigIntegerField(null=True)
    webhooks_enabled = models.BooleanField(default=True)
    delay_ms = models.PositiveIntegerField(default=0)
    duplicates = models.PositiveIntegerField(default=0)
    shuffle = models.BooleanField(default=False)
    drop_rate = models.FloatField(default=0.0)
    forge_rate = models.FloatField(default=0.0)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.company}: {self.mode}"

    @classmethod
    def of(cls, company: str) -> Self:
        return cls.objects.filter(company=company).first() or cls(company=company)
