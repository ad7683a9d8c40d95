"""Viewsets that validate, call one service, and render."""

from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from payments.api import blocks, limits, permissions
from payments.api.authentication import ApiKeyAuthentication
from payments.api.filters import (
    AttemptPages,
    EventPages,
    PaymentFilter,
    PaymentPages,
    RefundPages,
)
from payments.api.freshness import may_lag, note_change
from payments.api.idempotency import HEADER, idempotent, resumed_operation
from payments.api.serializers import (
    AttemptSerializer,
    CaptureSerializer,
    CreateSerializer,
    EventSerializer,
    HealthSerializer,
    PaymentSerializer,
    ProcessSerializer,
    RefundRequestSerializer,
    RefundSerializer,
)
from payments.gateways.registry import configured
from payments.lifecycle import aggregate_of
from payments.models import GatewayOperation, Payment, Refund, StoredEvent
from payments.models.access import ApiKey
from payments.services import payments as service
from payments.services import refunds

_KEY = OpenApiParameter(
    HEADER, str, OpenApiParameter.HEADER, description="Names the request; repeating it is harmless."
)


class PaymentsApi(GenericViewSet[Payment]):
    """What every view of the API shares: who asks, what they may see, how often."""

    serializer_class: Any = PaymentSerializer
    permission_classes = [permissions.HasScope]
    throttle_classes = [limits.RateLimits]
    filter_backends: list[Any] = []
    scope: str | None = "payments:read"
    is_admitted = False
    # Whoever watches us is told how we are, however many others call from there.
    is_probe = False

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        source = "" if self.is_probe else limits.admitted_source(request._request)
        limits.demand_patience(request._request)
        super().initial(request, *args, **kwargs)
        if isinstance(request.auth, ApiKey) and source != f"key:{request.auth.prefix}":
            blocks.remember_key(request._request, request.auth)
        self.is_admitted = True

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        if self.is_admitted:
            note_change(getattr(self, self.action or "", None), request)
        return super().finalize_response(request, response, *args, **kwargs)

    def scope_of(self, request: Request) -> str | None:
        return self.scope

    def get_queryset(self) -> QuerySet[Any]:
        return permissions.visible_payments(self.request)

    def payment(self, payment_id: UUID) -> Payment:
        """The payment, if the caller may see it; somebody else's does not exist for them."""
        found = permissions.visible_payments(self.request).filter(pk=payment_id).first()
        if found is None:
            raise Http404(f"There is no payment {payment_id}.")
        return found

    def rendered(self, payment: Payment, status: int = 200) -> Response:
        return Response(PaymentSerializer(payment).data, status=status)

    def page_of(self, rows: QuerySet[Any], serializer: Any) -> Response:
        page = self.paginate_queryset(rows) or []
        return self.get_paginated_response(serializer(page, many=True).data)


class _BearerOnGet(PaymentsApi):
    """Actions that a GET may start: a browser's session must not, or any image tag could."""

    http_method_names = ["get", "post", "options"]

    def get_authenticators(self) -> list[Any]:
        if getattr(self.request, "method", None) == "GET":
            return [ApiKeyAuthentication()]
        return [ApiKeyAuthentication(), SessionAuthentication()]

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer["Cache-Control"] = "no-store"
        return answer


class CreateView(PaymentsApi):
    """`POST /create`."""

    scope = "payments:write"

    @extend_schema(request=CreateSerializer, responses={201: PaymentSerializer}, parameters=[_KEY])
    @idempotent
    def create(self, request: Request) -> Response:
        """Create a payment. Nothing is sent to a provider yet."""
        named = request.idempotency_key  # type: ignore[attr-defined]
        if named and named.payment_id:
            return self.rendered(service.payment_with(named.payment_id), 201)
        body = CreateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        owner = request.auth.owner_id if isinstance(request.auth, ApiKey) else None
        payment = service.create_payment(owner_id=owner, request_key=named, **body.wishes())
        return self.rendered(payment, 201)


class ProcessView(_BearerOnGet):
    """`POST` or `GET /process/{id}`."""

    scope = "payments:write"

    @extend_schema(request=ProcessSerializer, responses=PaymentSerializer, parameters=[_KEY])
    @idempotent
    def process(self, request: Request, payment_id: UUID) -> Response:
        """Start the payment at its provider; send the payer to `redirect_url`, if there is one."""
        payment = self.payment(payment_id)
        told = request.data if request.method == "POST" else {}
        body = ProcessSerializer(data=told)
        body.is_valid(raise_exception=True)
        done = service.process_payment(payment_id=payment.id, **body.wishes())
        return self.rendered(done)


class VerifyView(_BearerOnGet):
    """`GET /verify/{transaction_ref}/{payment_id}`."""

    @extend_schema(responses=PaymentSerializer)
    def verify(self, request: Request, transaction_ref: str, payment_id: UUID) -> Response:
        """Ask the provider what became of a transaction, apply it, answer the payment."""
        payment = self.payment(payment_id)
        found = service.verify_payment(payment_id=payment.id, transaction_ref=transaction_ref)
        return self.rendered(found)


@extend_schema_view(list=extend_schema(responses=PaymentSerializer(many=True)))
class PaymentViewSet(PaymentsApi):
    """The payments themselves, their timelines and attempts."""

    pagination_class: Any = PaymentPages
    filter_backends = [DjangoFilterBackend]
    filterset_class = PaymentFilter

    @may_lag
    def list(self, request: Request) -> Response:
        """Own payments, newest first."""
        return self.page_of(self.filter_queryset(self.get_queryset()), PaymentSerializer)

    @extend_schema(responses=PaymentSerializer)
    def retrieve(self, request: Request, payment_id: UUID) -> Response:
        """One payment; where its outcome is not known, its provider is asked first."""
        return self.rendered(service.read_payment(payment_id=self.payment(payment_id).id))


class CaptureView(PaymentsApi):
    """`POST /{id}/capture`."""

    scope = "payments:write"

    @extend_schema(request=CaptureSerializer, responses=PaymentSerializer, parameters=[_KEY])
    @idempotent
    def capture(self, request: Request, payment_id: UUID) -> Response:
        """Take what was reserved, whole or in part."""
        payment = self.payment(payment_id)
        named = request.idempotency_key  # type: ignore[attr-defined]
        if resumed_operation(named):
            return self.rendered(payment)
        body = CaptureSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        money = body.money(payment.currency)
        done = service.capture_payment(payment_id=payment.id, money=money, request_key=named)
        return self.rendered(done)


class CancelView(PaymentsApi):
    """`POST /{id}/cancel`."""

    scope = "payments:write"

    @extend_schema(request=None, responses=PaymentSerializer, parameters=[_KEY])
    @idempotent
    def cancel(self, request: Request, payment_id: UUID) -> Response:
        """Withdraw what is not captured, voiding what is reserved."""
        payment = self.payment(payment_id)
        named = request.idempotency_key  # type: ignore[attr-defined]
        if resumed_operation(named):
            return self.rendered(payment)
        return self.rendered(service.cancel_payment(payment_id=payment.id, request_key=named))


class RefundsView(PaymentsApi):
    """`POST` and `GET /{id}/refunds`."""

    scope = "refunds:write"
    pagination_class: Any = RefundPages
    serializer_class = RefundSerializer

    @extend_schema(
        request=RefundRequestSerializer, responses={201: RefundSerializer}, parameters=[_KEY]
    )
    @idempotent
    def create(self, request: Request, payment_id: UUID) -> Response:
        """Give money back, whole or in part."""
        payment = self.payment(payment_id)
        named = request.idempotency_key  # type: ignore[attr-defined]
        if operation := resumed_operation(named):
            return self._answered(refunds.refund_of(operation))
        body = RefundRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        refund = refunds.refund_payment(
            payment_id=payment.id,
            money=body.money(payment.currency),
            reason=body.validated_data.get("reason", ""),
            request_key=named,
        )
        return self._answered(refund)

    @extend_schema(responses=RefundSerializer(many=True))
    def list(self, request: Request, payment_id: UUID) -> Response:
        """The payment's refunds, newest first; a provider is asked first about those in doubt."""
        return self.page_of(refunds.refunds_of(self.payment(payment_id)), RefundSerializer)

    def _answered(self, refund: Refund) -> Response:
        return Response(RefundSerializer(refund).data, status=201)


class EventsView(PaymentsApi):
    """`GET /{id}/events`."""

    pagination_class: Any = EventPages
    serializer_class = EventSerializer

    @extend_schema(responses=EventSerializer(many=True))
    def list(self, request: Request, payment_id: UUID) -> Response:
        """The payment's timeline."""
        history = aggregate_of(self.payment(payment_id))
        events = StoredEvent.objects.filter(aggregate_type=history.type, aggregate_id=history.id)
        return self.page_of(events, EventSerializer)


class AttemptsView(PaymentsApi):
    """`GET /{id}/attempts`."""

    pagination_class: Any = AttemptPages
    serializer_class = AttemptSerializer

    @extend_schema(responses=AttemptSerializer(many=True))
    def list(self, request: Request, payment_id: UUID) -> Response:
        """Every operation at every provider, and why that provider."""
        payment = self.payment(payment_id)
        return self.page_of(GatewayOperation.objects.filter(payment=payment), AttemptSerializer)


class HealthView(PaymentsApi):
    """`GET /health`: open to everybody, tells nothing that is not theirs to know."""

    is_probe = True
    scope = None
    authentication_classes: Any = []

    @extend_schema(responses=HealthSerializer, auth=[])
    def retrieve(self, request: Request) -> Response:
        """The payment system's health."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        has_provider = bool(configured())
        health = {
            "status": "ok" if has_provider else "degraded",
            "checks": {
                "database": "ok",
                "providers": "ok" if has_provider else "none is connected",
            },
            "timestamp": timezone.now(),
        }
        return Response(HealthSerializer(health).data)
