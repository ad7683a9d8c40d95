"""Contract, Invoice, Earning: what payments are for, for those who have contracts."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from uuid_utils.compat import uuid7

from payments.models.payment import Payment
from payments.money import Money

ALL_SHARES = 10_000


class Contract(models.Model):
    """What a client owes, and when; payments name it by its reference.

    `amount` is minor units of `currency`, owed each time that it falls due. `client` and the
    employees are the merchant's own names for them, never a person's.
    """

    class Schedule(models.TextChoices):
        """How often it falls due."""

        ONCE = "once"
        WEEKLY = "weekly"
        MONTHLY = "monthly"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner_id = models.UUIDField()
    reference = models.CharField(max_length=100)
    client = models.CharField(max_length=100, blank=True)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    schedule = models.CharField(max_length=8, choices=Schedule, default=Schedule.ONCE)
    starts_on = models.DateField()
    next_due_on = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        app_label = "payments"
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["owner_id", "reference"], name="one_contract_a_name"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="contract_amount_is_positive"),
        ]
        indexes = [
            models.Index(
                fields=["next_due_on"],
                condition=Q(next_due_on__isnull=False),
                name="contract_falls_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.reference}: {self.money}"

    @property
    def money(self) -> Money:
        """What is owed each time."""
        return Money(self.amount, self.currency)


class Employee(models.Model):
    """Who earns by a contract, and how much of it: `share` in hundredths of a per cent."""

    contract = models.ForeignKey(Contract, models.PROTECT, related_name="employees", db_index=False)
    reference = models.CharField(max_length=100)
    share = models.PositiveIntegerField()

    class Meta:
        app_label = "payments"
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["contract", "reference"], name="one_share_each"),
            models.CheckConstraint(
                condition=Q(share__gt=0, share__lte=ALL_SHARES), name="share_is_a_part"
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class Invoice(models.Model):
    """One time that a contract fell due; `payment` is what paid it, or is to: see `paid_at`.

    One without `due_on` was paid apart: an amount that never fell due like this.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    contract = models.ForeignKey(Contract, models.PROTECT, related_name="invoices", db_index=False)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    due_on = models.DateField(null=True, blank=True)
    payment = models.OneToOneField(
        Payment, models.PROTECT, null=True, blank=True, related_name="invoice"
    )
    paid_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "payments"
        ordering = ["due_on"]
        constraints = [
            models.UniqueConstraint(fields=["contract", "due_on"], name="one_invoice_a_time"),
            models.CheckConstraint(
                condition=Q(paid_at__isnull=True) | Q(payment__isnull=False),
                name="paid_means_by_a_payment",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contract} due {self.due_on or 'apart'}"


class Earning(models.Model):
    """What one employee earned by one payment, in minor units."""

    employee = models.ForeignKey(Employee, models.PROTECT, related_name="earnings", db_index=False)
    contract = models.ForeignKey(Contract, models.PROTECT, related_name="earnings", db_index=False)
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="earnings")
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    earned_at = models.DateTimeField(default=timezone.now)

    class Meta:
        app_label = "payments"
        ordering = ["-earned_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["employee", "payment"], name="one_earning_a_payment")
        ]
        indexes = [models.Index(fields=["contract", "-earned_at"], name="earning_by_contract")]

    def __str__(self) -> str:
        return f"{self.employee}: {self.amount} {self.currency}"
