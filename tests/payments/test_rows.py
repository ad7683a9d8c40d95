"""Rows by fixed SQL: what is sent together is written wholly, in order, or not at all."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, DataError, connection, transaction
from django.test.utils import CaptureQueriesContext

from payments import lifecycle, rows, signals
from payments.events.chain import verify_stream
from payments.models import GatewayName, GatewayOperation, Payment
from tests.factories import GatewayOperationFactory, PaymentFactory

pytestmark = pytest.mark.django_db


def write_versions(*payments: Payment, trouble: int = 0) -> None:
    with transaction.atomic(), rows.together():
        for each in payments:
            rows.update(each, ("version",))
        if trouble:
            raise ZeroDivisionError


def write_codes(*payments: Payment) -> None:
    with transaction.atomic(), rows.together():
        for each in payments:
            rows.update(each, ("failure_code",))


BY_ID = rows.Reading(
    "SELECT {} FROM payments_payment p JOIN payments_gatewayoperation o ON o.payment_id = p.id"
    " WHERE p.id = %s",
    (("p", Payment), ("o", GatewayOperation)),
    locks=True,
)


def writes(queries: CaptureQueriesContext) -> list[str]:
    return [q["sql"] for q in queries if q["sql"].split()[0] in ("UPDATE", "INSERT", "WITH")]


def test_a_row_is_read_as_the_mapper_reads_it() -> None:
    operation = GatewayOperationFactory.create(ids={"a": "b"}, exchange={"status": 200})
    with transaction.atomic():
        payment, read = BY_ID.first(operation.payment_id)
    for ours, theirs in [(payment, Payment.objects.get()), (read, GatewayOperation.objects.get())]:
        assert ours == theirs
        names = [field.attname for field in type(theirs)._meta.concrete_fields]
        assert [getattr(ours, n) for n in names] == [getattr(theirs, n) for n in names]
    assert BY_ID.first(uuid4()) == ()


def test_what_is_written_together_is_one_round_trip() -> None:
    operation = GatewayOperationFactory.create()
    operation.outcome, operation.payment.version = "pending", 7
    with transaction.atomic(), CaptureQueriesContext(connection) as heard, rows.together():
        rows.update(operation, ("outcome",))
        rows.update(operation.payment, ("version",))
        rows.insert(GatewayName(operation=operation, provider="stripe", name="one"), may_exist=True)
    assert len(writes(heard)) == (1 if connection.vendor == "postgresql" else 3)
    assert GatewayOperation.objects.get().outcome == "pending"
    assert Payment.objects.get().version == 7
    assert GatewayName.objects.get().name == "one"


def test_what_waits_is_written_before_anything_else_is_asked() -> None:
    payment = PaymentFactory.create()
    with transaction.atomic(), rows.together():
        payment.version = 5
        rows.update(payment, ("version",))
        assert Payment.objects.get().version == 5


def test_of_two_writes_to_one_row_neither_is_lost() -> None:
    payment = PaymentFactory.create()
    with transaction.atomic(), rows.together():
        payment.version, payment.status = 5, "processing"
        rows.update(payment, ("version",))
        rows.update(payment, ("status",))
        payment.version = 6
        rows.update(payment, ("version",))
    read = Payment.objects.get()
    assert (read.version, read.status) == (6, "processing")


@pytest.mark.parametrize("company", [0, 1])
def test_a_row_that_is_gone_is_told(company: int) -> None:
    payment, *others = PaymentFactory.create_batch(1 + company)
    Payment.objects.filter(pk=payment.pk).delete()
    with pytest.raises(DatabaseError, match="not there"):
        write_versions(*others, payment)


def test_many_rows_of_one_kind_are_one_write_and_each_has_its_own_values() -> None:
    several = PaymentFactory.create_batch(3)
    now = datetime(2026, 1, 2, tzinfo=UTC)
    facts = [(None, {"a": 1}, "processing"), (now, {}, "failed"), (None, {"b": None}, "created")]
    with transaction.atomic(), CaptureQueriesContext(connection) as heard, rows.together():
        for each, (ended, told, status) in zip(several, facts, strict=True):
            each.completed_at, each.metadata, each.status = ended, told, status
            rows.update(each, ("completed_at", "metadata", "status"))
    assert len(writes(heard)) == (1 if connection.vendor == "postgresql" else 3)
    read = Payment.objects.in_bulk()
    assert [
        (read[each.pk].completed_at, read[each.pk].metadata, read[each.pk].status)
        for each in several
    ] == facts


if connection.vendor == "postgresql":

    def test_among_many_rows_a_text_that_is_too_long_is_refused_and_not_cut_off() -> None:
        several = PaymentFactory.create_batch(2)
        several[1].failure_code = "x" * 300
        with pytest.raises(DataError):
            write_codes(*several)


def test_after_an_error_nothing_is_sent() -> None:
    payment = PaymentFactory.create(version=1)
    payment.version = 2
    with pytest.raises(ZeroDivisionError):
        write_versions(payment, trouble=1)
    assert Payment.objects.get().version == 1


def test_a_name_that_is_known_is_left_as_it_is() -> None:
    operation = GatewayOperationFactory.create()

    def named() -> GatewayName:
        return GatewayName(operation=operation, provider="stripe", name="one")

    for _ in range(2):
        with transaction.atomic(), rows.together():
            rows.insert(named(), may_exist=True)
            rows.update(operation, ("checks",))
    assert GatewayName.objects.count() == 1
    assert not rows.insert_if_new(named())


@pytest.mark.parametrize(
    ("name", "value"),
    [("metadata", {"a": [1, None]}), ("completed_at", datetime(2026, 1, 2, tzinfo=UTC))],
)
def test_values_are_spelled_as_the_mapper_spells_them(name: str, value: Any) -> None:
    payment = PaymentFactory.create()
    setattr(payment, name, value)
    rows.update(payment, (name,))
    assert getattr(Payment.objects.get(), name) == value


def test_who_holds_a_payment_inside_its_holder_writes_on_in_one_history() -> None:
    with transaction.atomic():
        payment = lifecycle.open_new(Payment(amount=100, currency="USD"), signals.payment_created)
    with lifecycle.hold(payment.pk) as outer:
        lifecycle.note(outer, signals.payment_audit_log)
        with lifecycle.hold(payment.pk) as inner:
            lifecycle.note(inner, signals.payment_audit_log)
        lifecycle.note(outer, signals.payment_audit_log)
    assert verify_stream(lifecycle.aggregate_of(payment)) == 4
