"""IdempotencyKey: a caller's name for a request, so that repeating it is harmless."""

from django.db import models
from django.utils import timezone
from uuid_utils.compat import uuid7

from payments.crypto.fields import SealedJSONField
from payments.errors import RequestTakenOver


class IdempotencyKey(models.Model):
    """One named request. Its row learns the payment in the commit that creates the payment."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    caller = models.CharField(max_length=64)
    method = models.CharField(max_length=8)
    path = models.CharField(max_length=255)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    locked_until = models.DateTimeField(null=True)
    lock_token = models.UUIDField(default=uuid7)
    payment = models.ForeignKey("payments.Payment", models.CASCADE, null=True, related_name="+")
    operation = models.ForeignKey(
        "payments.GatewayOperation", models.CASCADE, null=True, related_name="+"
    )
    status_code = models.PositiveSmallIntegerField(null=True)
    answer = SealedJSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    # Of this request only: it answers for work that an earlier one began.
    is_resumed = False

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["caller", "method", "path", "key"], name="one_row_per_named_request"
            )
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path} as {self.key}"

    def remember(self, payment_id: object) -> None:
        """Tie this request to the payment it makes; called inside that payment's transaction.

        Raises RequestTakenOver, so that the payment is rolled back, where this request was
        slower than its lock and a repeat has gone on in its place.
        """
        self._remember(payment_id=payment_id)

    def remember_operation(self, operation_id: object) -> None:
        """The same for a capture, a void or a refund."""
        self._remember(operation_id=operation_id)

    def let_go(self) -> None:
        """Forget an operation that came to nothing, so that a repeat may begin another."""
        mine = IdempotencyKey.objects.filter(pk=self.pk, lock_token=self.lock_token)
        mine.update(operation_id=None)
        self.operation = None

    def _remember(self, **made: object) -> None:
        mine = IdempotencyKey.objects.filter(pk=self.pk, lock_token=self.lock_token)
        if not mine.filter(payment__isnull=True, operation__isnull=True).update(**made):
            raise RequestTakenOver("A repeat of this request went on in its place; ask again.")
