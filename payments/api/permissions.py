"""What a caller may do, and whose payments they see."""

from typing import Any

from django.db.models import QuerySet
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from payments.models import ApiKey, Payment


class HasScope(BasePermission):
    """The caller's key carries the scope that the view names for this action."""

    def has_permission(self, request: Request, view: Any) -> bool:
        scope = view.scope_of(request)
        self.message = f"This needs the scope {scope!r}."
        return scope is None or is_operator(request) or scope in scopes_of(request)


def scopes_of(request: Request) -> list[str]:
    """The scopes of the caller's key."""
    return list(request.auth.scopes) if isinstance(request.auth, ApiKey) else []


def is_operator(request: Request) -> bool:
    """A signed-in member of staff, or a key with the operator scope."""
    if isinstance(request.auth, ApiKey):
        return "operator" in scopes_of(request)
    return bool(request.user.is_active and request.user.is_staff)


def visible_payments(request: Request) -> QuerySet[Payment]:
    """The payments the caller may see: their own, or all for an operator."""
    payments = Payment.objects.select_related("current_operation", "subject")
    if is_operator(request):
        return payments
    owner = request.auth.owner_id if isinstance(request.auth, ApiKey) else None
    return payments.filter(owner_id=owner) if owner else payments.none()


def caller_of(request: Request) -> str:
    """A name for the caller, stable over the rotation of their key."""
    if isinstance(request.auth, ApiKey):
        return f"key:{request.auth.owner_id}"
    return f"user:{request.user.pk}"
