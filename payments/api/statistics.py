"""`GET /stats`: how many, how much, how fast."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from payments.api import permissions
from payments.api.freshness import only_reads
from payments.api.views import PaymentsApi
from payments.models import ApiKey
from payments.money import Money
from payments.projections import figures
from payments.projections.figures import Chosen, Statistics
from payments.projections.statistics import EVERYBODY, merchant
from payments.remembered import recall


class ChosenSerializer(serializers.Serializer[Any]):
    """Which payments: days are those of their creation, in UTC, both included."""

    since = serializers.DateField(required=False)
    until = serializers.DateField(required=False)
    provider = serializers.CharField(required=False, max_length=20)
    currency = serializers.RegexField(r"^[A-Z]{3}$", required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        since, until = attrs.get("since"), attrs.get("until")
        if since and until and until < since:
            raise serializers.ValidationError({"until": "Name a day that is not before `since`."})
        return attrs


class _TallySerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField(help_text="Payments, whatever became of them.")
    successful = serializers.IntegerField()
    failed = serializers.IntegerField()
    pending = serializers.IntegerField()
    success_rate = serializers.FloatField(allow_null=True)


class CurrencySerializer(_TallySerializer):
    """One currency; amounts are what the successful payments captured, refunded or not."""

    currency = serializers.CharField()
    total_amount = serializers.CharField()
    average_amount = serializers.CharField()


class ProviderSerializer(_TallySerializer):
    """One provider; "" is for payments that were sent to none."""

    provider = serializers.CharField()


class ProcessingTimeSerializer(serializers.Serializer[Any]):
    """Milliseconds from the beginning at the provider to the payment; null where none was paid."""

    mean = serializers.IntegerField(allow_null=True)
    p95 = serializers.IntegerField(allow_null=True)
    p99 = serializers.IntegerField(allow_null=True)


class StatisticsSerializer(serializers.Serializer[Any]):
    """Counted as events come: `as_of` says up to when everything is in it."""

    total = serializers.IntegerField()
    successful = serializers.IntegerField(help_text="Paid, whatever was given back since.")
    failed = serializers.IntegerField(help_text="Failed, cancelled or expired.")
    pending = serializers.IntegerField()
    success_rate = serializers.FloatField(
        allow_null=True, help_text="Per cent of the payments that have ended."
    )
    by_currency = CurrencySerializer(many=True)
    by_provider = ProviderSerializer(many=True)
    processing_time = ProcessingTimeSerializer()
    as_of = serializers.DateTimeField()


class StatisticsView(PaymentsApi):
    """`GET /stats`."""

    @extend_schema(
        parameters=[ChosenSerializer], responses=StatisticsSerializer, operation_id="stats"
    )
    @only_reads
    def stats(self, request: Request) -> Response:
        """Counts, success rate, amounts per currency, and how long payments took."""
        wanted = ChosenSerializer(data=request.query_params.dict())
        wanted.is_valid(raise_exception=True)
        chosen = Chosen(owner=_owner(request), **wanted.validated_data)
        return Response(tell(chosen))


def tell(chosen: Chosen) -> dict[str, Any]:
    """The answer to a question, worked out or remembered."""
    who = EVERYBODY if chosen.owner is None else merchant(chosen.owner)
    return recall("stats", who, repr(chosen), lambda: _told(figures.read(chosen)))


def _owner(request: Request) -> str | None:
    """Everybody's for an operator; a key that made no payment has none."""
    if permissions.is_operator(request):
        return None
    return str(request.auth.owner_id) if isinstance(request.auth, ApiKey) else "nobody"


def _told(found: Statistics) -> dict[str, Any]:
    by_provider = [
        {"provider": name, **_tally(tally)} for name, tally in sorted(found.by_provider.items())
    ]
    overall = _tally(found.all)
    return {
        "total": overall.pop("count"),
        **overall,
        "by_currency": by_currency(found.by_currency),
        "by_provider": by_provider,
        "processing_time": found.processing_time,
        "as_of": found.as_of,
    }


def by_currency(tallies: Mapping[str, figures.Tally]) -> list[dict[str, Any]]:
    """Each currency with its counts and amounts, in their order."""
    return [
        {
            "currency": currency,
            **_tally(tally),
            "total_amount": Money(tally.amount, currency).major,
            "average_amount": figures.average(tally, currency),
        }
        for currency, tally in sorted(tallies.items())
    ]


def _tally(tally: figures.Tally) -> dict[str, Any]:
    return {
        "count": tally.total,
        "successful": tally.successful,
        "failed": tally.failed,
        "pending": tally.pending,
        "success_rate": tally.success_rate,
    }
