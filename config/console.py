"""How the operators' console looks, and where its side bar leads."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy


def badge(request: HttpRequest) -> list[str] | None:
    """What tells a demo from the real thing, on every page."""
    return ["Demo", "warning"] if settings.DEBUG else None


def _item(title: str, icon: str, model: str) -> dict[str, Any]:
    app, name = model.split(".")

    def may_view(request: HttpRequest) -> bool:
        return bool(request.user.has_perm(f"{app}.view_{name}"))

    link = reverse_lazy(f"admin:{app}_{name}_changelist")
    return {"title": title, "icon": icon, "link": link, "permission": may_view}


CONSOLE: dict[str, Any] = {
    "SITE_TITLE": "Ballast",
    "SITE_HEADER": "Ballast",
    "SITE_SUBHEADER": "Operators’ console",
    "SITE_SYMBOL": "sailing",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("favicon.svg")}
    ],
    "STYLES": [
        lambda request: static("console.css"),
        lambda request: static("breakers.css"),
        lambda request: static("ledger.css"),
    ],
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": "config.console.badge",
    "DASHBOARD_CALLBACK": "monitoring.dashboard.figures",
    "COLORS": {
        "primary": {
            "50": "oklch(97.6% 0.015 196)",
            "100": "oklch(94.3% 0.035 196)",
            "200": "oklch(88.5% 0.06 196)",
            "300": "oklch(81% 0.085 196)",
            "400": "oklch(73% 0.1 196)",
            "500": "oklch(60% 0.095 196)",
            "600": "oklch(49% 0.08 196)",
            "700": "oklch(43% 0.07 196)",
            "800": "oklch(37% 0.06 196)",
            "900": "oklch(32% 0.05 196)",
            "950": "oklch(24% 0.04 196)",
        }
    },
    "SIDEBAR": {
        "navigation": [
            {
                "title": "Money",
                "items": [
                    _item("Payments", "payments", "payments.payment"),
                    _item("Ledger", "account_balance", "payments.posting"),
                    _item("Disputes", "gavel", "payments.dispute"),
                    _item("Discrepancies", "balance", "payments.discrepancy"),
                    _item("Sagas", "route", "payments.sagarun"),
                    _item("Contracts", "contract", "payments.contract"),
                ],
            },
            {
                "title": "Gateways",
                "items": [
                    _item("Circuit breakers", "electric_bolt", "payments.breakercontrol"),
                    _item("Calls", "call_made", "payments.gatewaycall"),
                ],
            },
            {
                "title": "What happened",
                "items": [
                    _item("Webhook events", "webhook", "webhooks.paymentwebhookevent"),
                    _item("Stored events", "history", "payments.storedevent"),
                    _item("Deliveries", "outbox", "payments.delivery"),
                    _item("Idempotency keys", "fingerprint", "payments.idempotencykey"),
                ],
            },
            {
                "title": "Who may",
                "items": [
                    _item("API keys", "key", "payments.apikey"),
                    _item("Operators", "person", "auth.user"),
                    _item("Groups", "group", "auth.group"),
                ],
            },
        ],
    },
}
