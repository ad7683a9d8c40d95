"""What a caller may do, and whose payments they see."""

from typing import Any, TypeVar

from django.db.models import QuerySet
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from payments.models import ApiKey, Payment, Posting

Owned = TypeVar("Owned", Payment, Posting)


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
    return _visible(request, Payment.objects.select_related("current_operation", "subject"))


def visible_postings(request: Request) -> QuerySet[Posting]:
    """The postings of the payments that the caller may see."""
    return _visible(request, Posting.objects.all())


def _visible(request: Request, rows: QuerySet[Owned]) -> QuerySet[Owned]:
    if is_operator(request):
        return rows
    owner = request.auth.owner_id if isinstance(request.auth, ApiKey) else None
    return rows.filter(owner_id=owner) if owner else rows.none()


def caller_of(request: Request) -> str:
    """A name for the caller, stable over the rotation of their key."""
    if isinstance(request.auth, ApiKey):
        return f"key:{request.auth.owner_id}"
    return f"user:{request.user.pk}"
