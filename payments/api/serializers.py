"""Text becomes Money and plain arguments; payments, events and attempts become JSON."""

import re
from datetime import timedelta
from typing import Any

from django.core.validators import RegexValidator
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from payments.api.card_numbers import refuse_card_number
from payments.events.models import StoredEvent
from payments.models import GatewayOperation, Payment, Refund
from payments.money import Money
from payments.statuses import Outcome, PaymentStatus

_METADATA_NAME = re.compile(r"[\w.-]{1,40}")
_PRINTABLE = RegexValidator(r"\A[\x21-\x7e]+\Z", "Visible ASCII characters only.")
_OUTCOMES = ["none", *(outcome.value for outcome in Outcome)]


@extend_schema_field({"type": "string", "pattern": r"^\d{1,18}(\.\d{1,6})?$", "example": "125.50"})
class AmountField(serializers.Field[Any, str, str, Any]):
    """A decimal string. Numbers are refused: 0.1 + 0.2 has happened to everybody once."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            message = 'Send the amount as a decimal string, such as "125.50".'
            raise serializers.ValidationError(message, code="invalid_amount")
        return data

    def to_representation(self, value: str) -> str:
        return value


class CustomerSerializer(serializers.Serializer[Any]):
    """Who pays; kept under a key of their own, so that they can be forgotten."""

    id = serializers.CharField(max_length=100, required=False, allow_blank=True)
    name = serializers.CharField(max_length=200, required=False, allow_blank=True)
    email = serializers.EmailField(required=False, allow_blank=True)
    phone = serializers.CharField(max_length=40, required=False, allow_blank=True)


class ProcessSerializer(serializers.Serializer[Any]):
    """How to start a payment; `timeout` in milliseconds may only shorten the provider's own.

    `payment_token` is what the provider's own browser library made of a card (`pm_…` at Stripe):
    the payment is then charged at once, without a page.
    """

    payment_methods = serializers.ListField(
        child=serializers.CharField(max_length=40), required=False, max_length=20
    )
    language = serializers.RegexField(r"^[a-z]{2}(-[A-Z]{2})?$", required=False)
    timeout = serializers.IntegerField(min_value=1000, max_value=120_000, required=False)
    payment_token = serializers.CharField(
        max_length=255, required=False, validators=[refuse_card_number, _PRINTABLE]
    )

    def wishes(self) -> dict[str, Any]:
        """Keyword arguments of `process_payment`."""
        told = dict(self.validated_data)
        if "timeout" in told:
            told["timeout"] = timedelta(milliseconds=told["timeout"])
        return told


class CreateSerializer(serializers.Serializer[Any]):
    """What is to be collected, from whom, and where to go afterwards."""

    amount = AmountField()
    currency = serializers.CharField(max_length=10)
    reference = serializers.CharField(max_length=100, required=False, allow_blank=True)
    description = serializers.CharField(max_length=500, required=False, allow_blank=True)
    provider = serializers.CharField(max_length=20, required=False, allow_blank=True)
    customer = CustomerSerializer(required=False)
    contract = serializers.CharField(max_length=100, required=False, allow_blank=True)
    payment_methods = serializers.ListField(
        child=serializers.CharField(max_length=40), required=False, max_length=20
    )
    language = serializers.RegexField(r"^[a-z]{2}(-[A-Z]{2})?$", required=False)
    capture = serializers.ChoiceField(Payment.Capture.choices, required=False)
    purchase = serializers.BooleanField(
        required=False,
        help_text="Reserve first, fulfil, and only then take the money; undo all where one fails.",
    )
    return_url = serializers.URLField(max_length=2000, required=False)
    callback_url = serializers.URLField(max_length=2000, required=False)
    metadata = serializers.DictField(
        child=serializers.CharField(max_length=500, allow_blank=True), required=False
    )

    def validate_metadata(self, metadata: dict[str, str]) -> dict[str, str]:
        if len(metadata) > 50 or not all(_METADATA_NAME.fullmatch(name) for name in metadata):
            message = "At most 50 entries, named with 1 to 40 letters, digits, '_', '.' or '-'."
            raise serializers.ValidationError(message)
        return metadata

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("purchase") and attrs.get("capture") == Payment.Capture.AUTOMATIC:
            message = "A purchase takes the money once it is fulfilled: leave `capture` out."
            raise serializers.ValidationError({"capture": message})
        return attrs

    def wishes(self) -> dict[str, Any]:
        """Keyword arguments of `create_payment`. Raises InvalidAmount, UnsupportedCurrency."""
        told = dict(self.validated_data)
        if told.pop("purchase", False):
            told |= {"is_purchase": True, "capture": Payment.Capture.MANUAL}
        return told | {"money": Money.parse(told.pop("amount"), told.pop("currency"))}


class CaptureSerializer(serializers.Serializer[Any]):
    """How much to capture; all that is reserved, where nothing is said."""

    amount = AmountField(required=False)

    def money(self, currency: str) -> Money | None:
        """Raises InvalidAmount."""
        text = self.validated_data.get("amount")
        return None if text is None else Money.parse(text, currency)


class RefundRequestSerializer(CaptureSerializer):
    """How much to give back, all that is left where nothing is said, and why."""

    reason = serializers.CharField(max_length=255, required=False, allow_blank=True)


class FailureSerializer(serializers.Serializer[Any]):
    """Why a payment did not happen."""

    code = serializers.CharField(source="failure_code")
    message = serializers.CharField(source="failure_message")


class RiskSerializer(serializers.Serializer[Any]):
    """What the risk rules said; null until scoring is on."""

    score = serializers.IntegerField()
    decision = serializers.ChoiceField(["allow", "review", "reject"])
    reasons = serializers.ListField(child=serializers.CharField())


class PaymentSerializer(serializers.Serializer[Payment]):
    """One payment."""

    id = serializers.UUIDField()
    reference = serializers.CharField()
    status = serializers.ChoiceField([status.value for status in PaymentStatus])
    amount = AmountField(source="money.major")
    currency = serializers.CharField()
    amount_captured = serializers.SerializerMethodField()
    amount_refunded = serializers.SerializerMethodField()
    provider = serializers.CharField()
    transaction_ref = serializers.SerializerMethodField()
    redirect_url = serializers.SerializerMethodField()
    description = serializers.CharField()
    customer = serializers.SerializerMethodField()
    contract = serializers.CharField()
    payment_method = serializers.CharField()
    capture = serializers.ChoiceField(Payment.Capture.choices)
    return_url = serializers.CharField()
    outcome = serializers.ChoiceField(_OUTCOMES)
    next_check_at = serializers.SerializerMethodField()
    failure = serializers.SerializerMethodField()
    risk = serializers.SerializerMethodField()
    metadata = serializers.DictField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    completed_at = serializers.DateTimeField(allow_null=True)

    def get_amount_captured(self, payment: Payment) -> str:
        return Money(payment.amount_captured, payment.currency).major

    def get_amount_refunded(self, payment: Payment) -> str:
        return Money(payment.amount_refunded, payment.currency).major

    def get_transaction_ref(self, payment: Payment) -> str | None:
        operation = payment.current_operation
        return (operation.gateway_reference or None) if operation else None

    @extend_schema_field({"type": ["string", "null"], "format": "uri"})
    def get_redirect_url(self, payment: Payment) -> str | None:
        operation = payment.current_operation
        if operation is None:
            return None
        waits = operation.outcome == Outcome.ACTION_REQUIRED or operation.may_be_retried_by_payer()
        return operation.redirect_url if waits else None

    @extend_schema_field(CustomerSerializer)
    def get_customer(self, payment: Payment) -> dict[str, Any]:
        known = payment.customer
        return {name: known.get(name, "") for name in ("id", "name", "email", "phone")}

    @extend_schema_field({"type": ["string", "null"], "format": "date-time"})
    def get_next_check_at(self, payment: Payment) -> Any:
        operation = payment.current_operation
        is_awaited = operation and (operation.is_open() or operation.never_left())
        return operation.next_check_at if operation and is_awaited else None

    @extend_schema_field(FailureSerializer(allow_null=True))
    def get_failure(self, payment: Payment) -> dict[str, str] | None:
        return FailureSerializer(payment).data if payment.failure_code else None

    @extend_schema_field(RiskSerializer(allow_null=True))
    def get_risk(self, payment: Payment) -> None:
        return None


class RefundSerializer(serializers.Serializer[Refund]):
    """One refund."""

    id = serializers.UUIDField()
    payment = serializers.UUIDField(source="payment_id")
    amount = AmountField(source="money.major")
    currency = serializers.CharField(source="operation.currency")
    status = serializers.ChoiceField(["pending", "succeeded", "failed"])
    reason = serializers.CharField()
    transaction_ref = serializers.CharField(source="operation.gateway_reference")
    failure = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    @extend_schema_field(FailureSerializer(allow_null=True))
    def get_failure(self, refund: Refund) -> dict[str, str] | None:
        operation = refund.operation
        return FailureSerializer(operation).data if operation.failure_code else None


class EventSerializer(serializers.ModelSerializer[StoredEvent]):
    """One event in its envelope."""

    status = serializers.SerializerMethodField()
    data = serializers.DictField()  # type: ignore[assignment] # a field of the answer
    metadata = serializers.DictField()

    class Meta:
        model = StoredEvent
        fields = [
            "id", "type", "timestamp", "version", "priority", "status", "correlation_id",
            "causation_id", "aggregate_type", "aggregate_id", "sequence", "data", "metadata",
            "previous_hash", "hash",
        ]  # fmt: skip

    def get_status(self, event: StoredEvent) -> str:
        # Read from what is still to be delivered; plain receivers leave nothing over.
        return "done"


class AttemptSerializer(serializers.ModelSerializer[GatewayOperation]):
    """One operation at one provider, and why that provider."""

    amount = AmountField(source="money.major")
    transaction_ref = serializers.CharField(source="gateway_reference")
    outcome = serializers.SerializerMethodField()
    duration_ms = serializers.SerializerMethodField()
    failure = serializers.SerializerMethodField()

    class Meta:
        model = GatewayOperation
        fields = [
            "id", "kind", "provider", "routing_reason", "amount", "currency", "outcome",
            "transaction_ref", "is_orphan", "failure", "started_at", "answered_at",
            "duration_ms", "next_check_at", "checks",
        ]  # fmt: skip

    def get_outcome(self, operation: GatewayOperation) -> str:
        interrupted = Outcome.UNKNOWN if operation.is_overdue() else Outcome.PENDING
        return operation.outcome or interrupted

    def get_duration_ms(self, operation: GatewayOperation) -> int | None:
        if operation.answered_at is None:
            return None
        return (operation.answered_at - operation.started_at) // timedelta(milliseconds=1)

    @extend_schema_field(FailureSerializer(allow_null=True))
    def get_failure(self, operation: GatewayOperation) -> dict[str, str] | None:
        return FailureSerializer(operation).data if operation.failure_code else None


class HealthSerializer(serializers.Serializer[Any]):
    """Whether payments can be taken, and what waits for news or for a person."""

    status = serializers.ChoiceField(["ok", "degraded", "down"])
    checks = serializers.DictField(child=serializers.CharField())
    timestamp = serializers.DateTimeField(default=timezone.now)
