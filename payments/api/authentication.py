"""Who is asking: `Authorization: Bearer bk_<prefix>_<secret>`."""

from dataclasses import dataclass

from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from payments.crypto.signatures import same
from payments.events import context
from payments.models import ApiKey
from payments.models.access import digest_of

_REFUSAL = "This API key is not known, or no longer valid. Make one with: manage.py create_api_key"


@dataclass(frozen=True)
class KeyHolder:
    """Stands where Django expects a user."""

    key: ApiKey
    is_authenticated: bool = True
    is_active: bool = True
    is_staff: bool = False
    is_anonymous: bool = False

    @property
    def pk(self) -> object:
        return self.key.pk

    def __str__(self) -> str:
        return f"key {self.key.prefix}"


class ApiKeyAuthentication(BaseAuthentication):
    """Bearer keys; anything else in the header is left to the next method."""

    def authenticate(self, request: Request) -> tuple[KeyHolder, ApiKey] | None:
        text = bearer_in(request)
        if text is None:
            return None
        key = _live_key(text)
        key.note_use()
        context.act_as(f"key:{key.owner_id}")
        return KeyHolder(key), key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="payments"'


def bearer_in(request: HttpRequest | Request) -> str | None:
    """What a call bears as its key, proved or not; None where it bears none."""
    # Bytes, so that only blanks of ASCII divide it.
    parts = str(request.META.get("HTTP_AUTHORIZATION", "")).encode("latin-1").split()
    if not parts or parts[0].lower() != b"bearer":
        return None
    return parts[1].decode("latin-1") if len(parts) == 2 else ""


def _live_key(text: str) -> ApiKey:
    scheme, _, rest = text.partition("_")
    prefix, _, secret = rest.partition("_")
    key = ApiKey.objects.filter(prefix=prefix).first() if scheme == "bk" else None
    # Compare even where there is no such key, so that timing does not tell which exist.
    expected = key.digest if key else digest_of("nobody")
    if not same(digest_of(secret), expected) or key is None or not key.is_live():
        raise AuthenticationFailed(_REFUSAL)
    return key


class _BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # untyped there
    """How the schema describes it."""

    target_class = "payments.api.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An API key: `bk_…`"}
