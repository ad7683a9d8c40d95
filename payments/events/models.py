"""StoredEvent: a fact, never edited. Stream: a history's tip. Delivery: who must hear of it."""

import json
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Q
from django.utils import timezone
from uuid_utils.compat import uuid7

# Generic for the type checker only: Django's own fields take no parameters.
if TYPE_CHECKING:
    _TextField = models.TextField[Any, Any]
else:
    _TextField = models.TextField


class CanonicalJSONField(_TextField):
    """JSON kept as one exact text, since a hash is taken over it (jsonb reorders and rewrites)."""

    _pyi_private_set_type: Any
    _pyi_private_get_type: Any

    def get_prep_value(self, value: Any) -> str:
        return canonical_text(value)

    def from_db_value(self, value: str, expression: object, connection: object) -> Any:
        return json.loads(value)


def canonical_text(value: Any) -> str:
    """The one spelling of a JSON value: sorted keys, no blanks, no floats that could drift."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


class Priority(models.TextChoices):
    """How loudly an event should be heard."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


# The most urgent first.
URGENCY = {name: place for place, name in enumerate(reversed(Priority))}


class Stream(models.Model):
    """The tip of one aggregate's history; locked while an event is appended."""

    aggregate_type = models.CharField(max_length=32)
    aggregate_id = models.CharField(max_length=64)
    sequence = models.PositiveBigIntegerField(default=0)
    last_hash = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        app_label = "payments"
        constraints = [
            models.UniqueConstraint(
                fields=["aggregate_type", "aggregate_id"], name="one_stream_per_aggregate"
            )
        ]

    def __str__(self) -> str:
        return f"{self.aggregate_type} {self.aggregate_id} at {self.sequence}"


class StoredEvent(models.Model):
    """One event in its envelope. Written once by `events.store.record`, then only read."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    aggregate_type = models.CharField(max_length=32)
    aggregate_id = models.CharField(max_length=64)
    sequence = models.PositiveBigIntegerField()
    type = models.CharField(max_length=64)
    version = models.PositiveSmallIntegerField(default=1)
    priority = models.CharField(max_length=8, choices=Priority, default=Priority.MEDIUM)
    timestamp = models.DateTimeField()
    correlation_id = models.CharField(max_length=64, blank=True)
    causation_id = models.CharField(max_length=64, blank=True)
    data = CanonicalJSONField()
    metadata = CanonicalJSONField()
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)

    class Meta:
        app_label = "payments"
        ordering = ["aggregate_type", "aggregate_id", "sequence"]
        constraints = [
            models.UniqueConstraint(
                fields=["aggregate_type", "aggregate_id", "sequence"], name="event_sequence"
            )
        ]
        indexes = [
            models.Index(fields=["type", "timestamp"], name="event_by_type"),
            models.Index(fields=["correlation_id"], name="event_by_conversation"),
        ]

    def __str__(self) -> str:
        return f"{self.type} #{self.sequence} of {self.aggregate_id}"


class Delivery(models.Model):
    """One event for one durable receiver, written in the event's own commit: the outbox.

    `next_try_at` is when somebody should take it (again): the end of its holder's lease while it
    is leased, null once it has ended. `attempts` counts takes, so that what kills its takers comes
    to an end as well. A replay has a `replay_id` and deliveries of its own.
    """

    class Status(models.TextChoices):
        """How far it is. Dead was tried in vain; parked cannot be understood here."""

        READY = "ready"
        LEASED = "leased"
        DONE = "done"
        DEAD = "dead"
        PARKED = "parked"

    event = models.ForeignKey(
        StoredEvent, models.PROTECT, related_name="deliveries", db_index=False
    )
    handler = models.CharField(max_length=80)
    aggregate_id = models.CharField(max_length=64)
    sequence = models.PositiveBigIntegerField()
    urgency = models.PositiveSmallIntegerField(default=URGENCY[Priority.MEDIUM])
    replay_id = models.CharField(max_length=32, blank=True, default="")
    status = models.CharField(max_length=8, choices=Status, default=Status.READY)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, blank=True, default=timezone.now)
    lease_token = models.UUIDField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "payments"
        verbose_name_plural = "deliveries"
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["event", "handler", "replay_id"], name="one_delivery_per_receiver"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["ready", "leased"], next_try_at__isnull=False)
                | Q(status__in=["done", "dead", "parked"], next_try_at__isnull=True),
                name="what_has_not_ended_is_due_once",
            ),
            models.CheckConstraint(
                condition=Q(status="leased", lease_token__isnull=False)
                | (~Q(status="leased") & Q(lease_token__isnull=True)),
                name="who_leases_has_a_token",
            ),
        ]
        indexes = [
            models.Index(
                fields=["urgency", "next_try_at"],
                condition=Q(next_try_at__isnull=False),
                name="delivery_due",
            ),
            models.Index(
                fields=["handler", "aggregate_id", "sequence"],
                condition=Q(next_try_at__isnull=False),
                name="delivery_in_order",
            ),
            models.Index(fields=["status", "ended_at"], name="delivery_by_status"),
        ]

    def __str__(self) -> str:
        return f"{self.handler}, {self.event_id}: {self.status}"
