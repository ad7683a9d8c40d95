"""Payment: the merchant's wish to collect an amount."""

from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from uuid_utils.compat import uuid7

from payments import rows
from payments.events.models import Stream
from payments.models.subject import SubjectKey
from payments.money import Money
from payments.statuses import PAID, Outcome, PaymentStatus

_PROGRESS = (
    "status",
    "version",
    "amount_authorized",
    "amount_captured",
    "amount_refunded",
    "refund_pending",
    "provider",
    "payment_method",
    "failure_code",
    "failure_message",
    "current_operation",
    "updated_at",
    "completed_at",
)


class Payment(models.Model):
    """What is owed, and where the customer's money is.

    Amounts are integers of minor units of `currency`. `status` is written by `lifecycle` alone.
    """

    class Capture(models.TextChoices):
        """Whether money is taken at once, or reserved first."""

        AUTOMATIC = "automatic"
        MANUAL = "manual"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner_id = models.UUIDField(null=True)
    reference = models.CharField(max_length=100, blank=True)
    status = models.CharField(
        max_length=20,
        choices=[(status.value, status.value) for status in PaymentStatus],
        default=PaymentStatus.CREATED,
    )
    version = models.PositiveIntegerField(default=1)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    amount_authorized = models.BigIntegerField(default=0)
    amount_captured = models.BigIntegerField(default=0)
    amount_refunded = models.BigIntegerField(default=0)
    refund_pending = models.BigIntegerField(default=0)
    capture = models.CharField(max_length=9, choices=Capture, default=Capture.AUTOMATIC)
    provider = models.CharField(max_length=20, blank=True)
    provider_is_named = models.BooleanField(default=False)
    payment_method = models.CharField(max_length=40, blank=True)
    is_purchase = models.BooleanField(default=False, db_default=False)
    payment_methods = models.JSONField(default=list, blank=True)
    language = models.CharField(max_length=5, blank=True)
    description = models.CharField(max_length=500, blank=True)
    subject = models.ForeignKey(SubjectKey, models.SET_NULL, null=True, blank=True)
    customer_digest = models.CharField(max_length=64, blank=True)
    customer_sealed = models.BinaryField(null=True)
    contract = models.CharField(max_length=100, blank=True)
    return_url = models.URLField(max_length=2000, blank=True)
    callback_url = models.URLField(max_length=2000, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    failure_code = models.CharField(max_length=40, blank=True)
    failure_message = models.CharField(max_length=255, blank=True)
    current_operation = models.OneToOneField(
        "payments.GatewayOperation", models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    completed_at = models.DateTimeField(null=True, blank=True)
    # The tip of its history, while its lock is held.
    history: Stream | None = None

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="amount_is_positive"),
            models.CheckConstraint(
                condition=Q(amount_refunded__gte=0)
                & Q(refund_pending__gte=0)
                & Q(amount_captured__gte=F("amount_refunded") + F("refund_pending"))
                & Q(amount_captured__lte=F("amount"))
                & Q(amount_authorized__gte=0)
                & Q(amount_authorized__lte=F("amount")),
                name="refunded_within_captured_within_amount",
            ),
            models.CheckConstraint(
                condition=Q(status__in=[status.value for status in PaymentStatus]),
                name="payment_status_is_known",
            ),
            models.CheckConstraint(
                condition=~Q(
                    status__in=[status.value for status in PaymentStatus if status in PAID]
                )
                | Q(amount_captured__gt=0, completed_at__isnull=False),
                name="paid_means_captured",
            ),
        ]
        # Every filter of the list is a prefix here, and each ends in the list's own order.
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="payment_by_time"),
            models.Index(fields=["status", "-created_at", "-id"], name="payment_by_status"),
            models.Index(fields=["owner_id", "-created_at", "-id"], name="payment_own"),
            models.Index(
                fields=["owner_id", "status", "-created_at", "-id"], name="payment_own_by_status"
            ),
            models.Index(
                fields=["owner_id", "provider", "-created_at", "-id"],
                name="payment_own_by_provider",
            ),
            models.Index(
                fields=["owner_id", "currency", "-created_at", "-id"],
                name="payment_own_by_currency",
            ),
            models.Index(fields=["reference", "-created_at"], name="payment_by_reference"),
            models.Index(fields=["customer_digest", "-created_at"], name="payment_by_customer"),
            models.Index(fields=["contract", "-created_at"], name="payment_by_contract"),
            models.Index(fields=["owner_id", "amount"], name="payment_own_by_amount"),
        ]

    def __str__(self) -> str:
        return f"{self.reference or self.id}: {self.money}"

    def has_collected(self) -> bool:
        """Whether money was taken or reserved for it, whatever became of that since."""
        return self.amount_captured > 0 or self.amount_authorized > 0

    def save_progress(self) -> None:
        """Write what happens to a payment; what was wished at its creation never changes."""
        rows.update(self, _PROGRESS)

    @property
    def money(self) -> Money:
        """What is to be collected."""
        return Money(self.amount, self.currency)

    @property
    def customer(self) -> dict[str, Any]:
        """Who pays, or nothing once they were forgotten."""
        if self.subject is None or self.customer_sealed is None:
            return {}
        return self.subject.open(bytes(self.customer_sealed), about=f"payment:{self.pk}")

    @customer.setter
    def customer(self, facts: dict[str, Any]) -> None:
        if self.subject is None:
            raise ValueError("A customer needs a subject key before anything of theirs is kept.")
        self.customer_sealed = self.subject.seal(facts, about=f"payment:{self.pk}")

    @property
    def outcome(self) -> str:
        """What is known of the current operation, in the API's words."""
        operation = self.current_operation
        if operation is None:
            return "none"
        return operation.outcome or (Outcome.UNKNOWN if operation.is_overdue() else Outcome.PENDING)
