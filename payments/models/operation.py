"""GatewayOperation: one intended effect at one gateway, written down before it is attempted."""

from collections.abc import Collection
from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.utils import timezone
from uuid_utils.compat import uuid7

from payments import rows
from payments.crypto.fields import SealedJSONField
from payments.money import Money
from payments.statuses import OPEN_OUTCOMES, OperationKind, Outcome

_OPEN = Q(outcome__isnull=True) | Q(outcome__in=sorted(OPEN_OUTCOMES))
_TAKES_MONEY = Q(kind__in=[OperationKind.CHARGE, OperationKind.AUTHORIZE])

# Kept for later orders, and not unique to an operation.
_NO_NAMES = frozenset({"intent"})
_ENDS_A_HOLD = Q(kind__in=[OperationKind.CAPTURE, OperationKind.VOID])


class GatewayOperation(models.Model):
    """An attempt. Its id is our key at the gateway, the same over all tries.

    `parent` is the operation whose money a capture, void or refund is about; `ids` are the
    gateway's further names for this one. No `outcome` means interrupted: recovery's business.
    `may_have_left` is false once we know that no byte of it left: only then may another gateway
    be tried. `next_check_at` says when to ask next; null means there is nothing left to ask.
    Amount is in minor units of `currency`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    payment = models.ForeignKey("payments.Payment", models.PROTECT, related_name="operations")
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="follow_ups"
    )
    kind = models.CharField(max_length=12, choices=[(k.value, k.value) for k in OperationKind])
    provider = models.CharField(max_length=20)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    outcome = models.CharField(  # noqa: DJ001 - null is no outcome at all: interrupted
        max_length=16, null=True, blank=True, choices=[(o.value, o.value) for o in Outcome]
    )
    gateway_reference = models.CharField(max_length=128, blank=True)
    ids = models.JSONField(default=dict, blank=True)
    redirect_url = models.URLField(max_length=2000, blank=True)
    failure_code = models.CharField(max_length=40, blank=True)
    failure_message = models.CharField(max_length=255, blank=True)
    routing_reason = models.CharField(max_length=255, blank=True)
    may_have_left = models.BooleanField(default=True)
    is_orphan = models.BooleanField(default=False)
    exchange = SealedJSONField(null=True)
    started_at = models.DateTimeField(default=timezone.now)
    deadline_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    next_check_at = models.DateTimeField(null=True, blank=True)
    checks = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["started_at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="operation_amount_is_positive"),
            models.CheckConstraint(
                condition=Q(outcome__isnull=True) | Q(outcome__in=[o.value for o in Outcome]),
                name="operation_outcome_is_known",
            ),
            # An open operation is a lease on its payment.
            models.UniqueConstraint(
                fields=["payment"], condition=_OPEN & _TAKES_MONEY, name="one_open_charge"
            ),
            models.UniqueConstraint(
                fields=["payment"],
                condition=_OPEN & _ENDS_A_HOLD & Q(is_orphan=False),
                name="one_open_capture_or_void",
            ),
            # However the news arrives, a payment is paid once; the rest are orphans.
            models.UniqueConstraint(
                fields=["payment"],
                condition=Q(outcome=Outcome.SUCCEEDED, is_orphan=False) & _TAKES_MONEY,
                name="one_successful_charge",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_check_at"],
                condition=Q(next_check_at__isnull=False),
                name="operation_due",
            ),
            models.Index(
                fields=["started_at"], condition=Q(is_orphan=True), name="operation_orphan"
            ),
            models.Index(fields=["provider", "gateway_reference"], name="operation_by_reference"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} at {self.provider}: {self.outcome or 'no answer yet'}"

    def remember_names(self, known: Collection[str] = ()) -> None:
        """Let news find this operation by any name that its gateway has for it."""
        for name in sorted(self.names_given() - set(known)):
            named = GatewayName(operation=self, provider=self.provider, name=name)
            rows.insert(named, may_exist=True)

    def names_given(self) -> set[str]:
        """What its gateway calls it, as far as we were told."""
        ids = {value for name, value in self.ids.items() if name not in _NO_NAMES}
        return {self.gateway_reference, *ids} - {""}

    @property
    def key(self) -> str:
        """Our name for this operation at the gateway."""
        return self.id.hex

    @property
    def money(self) -> Money:
        """What the gateway is asked to move."""
        return Money(self.amount, self.currency)

    def is_follow_up(self) -> bool:
        """Whether it acts on what another operation took or reserved."""
        return self.kind not in (OperationKind.CHARGE, OperationKind.AUTHORIZE)

    def frees_a_rest(self) -> bool:
        """Whether it voids what a capture left of a reservation."""
        parent = self.parent if self.kind == OperationKind.VOID else None
        return parent is not None and parent.kind == OperationKind.CAPTURE

    def rest(self) -> Money | None:
        """What this capture left of its reservation; None where that is nothing."""
        if self.kind != OperationKind.CAPTURE or self.outcome != Outcome.SUCCEEDED:
            return None
        whole = self.parent.money if self.parent else self.money
        return whole - self.money if self.money < whole else None

    def is_open(self) -> bool:
        """Whether news of it is still awaited."""
        return self.outcome is None or self.outcome in OPEN_OUTCOMES

    def is_declined(self) -> bool:
        """Whether its gateway has said no, for good."""
        return self.outcome == Outcome.DECLINED

    def may_still_be_paid(self) -> bool:
        """Whether money may yet move there, for all we know: until then nobody else is asked."""
        return self.may_have_left and not self.is_declined()

    def never_left(self) -> bool:
        """Whether it certainly reached nobody. Its `next_check_at` says when it is sent again."""
        return self.outcome == Outcome.NOT_SENT and not self.may_have_left

    def time_left(self, grace: timedelta) -> timedelta:
        """How long its call may still take, so that it ends `grace` before the deadline."""
        return self.deadline_at - grace - timezone.now()

    def may_be_retried_by_payer(self) -> bool:
        """A card was declined, and the page is still open for another."""
        return self.outcome == Outcome.PENDING and bool(self.failure_code and self.redirect_url)

    def is_overdue(self) -> bool:
        """Whether its call must have ended by now, so that silence means it was interrupted."""
        return timezone.now() >= self.deadline_at


class GatewayName(models.Model):
    """One of the names that a gateway has for an operation: a session, an intent, a charge."""

    operation = models.ForeignKey(GatewayOperation, models.CASCADE, related_name="names")
    provider = models.CharField(max_length=20)
    name = models.CharField(max_length=255)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "name", "operation"], name="one_row_per_gateway_name"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} at {self.provider}"
