"""The suite's own watch sees what it should see; or its silence would prove nothing."""

import logging
from collections.abc import Iterator

import pytest
import structlog
from django.http import HttpResponse
from django.test import RequestFactory

from payments.models import ApiKey, Discrepancy
from tests import secrets_watch
from tests.secrets_watch import OWN, PAYER, WatchAnswers


@pytest.fixture
def found() -> Iterator[list[str]]:
    yield secrets_watch.found
    secrets_watch.found.clear()


@pytest.mark.parametrize("secret", [*OWN, PAYER])
def test_a_secret_in_a_log_line_is_seen(secret: str, found: list[str]) -> None:
    structlog.get_logger("anybody").warning("talked_too_much", deep={"inside": [secret]})
    assert found
    assert secret not in str(found)


def test_a_secret_in_a_traceback_is_seen(found: list[str]) -> None:
    logging.getLogger("anybody").error("it broke", exc_info=ValueError(OWN[0]))
    assert found


@pytest.mark.django_db
def test_a_secret_in_a_row_is_seen(found: list[str]) -> None:
    Discrepancy.objects.filter(heard="nobody").update(heard=f"told {PAYER}")
    assert found


@pytest.mark.django_db
def test_a_key_that_is_shown_later_than_once_is_seen(found: list[str]) -> None:
    _, text = ApiKey.issue("test", [])
    assert not found
    request = RequestFactory().get("/")
    WatchAnswers(lambda _: HttpResponse(f"your key: {text}"))(request)
    assert found
