"""Before money comes in: each thing that may be wrong is named, with what to do about it."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from monitoring import deployment
from payments.events.models import Delivery
from payments.models import ApiKey
from tests.conftest import HISTORY
from tests.events.receivers import write
from tests.factories import ApiKeyFactory, OperatorFactory, SubjectKeyFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def guarded() -> Iterator[None]:
    """The history as production has it; other tests empty its tables."""
    with connection.cursor() as cursor:
        for table in HISTORY:
            for statement in table.guards(connection.vendor):
                cursor.execute(statement)
        yield
        for table in HISTORY:
            for statement in table.releases(connection.vendor):
                cursor.execute(statement)


def found(check: Callable[[], None]) -> tuple[str, str]:
    finding = deployment.found_by(check)
    return finding.verdict, finding.detail


@pytest.fixture(autouse=True)
def _nobody_is_asked_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployment, "_WORKERS_ANSWER_WITHIN", 0.05)


def test_what_is_broken_ends_it_with_one_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("deployment_check")
    assert ended.value.code == 1
    told = capsys.readouterr().out
    assert "ok      database" in told
    assert "broken  workers: no worker answers" in told


def test_a_program_may_read_it() -> None:
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("deployment_check", "--json", stdout=out)
    lines: list[dict[str, Any]] = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["name"] for line in lines][:3] == ["settings", "address", "database"]
    assert {line["verdict"] for line in lines} <= {"ok", "look", "broken"}


def test_development_settings_are_no_deployment(settings: Settings) -> None:
    settings.DEBUG = True
    assert found(deployment._settings) == ("broken", "DJANGO_DEBUG is on; unset it")


@pytest.mark.parametrize(
    ("url", "verdict"),
    [
        ("https://pay.example.com", "ok"),
        ("http://pay.example.com", "broken"),
        ("https://localhost", "broken"),
    ],
)
def test_payers_and_providers_must_reach_us(settings: Settings, url: str, verdict: str) -> None:
    settings.PUBLIC_URL = url
    assert found(deployment._address)[0] == verdict


def test_providers_are_called_encrypted(settings: Settings) -> None:
    paytabs = settings.PROVIDERS["paytabs"]
    for base, verdict in (("https://secure.paytabs.com", "ok"), ("http://127.0.0.1:1", "broken")):
        settings.PROVIDERS = {"paytabs": paytabs | {"api_base": base}}
        assert found(deployment._providers)[0] == verdict
    settings.PROVIDERS, settings.PROVIDER_ORDER = {}, []
    assert "no provider is connected" in found(deployment._providers)[1]


def test_keys_that_open_nothing_stored_are_broken(settings: Settings) -> None:
    SubjectKeyFactory.create()
    assert found(deployment._secrets) == ("ok", "")
    settings.KEY_RING = f"another:{'55' * 32}"
    verdict, detail = found(deployment._secrets)
    assert verdict == "broken"
    assert "payments_subjectkey.key" in detail


def test_a_history_written_with_another_key_is_broken(settings: Settings, guarded: None) -> None:
    write()
    assert found(deployment._history) == ("ok", "")
    settings.AUDIT_KEY = b"another" * 8
    assert found(deployment._history)[0] == "broken"
    Delivery.objects.all().delete()


def test_a_history_that_anybody_may_change_is_broken() -> None:
    verdict, detail = found(deployment._history)
    assert verdict == "broken"
    assert "payments_storedevent" in detail


def test_work_that_waits_tells_that_nobody_works() -> None:
    write()
    assert found(deployment._work_is_done) == ("ok", "")
    Delivery.objects.update(next_try_at=timezone.now() - timedelta(minutes=11))
    verdict, detail = found(deployment._work_is_done)
    assert verdict == "broken"
    assert detail.startswith(f"{Delivery.objects.count()} deliveries wait")


def test_somebody_must_be_able_to_call_and_to_look() -> None:
    assert "no API key" in found(deployment._callers)[1]
    ApiKeyFactory.create(expires_at=timezone.now() - timedelta(days=1))
    assert "no API key" in found(deployment._callers)[1]
    ApiKeyFactory.create()
    assert "console" in found(deployment._callers)[1]
    OperatorFactory.create()
    assert found(deployment._callers) == ("ok", "")
    assert ApiKey.objects.count() == 2


def test_without_a_shared_redis_it_is_worth_a_look(settings: Settings) -> None:
    settings.REDIS_URL = ""
    assert found(deployment._redis)[0] == "look"
