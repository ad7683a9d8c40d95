"""The key ring, the sealed fields, and what may be shown."""

import json

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from payments.crypto.keyring import CannotOpen, KeyRing, key_id_of
from payments.crypto.redaction import redact
from payments.models import IdempotencyKey, SubjectKey

OLD, NEW = "11" * 32, "22" * 32
# What is long is packed before it is sealed.
SECRETS = st.binary(min_size=1) | st.binary(min_size=1001, max_size=1200)


@given(SECRETS | st.just(b""), st.binary())
def test_what_is_sealed_opens_in_its_own_place_only(secret: bytes, place: bytes) -> None:
    ring = KeyRing.from_text(OLD)
    sealed = ring.seal(secret, place)
    assert ring.open(sealed, place) == secret
    with pytest.raises(CannotOpen):
        ring.open(sealed, place + b"!")


@given(SECRETS, st.data())
def test_any_changed_byte_is_noticed(secret: bytes, data: st.DataObject) -> None:
    ring = KeyRing.from_text(OLD)
    sealed = bytearray(ring.seal(secret, b"here"))
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CannotOpen):
        ring.open(bytes(sealed), b"here")


def test_a_notification_is_sealed_into_less_room_than_it_came_in() -> None:
    body = json.dumps({"payment": {f"field_{n}": n for n in range(200)}}).encode()
    assert len(KeyRing.from_text(OLD).seal(body, b"")) < len(body) / 2


@given(st.binary(max_size=80))
def test_nonsense_never_opens(nonsense: bytes) -> None:
    with pytest.raises(CannotOpen):
        KeyRing.from_text(OLD).open(nonsense, b"")


def test_the_newest_key_seals_and_older_keys_still_open() -> None:
    before = KeyRing.from_text(f"a:{OLD}")
    after = KeyRing.from_text(f"b:{NEW},a:{OLD}")
    assert after.open(before.seal(b"x", b""), b"") == b"x"
    assert key_id_of(after.seal(b"x", b"")) == "b"
    with pytest.raises(CannotOpen, match="'b'"):
        before.open(after.seal(b"x", b""), b"")


@pytest.mark.parametrize("text", ["", "k:", "k:zz", "k:11", f"k:{OLD}00"])
def test_a_malformed_ring_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        KeyRing.from_text(text)


def _row(**facts: object) -> IdempotencyKey:
    return IdempotencyKey.objects.create(
        caller="c", method="POST", path="/p", key=str(facts.get("key", "k")),
        fingerprint="f", answer=facts.get("answer"),
    )  # fmt: skip


@pytest.mark.django_db
def test_a_sealed_value_is_nowhere_in_clear_in_the_database() -> None:
    row = _row(answer={"email": "payer@example.test"})
    with connection.cursor() as cursor:
        cursor.execute("SELECT answer FROM payments_idempotencykey")
        stored = bytes(cursor.fetchone()[0])
    assert b"payer" not in stored
    assert IdempotencyKey.objects.get(pk=row.pk).answer == {"email": "payer@example.test"}


@pytest.mark.django_db
def test_a_ciphertext_copied_into_another_row_does_not_open() -> None:
    _row(key="one", answer="secret")
    other = _row(key="two", answer="other")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE payments_idempotencykey SET answer ="
            " (SELECT answer FROM payments_idempotencykey WHERE key = 'one') WHERE key = 'two'"
        )
    with pytest.raises(CannotOpen):
        _ = IdempotencyKey.objects.get(pk=other.pk).answer


@pytest.mark.django_db
def test_saving_a_row_that_was_only_loaded_keeps_its_sealed_value() -> None:
    row = _row(answer=[1, 2])
    loaded = IdempotencyKey.objects.get(pk=row.pk)
    loaded.status_code = 200
    loaded.save()
    assert IdempotencyKey.objects.get(pk=row.pk).answer == [1, 2]


@pytest.mark.django_db
def test_an_update_that_would_store_clear_text_is_refused() -> None:
    row = _row(answer="x")
    with pytest.raises(TypeError, match="sealed by save"):
        IdempotencyKey.objects.filter(pk=row.pk).update(answer=b"clear")


@pytest.mark.django_db
def test_rows_sealed_under_an_old_key_open_after_a_rotation(settings: Settings) -> None:
    settings.KEY_RING = f"a:{OLD}"
    row = _row(answer="kept")
    settings.KEY_RING = f"b:{NEW},a:{OLD}"
    assert IdempotencyKey.objects.get(pk=row.pk).answer == "kept"
    settings.KEY_RING = f"b:{NEW}"
    with pytest.raises(CannotOpen):
        _ = IdempotencyKey.objects.get(pk=row.pk).answer


@pytest.mark.django_db
def test_a_customers_facts_open_under_their_own_key_and_record_only() -> None:
    mine, yours = SubjectKey.objects.create(), SubjectKey.objects.create()
    sealed = mine.seal({"name": "Amal"}, about="payment:1")
    assert mine.open(sealed, about="payment:1") == {"name": "Amal"}
    for key, about in ((yours, "payment:1"), (mine, "payment:2")):
        with pytest.raises(Exception, match=r"^$"):
            key.open(sealed, about=about)


def test_secrets_people_and_cards_are_hidden_and_the_rest_is_not() -> None:
    shown = redact(
        {
            "Authorization": "Bearer bk_x",
            "customer_details": {"email": "a@b.test", "name": "Amal", "country": "AE"},
            "note": "card 4111 1111 1111 1111 was used",
            "cart_id": "order-2001",
            "amounts": ["100.00", 5],
            "raw": b"\xff\xfe",
            "empty": "",
        }
    )
    text = json.dumps(shown)
    for hidden in ("bk_x", "a@b.test", "Amal", "4111"):
        assert hidden not in text
    for kept in ("order-2001", "100.00", "AE", "[2 bytes]"):
        assert kept in text
