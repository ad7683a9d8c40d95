"""Read models kept from events: each can be made anew from the history alone."""

from django.db import models

from payments.models.contract import Contract
from payments.money import Money


class PaymentStanding(models.Model):
    """What statistics have counted of one payment, and up to which of its events they have heard.

    Amounts are minor units of `currency`. `day` is the day on which it was created, in UTC.
    `subject` is whose payment it is: the id of the customer's key, which means nothing without it.
    """

    class Standing(models.TextChoices):
        """Where a payment counts. What was paid stays successful, refunded or not."""

        PENDING = "pending"
        SUCCESSFUL = "successful"
        FAILED = "failed"

    payment_id = models.UUIDField(primary_key=True)
    sequence = models.PositiveBigIntegerField()
    owner = models.CharField(max_length=36, blank=True)
    day = models.DateField()
    currency = models.CharField(max_length=3)
    provider = models.CharField(max_length=20, blank=True)
    standing = models.CharField(max_length=10, choices=Standing)
    amount = models.BigIntegerField(default=0)
    refunded = models.BigIntegerField(default=0)
    subject = models.CharField(max_length=36, blank=True, default="")
    milliseconds = models.PositiveBigIntegerField(null=True)

    class Meta:
        app_label = "payments"
        indexes = [
            models.Index(fields=["owner", "day", "currency", "provider"], name="standing_by_cell"),
            models.Index(
                fields=["subject", "day"],
                condition=~models.Q(subject=""),
                name="standing_by_customer",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.payment_id}: {self.standing}"


class DailyFigures(models.Model):
    """One owner's payments of one day, currency and provider, counted.

    `durations` has how many took how long: by the number of a bucket, each a tenth wider than
    the one before it, so that percentiles are true to a twentieth and days can be added up.
    """

    owner = models.CharField(max_length=36, blank=True)
    day = models.DateField()
    currency = models.CharField(max_length=3)
    provider = models.CharField(max_length=20, blank=True)
    pending = models.BigIntegerField(default=0)
    successful = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    amount = models.BigIntegerField(default=0)
    milliseconds = models.BigIntegerField(default=0)
    durations = models.JSONField(default=dict)

    class Meta:
        app_label = "payments"
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "day", "currency", "provider"], name="one_row_of_figures"
            )
        ]
        indexes = [models.Index(fields=["day"], name="figures_by_day")]

    def __str__(self) -> str:
        return f"{self.day} {self.currency} {self.provider}"


class ContractBalance(models.Model):
    """What fell due of one contract and what was paid, up to which of its events.

    Amounts are minor units of `currency`.
    """

    contract = models.OneToOneField(
        Contract,
        models.DO_NOTHING,
        primary_key=True,
        db_constraint=False,  # made from events alone
        related_name="balance",
    )
    sequence = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3)
    due = models.BigIntegerField(default=0)
    paid = models.BigIntegerField(default=0)

    class Meta:
        app_label = "payments"

    def __str__(self) -> str:
        return f"{self.contract_id}: {self.money}"

    @property
    def money(self) -> Money:
        """What has fallen due and is not paid; below zero where more was paid."""
        return Money(self.due - self.paid, self.currency)
