"""StoredEvent: a fact about our records, never edited. Stream: where each history stands."""

import json
from typing import TYPE_CHECKING, Any

from django.db import models
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
