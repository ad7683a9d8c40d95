"""dj-stripe's webhook endpoint, and a handler that marks a payment as paid.

It is spared what we do not do either: its own handler would ask Stripe again for what it was
just told. Its connections are kept and its statements prepared as ours are, unless RIVAL_IS_TUNED
says no: then it is as Django's own settings leave it.
"""

import os
import sys
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.urls import include, path

from bench.speed.rivals import ENDPOINT

# Made up, and as long as Stripe's.
_API_KEY = "sk_test_" + "0" * 24
_MIDDLEWARE = (
    "security.SecurityMiddleware",
    "common.CommonMiddleware",
    "csrf.CsrfViewMiddleware",
    "clickjacking.XFrameOptionsMiddleware",
)


def _database(address: str) -> dict[str, Any]:
    parts = urlsplit(address)
    tuned = {
        "OPTIONS": {"server_side_binding": True, "prepare_threshold": 1},
        "CONN_MAX_AGE": None,
    }
    plain = {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": parts.hostname,
        "PORT": parts.port,
        "USER": parts.username,
        "NAME": parts.path[1:],
    }
    return plain if os.environ.get("RIVAL_IS_TUNED") == "no" else plain | tuned


settings.configure(
    ROOT_URLCONF=__name__,
    SECRET_KEY=__name__,
    ALLOWED_HOSTS=["pay.example.com"],
    DATABASES={"default": _database(os.environ["DATABASE_URL"])},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "djstripe"],
    # The same tables, a minute sooner.
    MIGRATION_MODULES=dict.fromkeys(("contenttypes", "auth", "djstripe")),
    MIDDLEWARE=[f"django.middleware.{name}" for name in _MIDDLEWARE],
    STRIPE_TEST_SECRET_KEY=_API_KEY,
    STRIPE_LIVE_MODE=False,
    DJSTRIPE_FOREIGN_KEY_TO_FIELD="id",
    USE_TZ=True,
)
application = get_wsgi_application()

from djstripe import event_handlers, models, signals  # noqa: E402 - it needs the settings

urlpatterns = [path("stripe/", include("djstripe.urls", namespace="djstripe"))]
_completed = signals.WEBHOOK_SIGNALS["checkout.session.completed"]
_completed.disconnect(event_handlers.handle_other_event, sender=models.Event)


def mark_as_paid(sender: object, event: Any, **_: object) -> None:
    """The least that a merchant's handler can do."""
    with connection.cursor() as cursor:
        session = event.data["object"]["id"]
        cursor.execute("UPDATE rival_payment SET status = 'paid' WHERE session = %s", [session])


_completed.connect(mark_as_paid, sender=models.Event)


def prepare() -> None:
    """An account, its key and its endpoint, so that nothing has to be asked of Stripe."""
    call_command("migrate", run_syncdb=True, verbosity=0)
    account = models.Account.objects.create(id="acct_rival", livemode=False)
    models.APIKey.objects.create(
        secret=_API_KEY, type="secret", livemode=False, djstripe_owner_account=account
    )
    models.WebhookEndpoint.objects.create(
        id="we_rival",
        livemode=False,
        secret=os.environ["STRIPE_WEBHOOK_SECRET"],
        enabled_events=["*"],
        status="enabled",
        url="https://pay.example.com",
        djstripe_uuid=ENDPOINT,
        djstripe_owner_account=account,
    )
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE rival_payment (session text PRIMARY KEY, status text)")


if __name__ == "__main__":
    prepare()
    sys.stdout.write("ready\n")
