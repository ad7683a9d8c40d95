"""A new key takes over: every sealed value is sealed anew, once, and nothing is lost on the way."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from pytest_django import Settings

from payments.crypto import rotation
from payments.crypto.keyring import key_id_of
from payments.models import SubjectKey
from tests.factories import PaymentFactory, PaymentWebhookEventFactory, SubjectKeyFactory
from webhooks.models import PaymentWebhookEvent

pytestmark = pytest.mark.django_db(transaction=True)
OLD, NEW = f"old:{'11' * 32}", f"new:{'22' * 32}"


@pytest.fixture(autouse=True)
def _under_the_old_key(settings: Settings) -> None:
    settings.KEY_RING = OLD


def rotated(*options: str) -> dict[str, Any]:
    out = StringIO()
    call_command("rotate_encryption_key", "--json", *options, stdout=out)
    told: dict[str, Any] = json.loads(out.getvalue())
    return told


def keys_in_use(table: str, column: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL")
        return {key_id_of(bytes(row[0])) for row in cursor.fetchall()}


def test_every_sealed_column_is_known() -> None:
    assert {str(each) for each in rotation.columns()} >= {
        "payments_subjectkey.key",
        "payments_idempotencykey.answer",
        "payments_gatewayoperation.exchange",
        "payment_webhook_events.body",
    }


def test_after_a_rotation_the_old_key_is_not_needed_any_more(settings: Settings) -> None:
    payment = PaymentFactory.create()
    PaymentWebhookEventFactory.create_batch(3, body=b"as it came")
    settings.KEY_RING = f"{NEW},{OLD}"
    SubjectKeyFactory.create()  # under the new one already
    told = rotated()
    assert told["newest"] == "new"
    assert told["columns"]["payment_webhook_events.body"] == {
        "resealed": 3, "unreadable": 0, "left": 0,
    }  # fmt: skip
    assert told["columns"]["payments_subjectkey.key"]["resealed"] == 1
    settings.KEY_RING = NEW
    assert {row.body for row in PaymentWebhookEvent.objects.all()} == {b"as it came"}
    payment.refresh_from_db()
    assert payment.customer["name"] == "Amal Haddad"


def test_a_dry_run_counts_and_changes_nothing(settings: Settings) -> None:
    SubjectKeyFactory.create_batch(2)
    settings.KEY_RING = f"{NEW},{OLD}"
    assert rotated("--dry-run")["columns"]["payments_subjectkey.key"]["left"] == 2
    assert keys_in_use("payments_subjectkey", "key") == {"old"}


def test_cut_off_in_the_middle_it_goes_on_where_it_was(settings: Settings) -> None:
    SubjectKeyFactory.create_batch(5)
    settings.KEY_RING = f"{NEW},{OLD}"
    (column,) = [each for each in rotation.columns() if each.model is SubjectKey]
    next(rotation.reseal(column, batch=2))
    assert column.old().count() == 3
    assert rotated("--batch-size", "2")["columns"][str(column)]["resealed"] == 3
    assert rotated()["columns"][str(column)]["resealed"] == 0


def test_what_cannot_be_opened_is_left_and_told_and_hinders_nothing_else(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    SubjectKeyFactory.create()
    settings.KEY_RING = f"lost:{'33' * 32}"
    SubjectKeyFactory.create()
    settings.KEY_RING = f"{NEW},{OLD}"
    with pytest.raises(SystemExit) as ended:
        call_command("rotate_encryption_key")
    assert ended.value.code == 1
    told = capsys.readouterr().out
    assert "payments_subjectkey.key: 1 sealed anew, 1 left, 1 unreadable" in told
    assert "keep the others" in told
    assert keys_in_use("payments_subjectkey", "key") == {"new", "lost"}


def test_keys_of_names_that_begin_alike_are_not_taken_for_each_other(settings: Settings) -> None:
    settings.KEY_RING = f"newer:{'44' * 32}"
    SubjectKeyFactory.create()
    settings.KEY_RING = f"{NEW},newer:{'44' * 32}"
    assert rotated()["columns"]["payments_subjectkey.key"]["resealed"] == 1
