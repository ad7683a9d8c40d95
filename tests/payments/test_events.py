"""The history: recorded with the change, chained, announced after the commit."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from payments import signals
from payments.events import context
from payments.events.chain import BrokenChain, verify_stream
from payments.events.guards import AppendOnly
from payments.events.models import Delivery, StoredEvent, Stream
from payments.events.signal import Aggregate, EventSignal, _register, all_signals, signal_named
from payments.events.store import record
from payments.signals import PaymentFacts

PAYMENT = Aggregate("payment", "p-1")


def facts() -> PaymentFacts:
    return PaymentFacts(
        payment_id="x",
        reference="x",
        contract="x",
        amount="1.00",
        currency="AED",
        method="x",
        subject_id="x",
        status="created",
        previous_status="",
        version=1,
    )


def write(count: int = 1) -> list[StoredEvent]:
    with transaction.atomic():
        return [record(signals.payment_created, PAYMENT, facts()) for _ in range(count)]


@pytest.mark.django_db(transaction=True)
def test_an_event_outside_a_transaction_is_refused() -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        record(signals.payment_created, PAYMENT, facts())
    assert not StoredEvent.objects.exists()


@pytest.mark.django_db
def test_an_event_of_another_shape_is_refused() -> None:
    with pytest.raises(TypeError, match="PaymentFacts"):
        record(signals.payment_created, PAYMENT, {"free": "form"})


@pytest.mark.django_db
def test_the_envelope_is_complete() -> None:
    with context.bound(correlation_id="c-1", causation_id="w-1", actor="user:1", source="admin"):
        event = write()[0]
    stored = StoredEvent.objects.get(pk=event.pk)
    assert (stored.correlation_id, stored.causation_id) == ("c-1", "w-1")
    assert (stored.type, stored.sequence, stored.version) == ("payment.created", 1, 1)
    assert set(stored.metadata) == {
        "source", "user_id", "session_id", "ip_address", "user_agent", "trace_id", "span_id",
    }  # fmt: skip
    assert stored.metadata["user_id"] == "user:1"
    assert stored.data["payment_id"] == "x"


@pytest.mark.django_db
def test_sequences_count_from_one_and_the_chain_holds() -> None:
    assert [event.sequence for event in write(5)] == [1, 2, 3, 4, 5]
    assert verify_stream(PAYMENT) == 5


@pytest.mark.django_db
def test_two_aggregates_have_histories_of_their_own() -> None:
    write(2)
    with transaction.atomic():
        other = record(signals.payment_created, Aggregate("payment", "p-2"), facts())
    assert (other.sequence, other.previous_hash) == (1, "")


TAMPERINGS = {
    "changed": "UPDATE payments_storedevent SET data = '{}' WHERE sequence = 2",
    "renamed": "UPDATE payments_storedevent SET type = 'payment.refunded' WHERE sequence = 2",
    "reassigned": "UPDATE payments_storedevent SET correlation_id = 'other' WHERE sequence = 2",
    "removed": "DELETE FROM payments_storedevent WHERE sequence = 2",
    "cut short": "DELETE FROM payments_storedevent WHERE sequence = 3",
    "reordered": "UPDATE payments_storedevent SET sequence = 9 WHERE sequence = 1",
}


@pytest.mark.django_db
@pytest.mark.parametrize("statement", TAMPERINGS.values(), ids=TAMPERINGS)
def test_a_history_that_was_tampered_with_does_not_verify(statement: str) -> None:
    write(3)
    Delivery.objects.all().delete()  # who tampers would think of them
    with connection.cursor() as cursor:
        cursor.execute(statement)
    with pytest.raises(BrokenChain):
        verify_stream(PAYMENT)


FORBIDDEN = {
    "update": "UPDATE payments_storedevent SET data = '{}'",
    "delete": "DELETE FROM payments_storedevent",
    "replace": "INSERT OR REPLACE INTO payments_storedevent SELECT * FROM payments_storedevent",
    "truncate": "TRUNCATE payments_storedevent CASCADE",
}
POSSIBLE = {
    "sqlite": ("update", "delete", "replace"),
    "postgresql": ("update", "delete", "truncate"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("verb", POSSIBLE[connection.vendor])
def test_the_database_itself_keeps_the_history(verb: str) -> None:
    write(2)
    connection.check_constraints()  # or TRUNCATE would wait for what is still to be checked
    with connection.cursor() as cursor:
        for statement in AppendOnly("payments_storedevent").guards(connection.vendor):
            cursor.execute(statement)
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            cursor.execute(FORBIDDEN[verb])
    write(1)
    assert verify_stream(PAYMENT) == 3


@pytest.mark.django_db
def test_an_event_forged_without_the_key_does_not_verify(settings: Any) -> None:
    write(1)
    settings.AUDIT_KEY = b"somebody else's key"
    write(1)
    with pytest.raises(BrokenChain):
        verify_stream(PAYMENT)


@pytest.fixture
def heard() -> Iterator[list[str]]:
    told: list[str] = []

    def listen(event: StoredEvent, **_: Any) -> None:
        told.append(event.type)

    signals.payment_created.connect(listen, dispatch_uid="test", weak=False)
    yield told
    signals.payment_created.disconnect(dispatch_uid="test")


@pytest.mark.django_db(transaction=True)
def test_receivers_hear_of_it_after_the_commit(heard: list[str]) -> None:
    with transaction.atomic():
        record(signals.payment_created, PAYMENT, facts())
        assert heard == []
    assert heard == ["payment.created"]


@pytest.mark.django_db(transaction=True)
def test_a_rollback_leaves_no_event_and_tells_nobody(heard: list[str]) -> None:
    with transaction.atomic():
        record(signals.payment_created, PAYMENT, facts())
        transaction.set_rollback(True)
    assert heard == []
    assert not StoredEvent.objects.exists()
    assert not Stream.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_receiver_that_fails_hinders_neither_the_commit_nor_the_others(heard: list[str]) -> None:
    def fail(**_: Any) -> None:
        raise ValueError("a receiver's own trouble")

    signals.payment_created.connect(fail, dispatch_uid="fails", weak=False)
    try:
        write()
    finally:
        signals.payment_created.disconnect(dispatch_uid="fails")
    assert StoredEvent.objects.count() == 1
    assert heard == ["payment.created"]


def test_aliases_name_the_same_signal() -> None:
    assert signal_named("payment.success") is signals.payment_completed
    assert signal_named("payment.timeout") is signals.payment_timed_out
    assert signal_named("payment.verification") is signals.payment_verified
    with pytest.raises(KeyError):
        signal_named("payment.invented")


def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match=r"payment\.created"):
        EventSignal("payment.created", PaymentFacts)
    assert all(isinstance(signal, EventSignal) for signal in all_signals().values())


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "ünïcode", "<script>", "a\nb", None])
def test_a_harmful_correlation_id_is_replaced(given: str | None) -> None:
    assert context.accepted_or_new(given) != given


def test_a_harmless_correlation_id_is_kept() -> None:
    assert context.accepted_or_new("order-12_3.x") == "order-12_3.x"


@pytest.mark.django_db
def test_what_was_written_in_an_older_shape_is_read_in_todays() -> None:
    (event,) = write()
    data = {"subject": "x"} | {k: v for k, v in event.data.items() if k != "subject_id"}
    old = StoredEvent(version=1, data=data)
    today = EventSignal(
        "test.renamed",
        PaymentFacts,
        version=3,
        upcasts={
            1: lambda data: data | {"subject_id": data["subject"]},
            2: lambda data: {k: v for k, v in data.items() if k != "subject"},
        },
    )
    del _register["test.renamed"]
    assert today.read(old) == facts()
    assert old.data == data  # what is stored stays as it was written


def test_a_version_that_could_not_be_read_later_is_refused() -> None:
    with pytest.raises(ValueError, match="upcast for each version"):
        EventSignal("test.forgotten", PaymentFacts, version=2)
