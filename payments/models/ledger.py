"""Posting: an amount that moved from one account to another. Account: where money can be.

An account is a value, not a row: its name, and the provider, merchant and currency of the posting.
So nothing has to be looked up or locked in order to post, and both sides of a posting are of one
currency because it has only one.
"""

from functools import reduce
from operator import or_

from django.db import models
from django.db.models import Q
from django.utils import timezone

from payments.money import Money


class Account(models.TextChoices):
    """Where money can be. All of it comes from payers; of the rest none can hold what they lack."""

    PAYER = "payer"
    RESERVED = "reserved"
    PROVIDER = "provider"
    REFUNDS = "refunds"
    DISPUTES = "disputes"
    FEES = "fees"


class PostingKind(models.TextChoices):
    """Which settled outcome a posting is of."""

    AUTHORIZED = "authorized"
    RELEASED = "released"
    CAPTURED = "captured"
    FEE = "fee"
    REFUNDED = "refunded"
    REFUND_RETURNED = "refund_returned"
    CHARGED_BACK = "charged_back"
    WON_BACK = "won_back"


# Each kind moves money along one way: from, to.
WAYS: dict[PostingKind, tuple[Account, Account]] = {
    PostingKind.AUTHORIZED: (Account.PAYER, Account.RESERVED),
    PostingKind.RELEASED: (Account.RESERVED, Account.PAYER),
    PostingKind.CAPTURED: (Account.PAYER, Account.PROVIDER),
    PostingKind.FEE: (Account.PROVIDER, Account.FEES),
    PostingKind.REFUNDED: (Account.PROVIDER, Account.REFUNDS),
    PostingKind.REFUND_RETURNED: (Account.REFUNDS, Account.PROVIDER),
    PostingKind.CHARGED_BACK: (Account.PROVIDER, Account.DISPUTES),
    PostingKind.WON_BACK: (Account.DISPUTES, Account.PROVIDER),
}


def _goes_its_way() -> Q:
    """The accounts are those of the kind: known, and never the same."""
    ways = WAYS.items()
    return reduce(or_, (Q(kind=kind, from_account=a, to_account=b) for kind, (a, b) in ways))


class Posting(models.Model):
    """One move of money, written in the commit of the outcome that it is of, and never again.

    Amount is in minor units of `currency`. `turn` tells the same outcome of the same operation
    apart where it comes again: a refund that failed later, a dispute that was won.
    """

    id = models.BigAutoField(primary_key=True)
    payment = models.ForeignKey(
        "payments.Payment", models.PROTECT, related_name="postings", db_index=False
    )
    operation = models.ForeignKey(
        "payments.GatewayOperation", models.PROTECT, related_name="postings"
    )
    kind = models.CharField(max_length=16, choices=PostingKind)
    turn = models.PositiveSmallIntegerField(default=1)
    from_account = models.CharField(max_length=8, choices=Account)
    to_account = models.CharField(max_length=8, choices=Account)
    provider = models.CharField(max_length=20)
    owner_id = models.UUIDField(null=True)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    posted_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        constraints = [
            # It finds the postings of a payment, too.
            models.UniqueConstraint(
                fields=["payment", "operation", "kind", "turn"], name="posted_once"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="posting_amount_is_positive"),
            models.CheckConstraint(condition=_goes_its_way(), name="posting_goes_its_way"),
        ]
        # Balances are summed from this index alone.
        indexes = [
            models.Index(
                fields=[
                    "owner_id", "provider", "currency", "from_account", "to_account", "amount",
                ],
                name="posting_balances",
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.kind} {self.money}: {self.from_account} → {self.to_account}"

    @property
    def money(self) -> Money:
        """What moved."""
        return Money(self.amount, self.currency)
