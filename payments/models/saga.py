"""SagaRun and SagaStep: several effects under one promise, and how far it is kept."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from uuid_utils.compat import uuid4, uuid7

from payments.models.payment import Payment


class SagaRun(models.Model):
    """One promise. It runs to its end on the definition that it began with.

    `next_try_at` is when somebody should take it (again): the end of its holder's lease while
    somebody is at it, null once it has ended or a person has to look (`stuck`, see `reason`).
    """

    class State(models.TextChoices):
        """Forward, waiting for something outside, backward, or over."""

        RUNNING = "running"
        WAITING = "waiting"
        COMPENSATING = "compensating"
        COMPLETED = "completed"
        COMPENSATED = "compensated"
        STUCK = "stuck"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    type = models.CharField(max_length=40)
    definition_version = models.PositiveSmallIntegerField()
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="sagas")
    state = models.CharField(max_length=12, choices=State, default=State.RUNNING)
    current_step = models.PositiveSmallIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)
    reason = models.CharField(max_length=500, blank=True)
    is_cancelled = models.BooleanField(default=False)
    deadline = models.DateTimeField()
    next_try_at = models.DateTimeField(null=True, blank=True, default=timezone.now)
    lease_token = models.UUIDField(null=True, blank=True)
    correlation_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "payments"
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["type", "payment"], name="one_saga_of_a_type"),
            models.CheckConstraint(
                condition=Q(state__in=["running", "waiting", "compensating"])
                ^ Q(next_try_at__isnull=True),
                name="what_goes_on_is_due_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"], condition=Q(next_try_at__isnull=False), name="saga_due"
            ),
            models.Index(fields=["state", "-created_at"], name="saga_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.type} of {self.payment_id}: {self.state}"


class SagaStep(models.Model):
    """One effect of a saga. `key` is its idempotency key, the same over all tries."""

    class State(models.TextChoices):
        """`started` is written before anything is done: found so after a crash, it is unknown."""

        PENDING = "pending"
        STARTED = "started"
        WAITING = "waiting"
        UNKNOWN = "unknown"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        COMPENSATING = "compensating"
        COMPENSATED = "compensated"
        COMPENSATION_FAILED = "compensation_failed"

    saga = models.ForeignKey(SagaRun, models.PROTECT, related_name="steps", db_index=False)
    index = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=40)
    state = models.CharField(max_length=20, choices=State, default=State.PENDING)
    attempt = models.PositiveSmallIntegerField(default=0)
    key = models.UUIDField(default=uuid4, editable=False)
    output = models.JSONField(default=dict, blank=True)
    error = models.CharField(max_length=500, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "payments"
        ordering = ["saga", "index"]
        constraints = [
            models.UniqueConstraint(fields=["saga", "index"], name="one_step_of_an_index")
        ]

    def __str__(self) -> str:
        return f"{self.index + 1}. {self.name}: {self.state}"
