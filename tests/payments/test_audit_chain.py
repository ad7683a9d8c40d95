"""The proof of the history: whoever changes it by SQL is found, or removes its end."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from payments import signals, tasks
from payments.crypto.signatures import hmac_hex
from payments.events import anchors, chain, verification
from payments.events.anchors import Anchor, anchor_histories
from payments.events.chain import BrokenChain, hash_of, verify_stream
from payments.events.guards import AppendOnly
from payments.events.models import StoredEvent, Stream, canonical_text
from payments.events.signal import Aggregate
from payments.events.store import record
from payments.signals import SecurityFacts

pytestmark = pytest.mark.django_db
ONE, TWO = Aggregate("payment", "p-1"), Aggregate("payment", "p-2")
BREAKER = Aggregate("breaker", "p-1")


def write(aggregate: Aggregate = ONE, count: int = 1) -> None:
    with transaction.atomic():
        for number in range(count):
            facts = SecurityFacts("paytabs", f"reason {number}", 'détail "x"', "api")
            record(signals.security_event, aggregate, facts)


def proven(*arguments: str) -> tuple[int, str]:
    """The command's exit status, and all that it says."""
    told = StringIO()
    try:
        call_command("verify_audit_chain", *arguments, stdout=told)
    except SystemExit as ended:
        return int(str(ended.code)), told.getvalue()
    return 0, told.getvalue()


def sql(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture
def history() -> None:
    """Two payments and a breaker of the same name, anchored; and one event after that."""
    write(ONE, 4)
    write(TWO, 3)
    write(BREAKER, 2)
    anchor_histories()
    write(TWO)


# --- the link


def test_a_history_that_was_written_before_still_proves_itself(settings: Settings) -> None:
    settings.AUDIT_KEY = b"k" * 32
    event = StoredEvent(
        id=UUID(int=7),
        aggregate_type="payment",
        aggregate_id="p-1",
        sequence=2,
        type="payment.created",
        version=1,
        priority="HIGH",
        timestamp=datetime(2026, 1, 31, 12, 0, 0, 5, tzinfo=UTC),
        correlation_id='c"1',
        causation_id="",
        data={"b": [1, None, True], "a": {"é": "\u2028"}},
        metadata={"source": "api"},
        previous_hash="ab" * 32,
    )
    text = (
        '{"aggregate_id":"p-1","aggregate_type":"payment","causation_id":"",'
        '"correlation_id":"c\\"1","data":{"a":{"é":"\u2028"},"b":[1,null,true]},'
        '"id":"00000000-0000-0000-0000-000000000007","metadata":{"source":"api"},'
        '"priority":"HIGH","sequence":"2","timestamp":"2026-01-31T12:00:00.000005+00:00",'
        '"type":"payment.created","version":"1"}'
    )
    assert hash_of(event) == hmac_hex(b"k" * 32, ("ab" * 32 + text).encode())


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(data=st.dictionaries(st.text(max_size=5), values), word=st.text(max_size=9))
def test_a_link_is_the_canonical_text_of_all_that_is_told(data: Any, word: str) -> None:
    event = StoredEvent(data=data, metadata={}, timestamp=timezone.now(), correlation_id=word)
    event.sequence, event.type, event.aggregate_id = 1, word, word
    names = (
        "id", "aggregate_type", "aggregate_id", "sequence", "type", "version", "priority",
    )  # fmt: skip
    facts: dict[str, Any] = {name: str(getattr(event, name)) for name in names}
    facts |= {"correlation_id": word, "causation_id": "", "data": data, "metadata": {}}
    facts["timestamp"] = event.timestamp.isoformat(timespec="microseconds")
    try:
        message = canonical_text(facts).encode()
    except UnicodeEncodeError:
        return  # half a character is stored nowhere
    assert hash_of(event) == hmac_hex(django_settings.AUDIT_KEY, message)


# --- what is proven


def test_an_untouched_history_is_proven_and_what_is_not_is_said(history: None) -> None:
    status, told = proven()
    assert status == 0
    assert "Proven: 10 events of 3 histories, 3 anchors." in told
    assert "Nothing that was anchored by" in told
    assert "1 events came after the last anchor" in told


def test_without_anchors_it_is_said_that_ends_may_be_missing() -> None:
    write(ONE, 2)
    status, told = proven()
    assert status == 0
    assert "Nothing is anchored yet" in told


def test_an_empty_history_is_proven() -> None:
    assert proven()[0] == 0


def test_one_record_alone_can_be_proven(history: None) -> None:
    sql("UPDATE payments_storedevent SET data = '{}' WHERE aggregate_id = 'p-2' AND sequence = 2")
    assert proven("--aggregate", "p-1")[0] == 0
    assert proven("--aggregate", "p-2")[0] == 1
    told = json.loads(proven("--aggregate", "p-1", "--json")[1])
    assert (told["events"], told["histories"], told["anchors"]) == (6, 2, 2)


OF_ONE = "aggregate_type = 'payment' AND aggregate_id = 'p-1'"
EVENT = f"payments_storedevent WHERE {OF_ONE} AND sequence"
PUT_BACK = (
    "UPDATE payments_stream SET sequence = 3, last_hash = (SELECT hash FROM"
    f" payments_storedevent WHERE {OF_ONE} AND sequence = 3) WHERE {OF_ONE}"
)
COLUMNS = ", ".join(
    f'"{field.column}"' for field in StoredEvent._meta.concrete_fields if not field.primary_key
)
NEW_ID = "'00000000-0000-0000-0000-000000000001'"
if connection.vendor == "sqlite":
    NEW_ID = NEW_ID.replace("-", "")
TAMPERINGS: dict[str, tuple[tuple[str, ...], str]] = {
    "changed data": (
        ((f"UPDATE payments_storedevent SET data = replace(data, 'paytabs', 'stripe')"
         f" WHERE {OF_ONE} AND sequence = 2"),),
        "payment p-1 breaks at event 2 (security.event).",
    ),
    "changed spelling": (
        ((f"UPDATE payments_storedevent SET data = replace(data, ':', ': ')"
         f" WHERE {OF_ONE} AND sequence = 2"),),
        "payment p-1 breaks at event 2",
    ),
    "changed metadata": (
        (f"UPDATE payments_storedevent SET metadata = '{{}}' WHERE {OF_ONE} AND sequence = 3",),
        "payment p-1 breaks at event 3",
    ),
    "removed middle": ((f"DELETE FROM {EVENT} = 2",), "payment p-1 breaks at event 3"),
    "removed tail": ((f"DELETE FROM {EVENT} = 4",), "payment p-1 should have 4 events, and has 3."),
    "removed tail, stream put back": (
        (f"DELETE FROM {EVENT} = 4", PUT_BACK),
        "payment p-1 had event 4 on",
    ),
    "removed record": (
        (f"DELETE FROM payments_storedevent WHERE {OF_ONE}",
         f"DELETE FROM payments_stream WHERE {OF_ONE}"),
        "UTC, and has it no more.",
    ),
    "removed events, kept stream": (
        (f"DELETE FROM payments_storedevent WHERE {OF_ONE}",),
        "payment p-1 should have 4 events, and has 0.",
    ),
    "removed stream": (
        (f"DELETE FROM payments_stream WHERE {OF_ONE}",),
        "payment p-1 should have 0 events, and has 4.",
    ),
    "inserted": (
        ((f"INSERT INTO payments_storedevent (id, {COLUMNS}) SELECT {NEW_ID},"
         f" {COLUMNS.replace(chr(34) + 'sequence' + chr(34), '5')} FROM {EVENT} = 4"),),
        "payment p-1 breaks at event 5",
    ),
    "swapped order": (
        (f"UPDATE payments_storedevent SET sequence = 99 WHERE {OF_ONE} AND sequence = 2",
         f"UPDATE payments_storedevent SET sequence = 2 WHERE {OF_ONE} AND sequence = 3",
         f"UPDATE payments_storedevent SET sequence = 3 WHERE {OF_ONE} AND sequence = 99"),
        "payment p-1 breaks at event 2",
    ),
    "moved to another record": (
        ("UPDATE payments_storedevent SET aggregate_id = 'p-9' WHERE aggregate_id = 'p-2'",),
        "payment p-9 breaks at event 1",
    ),
    "changed anchor": (
        ("UPDATE payments_anchor SET sequence = 1 WHERE number = 1",),
        "anchor 1 is not as it was signed.",
    ),
    "removed anchor": (
        ("DELETE FROM payments_anchor WHERE number = 2",),
        "anchor 3 does not follow from anchor 1.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("statements", "said"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_whoever_writes_past_the_service_is_found(
    history: None, statements: tuple[str, ...], said: str
) -> None:
    sql(*statements)
    status, told = proven()
    assert status == 1
    assert said in told
    assert "Somebody wrote to the database" in told


def test_who_removes_anchors_too_is_found_by_what_was_written_with_them(
    settings: Settings, tmp_path: Path
) -> None:
    settings.AUDIT_ANCHOR_FILE = file = str(tmp_path / "anchors")
    write(TWO, 2)
    anchor_histories()
    write(ONE, 4)
    anchor_histories()
    assert proven()[0] == 0
    sql(
        f"DELETE FROM payments_storedevent WHERE {OF_ONE}",
        f"DELETE FROM payments_stream WHERE {OF_ONE}",
        "DELETE FROM payments_anchor WHERE number = 2",
    )
    settings.AUDIT_ANCHOR_FILE = ""
    assert proven()[0] == 0
    status, told = proven("--anchors", file)
    assert status == 1
    assert "anchor 2 is not the one in" in told


def test_a_file_of_anchors_that_is_not_there_is_an_error() -> None:
    with pytest.raises(CommandError, match="no file"):
        proven("--anchors", "nowhere")


def test_an_anchor_forged_without_the_key_is_found(history: None, settings: Settings) -> None:
    settings.AUDIT_KEY, key = b"somebody else's key" * 2, settings.AUDIT_KEY
    forged = Anchor.objects.get(number=1)
    forged.signature = forged.expected_signature()
    forged.save()
    settings.AUDIT_KEY = key
    assert "anchor 1 is not as it was signed." in proven()[1]


def test_a_record_that_nobody_knows_is_not_proven(history: None) -> None:
    with pytest.raises(CommandError, match="no history of p-404") as refused:
        proven("--aggregate", "p-404")
    assert refused.value.returncode == 2


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_who_looks_on_sees_how_far_it_is(history: None) -> None:
    screen = Terminal()
    call_command("verify_audit_chain", stdout=StringIO(), stderr=screen)
    assert f"[{'#' * 40}] 10/10 events" in screen.getvalue()
    assert "3/3 anchors" in screen.getvalue()


def test_every_broken_history_is_told_and_json_has_one_a_line(history: None) -> None:
    sql("UPDATE payments_storedevent SET type = 'x' WHERE sequence = 1")
    status, told = proven("--json")
    lines = [json.loads(line) for line in told.splitlines()]
    assert status == 1
    assert [(each["aggregate_type"], each["aggregate_id"]) for each in lines[:-1]] == [
        ("breaker", "p-1"), ("payment", "p-1"), ("payment", "p-2"),
    ]  # fmt: skip
    assert lines[-1]["broken"] == 3


def test_what_is_written_meanwhile_is_no_breach(
    history: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "_BATCH", 1)
    walk = chain.walk

    def busy(aggregate: Aggregate, links: Any) -> Any:
        walked = walk(aggregate, links)
        write(aggregate)
        return walked

    monkeypatch.setattr(verification, "walk", busy)
    assert proven()[0] == 0


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_pages_of_any_size_prove_the_same(
    history: None, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(verification, "_PAGE", size)
    monkeypatch.setattr(verification, "_BATCH", size)
    assert "Proven: 10 events of 3 histories, 3 anchors." in proven()[1]
    sql(TAMPERINGS["removed middle"][0][0])
    assert "breaks at event 3" in proven()[1]


def test_queries_grow_with_pages_and_not_with_histories() -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            assert proven()[0] == 0
        return len(caught)

    write(ONE, 3)
    anchor_histories()
    before = queries()
    for number in range(30):
        write(Aggregate("payment", f"q-{number}"), 2)
    anchor_histories()
    assert queries() == before


# --- anchors


def test_every_history_that_grew_is_anchored_once(history: None) -> None:
    assert tasks.anchor_histories() == 1
    assert tasks.anchor_histories() == 0
    places = [(a.aggregate_type, a.aggregate_id, a.sequence) for a in Anchor.objects.all()]
    assert places == [
        ("payment", "p-1", 4), ("payment", "p-2", 3), ("breaker", "p-1", 2), ("payment", "p-2", 4),
    ]  # fmt: skip
    assert "0 events came after" in proven()[1]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_pages_of_any_size_anchor_the_same(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(anchors, "_PAGE", size)
    write(ONE, 4)
    write(TWO, 3)
    assert anchor_histories() == 2
    assert "7 events of 2 histories, 2 anchors." in proven()[1]


def test_who_died_in_between_is_continued(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anchors, "_PAGE", 2)
    write(ONE, 2)
    write(TWO, 2)
    with monkeypatch.context() as dying:
        dying.setattr(anchors, "_publish", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            anchor_histories()
    assert anchor_histories() == 1
    assert proven()[0] == 0
    assert Anchor.objects.count() == 2


def test_an_event_that_is_committed_late_is_anchored_the_next_time() -> None:
    write(TWO)
    late = StoredEvent.objects.get()
    sql("DELETE FROM payments_storedevent", "DELETE FROM payments_stream")
    write(ONE)
    anchor_histories()
    late.save(force_insert=True)
    Stream.objects.create(
        aggregate_type="payment", aggregate_id="p-2", sequence=1, last_hash=late.hash
    )
    assert anchor_histories() == 1


def test_what_is_older_than_the_overlap_is_not_read_again(history: None) -> None:
    hour = timedelta(hours=1) // timedelta(milliseconds=1)
    last = StoredEvent.objects.order_by("id").last()
    assert last is not None
    assert (last.id.int >> 80) - (anchors._earlier(last.id).int >> 80) == hour


def test_of_two_at_once_one_stops(history: None, monkeypatch: pytest.MonkeyPatch) -> None:
    sign = anchors._signed

    def overtaken(tips: Any, up_to: UUID) -> Any:
        ours = list(sign(tips, up_to))
        Anchor.objects.bulk_create(ours)
        return ours

    monkeypatch.setattr(anchors, "_signed", overtaken)
    assert anchor_histories() == 0


def test_the_last_anchor_is_told_to_the_log(history: None, caplog: Any) -> None:
    assert anchor_histories() == 1
    last = Anchor.objects.last()
    assert last is not None
    assert last.signature in caplog.text


def test_a_file_that_cannot_be_written_stops_nothing(
    settings: Settings, tmp_path: Path, caplog: Any
) -> None:
    settings.AUDIT_ANCHOR_FILE = str(tmp_path)
    write()
    assert anchor_histories() == 1
    assert "anchor_file_not_written" in caplog.text


@pytest.mark.parametrize(
    "verb", ["UPDATE payments_anchor SET sequence = 1", "DELETE FROM payments_anchor"]
)
def test_the_database_itself_keeps_the_anchors(history: None, verb: str) -> None:
    sql(*AppendOnly("payments_anchor").guards(connection.vendor))
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        sql(verb)


def test_a_history_without_its_stream_is_no_history_of_ours() -> None:
    write(ONE, 2)
    Stream.objects.all().delete()
    with pytest.raises(BrokenChain, match="should have 0 events, and has 2"):
        verify_stream(ONE)
    assert chain.verify_stream(TWO) == 0
