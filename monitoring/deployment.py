"""What has to be right before money comes in: looked at where it runs, with what it was given."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from celery import current_app
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core import checks, mail
from django.core.cache import cache
from django.db import connection
from django.db.models import Model, QuerySet
from django.utils import timezone

from monitoring import health, indexes
from payments.crypto import rotation
from payments.crypto.keyring import CannotOpen
from payments.events.chain import verify_stream
from payments.events.signal import Aggregate
from payments.gateways.registry import configured
from payments.models import ApiKey, Delivery, GatewayOperation, SagaRun, StoredEvent
from webhooks.models import PaymentWebhookEvent

_CLOCKS_MAY_DIFFER = timedelta(seconds=5)
_WORK_MAY_WAIT = timedelta(minutes=10)
_WORKERS_ANSWER_WITHIN = 3.0
_GUARDED = ("payments_storedevent", "payments_posting", "payments_anchor")
_TRIGGERS = {
    "postgresql": "SELECT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal",
    "sqlite": "SELECT tbl_name FROM sqlite_master WHERE type = 'trigger'",
}


class Broken(Exception):
    """It must not go on like this; the text says what to do."""


class WorthALook(Exception):
    """It works, and may not be what you want."""


@dataclass(frozen=True, slots=True)
class Finding:
    """How one thing is: `ok`, `look` or `broken`."""

    name: str
    verdict: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.verdict:7} {self.name}{': ' if self.detail else ''}{self.detail}"


def findings() -> Iterator[Finding]:
    """Everything, one after the other; what breaks while it is looked at is broken."""
    yield from map(found_by, CHECKS)


def found_by(check: Callable[[], None]) -> Finding:
    """How one thing is."""
    name = check.__name__.strip("_").replace("_", " ")
    try:
        check()
    except WorthALook as look:
        return Finding(name, "look", str(look))
    except Broken as broken:
        return Finding(name, "broken", str(broken))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is found
        return Finding(name, "broken", f"{type(error).__name__}: {error}")
    return Finding(name, "ok")


def _database() -> None:
    _demand(health.checked(health.NEEDED))


def _demand(said: dict[str, str]) -> None:
    if wrong := [f"{name}: {text}" for name, text in said.items() if text != "ok"]:
        raise Broken("; ".join(wrong))


def _settings() -> None:
    if settings.DEBUG:
        raise Broken("DJANGO_DEBUG is on; unset it")
    found = checks.run_checks(include_deployment_checks=True)
    told = "; ".join(f"{each.id}: {each.msg}" for each in found if not each.is_silenced())
    if any(each.level >= checks.ERROR for each in found):
        raise Broken(told)
    if told:
        raise WorthALook(told)


def _address() -> None:
    address = urlsplit(settings.PUBLIC_URL)
    if address.scheme != "https" or address.hostname in ("127.0.0.1", "localhost", "::1"):
        raise Broken(f"providers and payers cannot reach {settings.PUBLIC_URL} safely")


def _providers() -> None:
    if not (names := configured()):
        raise Broken("no provider is connected: set the credentials of one")
    bases = {name: str(settings.PROVIDERS[name].get("api_base", "")) for name in names}
    if bare := [name for name, base in bases.items() if base.startswith("http://")]:
        raise Broken(f"calls to {', '.join(bare)} are not encrypted; see <PROVIDER>_API_BASE")


def _callers() -> None:
    if not any(key.is_live() for key in ApiKey.objects.all()):
        raise WorthALook("no API key is live; make one with: manage.py create_api_key")
    if not get_user_model().objects.filter(is_staff=True, is_active=True).exists():
        raise WorthALook("nobody may open the console; make one with: manage.py createsuperuser")


def _clock() -> None:
    if connection.vendor != "postgresql":
        return  # it has no clock of its own
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (theirs,) = cursor.fetchone() or (timezone.now(),)
    if abs(theirs - timezone.now()) > _CLOCKS_MAY_DIFFER:
        raise Broken(f"the database's clock says {theirs}, ours {timezone.now()}")


def _secrets() -> None:
    """What was sealed first and last opens with the keys that are given."""
    for column in rotation.columns():
        sealed = column.rows().filter(**{f"{column.field.attname}__isnull": False})
        for row in {each.pk: each for each in _ends(sealed)}.values():
            try:
                column.field.sealed_anew(row)
            except CannotOpen as error:
                raise Broken(f"{column}: {error}") from error


def _ends(rows: QuerySet[Model]) -> Iterator[Model]:
    yield from rows.order_by("pk")[:1]
    yield from rows.order_by("-pk")[:1]


def _history() -> None:
    """It is guarded by the database, and was written with the key that is given."""
    with connection.cursor() as cursor:
        cursor.execute(_TRIGGERS[connection.vendor])
        guarded = {row[0] for row in cursor.fetchall()}
    if bare := [table for table in _GUARDED if table not in guarded]:
        raise Broken(f"the database would let anybody change {', '.join(bare)}: triggers are gone")
    if last := StoredEvent.objects.order_by("-pk").first():
        verify_stream(Aggregate(last.aggregate_type, last.aggregate_id))


def _redis() -> None:
    if not settings.REDIS_URL:
        raise WorthALook("REDIS_URL is not set: every process counts limits and breakers alone")
    _demand(health.checked(health.HELPFUL))
    cache.set("deployment_check", 1, 5)


def _broker() -> None:
    with current_app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1, timeout=_WORKERS_ANSWER_WITHIN)


def _workers() -> None:
    if not current_app.control.ping(timeout=_WORKERS_ANSWER_WITHIN):
        raise Broken("no worker answers: start one with: celery -A config worker")


def _work_is_done() -> None:
    """Nothing that is due waits for long: a worker and the scheduler are at it."""
    before = timezone.now() - _WORK_MAY_WAIT
    waiting = {
        "deliveries": Delivery.objects.filter(next_try_at__lt=before),
        "webhook events": PaymentWebhookEvent.objects.filter(next_try_at__lt=before),
        "operations": GatewayOperation.objects.filter(next_check_at__lt=before),
        "sagas": SagaRun.objects.filter(next_try_at__lt=before),
    }
    late = {name: rows.count() for name, rows in waiting.items()}
    if any(late.values()):
        told = ", ".join(f"{count} {name}" for name, count in late.items() if count)
        raise Broken(f"{told} wait for more than ten minutes; do the scheduler and workers run?")


def _indexes() -> None:
    if wanting := [str(each) for each in indexes.findings() if each.what != "unused"]:
        raise WorthALook("; ".join(wanting))


def _pages() -> None:
    staticfiles_storage.url("admin/css/base.css")


def _mail() -> None:
    if not settings.SENDS_MAIL:
        raise WorthALook("EMAIL_URL is not set: nobody is written to")
    with mail.get_connection():
        pass


CHECKS: tuple[Callable[[], None], ...] = (
    _settings,
    _address,
    _database,
    _clock,
    _secrets,
    _history,
    _indexes,
    _redis,
    _broker,
    _workers,
    _work_is_done,
    _providers,
    _callers,
    _pages,
    _mail,
)
