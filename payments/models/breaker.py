"""BreakerControl: an operator's word on one breaker. GatewayCall: one attempt at a provider."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from uuid_utils.compat import uuid7

from payments.resilience.controls import Control, Mode


class BreakerControl(models.Model):
    """What operators want of a breaker; every process obeys it within two seconds.

    `version` grows with every change, `epoch` with every reset.
    """

    name = models.CharField(max_length=64, primary_key=True)
    mode = models.CharField(
        max_length=12, choices=[(m.value, m.value) for m in Mode], default=Mode.AUTO
    )
    epoch = models.PositiveIntegerField(default=0)
    version = models.PositiveIntegerField(default=0)
    until = models.DateTimeField(null=True, blank=True)
    actor = models.CharField(max_length=150, blank=True)
    reason = models.CharField(max_length=255, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "circuit breaker"
        constraints = [
            models.CheckConstraint(
                condition=Q(mode__in=[m.value for m in Mode]), name="breaker_mode_is_known"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def as_control(self) -> Control:
        """The same for the machinery, which knows no rows."""
        return Control(Mode(self.mode), self.epoch, self.version, self.until)


class GatewayCall(models.Model):
    """One attempt at a provider, or one that its breaker refused.

    Written with the settlement of what it brought, and kept for a while: what breakers would
    have done under other settings is told from these rows.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    operation = models.ForeignKey(
        "payments.GatewayOperation", models.CASCADE, null=True, related_name="calls"
    )
    breaker = models.CharField(max_length=64)
    started_at = models.DateTimeField()
    duration = models.DurationField()
    outcome = models.CharField(max_length=12)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering = ["started_at"]
        indexes = [
            models.Index(fields=["breaker", "started_at"], name="call_by_breaker"),
            models.Index(fields=["started_at"], name="call_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.breaker}: {self.outcome}"
