"""How the API describes itself: the OpenAPI document and its page."""

from typing import Any

SCHEMA: dict[str, Any] = {
    "TITLE": "Ballast",
    "DESCRIPTION": "A self-hosted payment service that stays upright.",
    "VERSION": "2",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_standardized_errors.openapi_hooks.postprocess_schema_enums",
        "payments.api.schema.tell_one_error_shape",
    ],
    "ENUM_NAME_OVERRIDES": {
        f"{kind}Enum": f"drf_standardized_errors.openapi_serializers.{kind}Enum.choices"
        for kind in ("ValidationError", "ClientError", "ServerError")
    }
    | {"HealthEnum": ["ok", "degraded", "down"]}
    | {"AccountEnum": "payments.models.Account.choices"},
}
