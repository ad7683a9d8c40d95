"""The bench's own parts: what it counts, what it copies, what it hands to pgbench."""

import re
import socket
import threading
from uuid import UUID, uuid4

import pytest
import time_machine
from django.db import connection

from bench.speed.goals import Goal
from bench.speed.inside.copies import copy_statement
from bench.speed.inside.statements import Statement, captured, script_of
from bench.speed.load import Load, Right
from bench.speed.notices import FIRST_NUMBER, Names, Stationery
from bench.speed.payments import Payments
from bench.speed.stage import FLAGS
from config.environment import ROOT
from payments.crypto.signatures import hmac_hex
from payments.models import Payment
from tests.factories import PaymentFactory

REQUEST = b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
RIGHT = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nprocessed"
OTHER_WORD = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nignored"
BROKEN = b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"
IN_CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nprocessed\r\n0\r\n\r\n"


class Player:
    """A server that gives these answers in turn, each in two pieces, and then hangs up."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = answers
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._play, daemon=True).start()

    def _play(self) -> None:
        caller, _ = self._socket.accept()
        with caller, self._socket:
            for answer in self._answers:
                caller.recv(65536)
                caller.sendall(answer[:20])
                caller.sendall(answer[20:])
            caller.recv(65536)


def tally_of(*answers: bytes, requests: int) -> tuple[int, dict[str, int]]:
    load = Load(Player(*answers).port, 1, Right(word=b"processed"))
    tally = load.run([REQUEST] * requests, 60)
    return len(tally.latencies), dict(tally.errors)


@pytest.mark.parametrize("answer", [RIGHT, IN_CHUNKS])
def test_a_right_answer_counts_and_has_a_latency(answer: bytes) -> None:
    assert tally_of(answer, answer, requests=2) == (2, {})


def test_another_word_another_status_and_no_answer_are_errors() -> None:
    right, errors = tally_of(RIGHT, OTHER_WORD, BROKEN, requests=4)
    assert right == 1
    assert errors == {"ignored": 1, "500 ": 1, "closed before the answer": 1}


def test_the_load_ends_with_its_time_though_requests_are_left() -> None:
    load = Load(Player(RIGHT).port, 1, Right())
    assert load.run(iter([REQUEST] * 9), 0).sent == 1


def test_a_notice_is_signed_as_stripe_signs() -> None:
    stationery = Stationery("/path", "whsec_x", Names("key", "cs_"))
    head, _, body = stationery.request(FIRST_NUMBER, "e").partition(b"\r\n\r\n")
    found = re.search(rb"Stripe-Signature: t=(\d+),v1=(\w+)", head)
    assert found
    assert found[2].decode() == hmac_hex(b"whsec_x", found[1] + b"." + body)
    assert stationery.signed(1, "e")[1] != stationery.signed(1, "e", b"another")[1]


@time_machine.travel("2026-06-01T12:00:00+00:00", tick=False)  # a signature bears its second
def test_each_notice_is_told_once_and_then_known() -> None:
    stocked: list[str] = []
    stationery = Stationery("/", "secret", Names("key", "cs_"))
    payments = Payments(stationery, ["{first} to {last}"], stocked.extend)
    first = payments.new(0.002)
    tally = Load(Player(RIGHT, RIGHT).port, 1, Right()).run(first[:2], 60)
    payments.used(tally)
    assert stocked == [f"{FIRST_NUMBER} to {FIRST_NUMBER + 4}"]
    assert payments.new(0.002)[0] not in first[:2]
    assert next(payments.known(2)) == first[0]


@pytest.mark.django_db
def test_a_copy_differs_in_its_numbered_names_alone() -> None:
    payment = PaymentFactory.create(reference="order")
    copy = copy_statement(payment, [str(payment.id)[-12:]])
    with connection.cursor() as cursor:
        cursor.execute(copy.format(first=FIRST_NUMBER, last=FIRST_NUMBER + 2))
    made = Payment.objects.exclude(pk=payment.pk).order_by("id")
    assert [str(each.id)[-12:] for each in made] == [str(FIRST_NUMBER + n) for n in range(3)]
    assert {(each.reference, each.amount, each.subject_id) for each in made} == {
        ("order", payment.amount, payment.subject_id)
    }


@pytest.mark.django_db
def test_a_copy_may_have_a_column_of_its_own_making() -> None:
    payment = PaymentFactory.create(amount=1)
    copy = copy_statement(payment, [str(payment.id)[-12:]], {"amount": f"n - {FIRST_NUMBER} + 5"})
    with connection.cursor() as cursor:
        cursor.execute(copy.format(first=FIRST_NUMBER, last=FIRST_NUMBER + 2))
    made = Payment.objects.exclude(pk=payment.pk).order_by("id")
    assert [each.amount for each in made] == [5, 6, 7]


@pytest.mark.django_db
def test_statements_are_heard_with_their_parameters() -> None:
    payment = PaymentFactory.create()
    ((sql, params),) = captured(
        lambda: Payment.objects.filter(reference=payment.reference).exists()
    )
    assert sql.startswith("SELECT")
    assert payment.reference in params


def event_of(number: int, row: UUID) -> list[Statement]:
    names = f'{{"order": "{number}", "paid": true}}'
    return [
        ("INSERT INTO t VALUES (%s, %s, %s, %s)", (row, f"evt_{number}", 7, None)),
        ("UPDATE t SET a = %s WHERE id = %s AND b LIKE '%%x'", (names, row)),
    ]


def test_what_names_the_event_becomes_a_variable_and_the_rest_is_sent_as_it_was() -> None:
    one, other = event_of(FIRST_NUMBER, uuid4()), event_of(FIRST_NUMBER + 1, uuid4())
    script = script_of(FIRST_NUMBER, one, other)
    insert, update = script.lines
    row = "(:v0::text || :n::text || ''::text)::uuid"
    assert insert == f"INSERT INTO t VALUES ({row}, (:v1::text || :n::text || ''::text), 7, NULL);"
    assert update.endswith("AND b LIKE '%x';")
    assert update.count(":n::text") == 2
    assert script.variables["v0"] == "00000000-0000-7000-8000-"
    assert script.variables["v2"] == '{"order": "'


def test_a_row_that_both_events_share_stays_itself() -> None:
    shared = uuid4()
    one, other = event_of(FIRST_NUMBER, shared), event_of(FIRST_NUMBER + 1, shared)
    assert str(shared) in script_of(FIRST_NUMBER, one, other).variables.values()


def test_two_events_that_ask_different_things_make_no_script() -> None:
    one = event_of(FIRST_NUMBER, uuid4())
    with pytest.raises(ValueError, match="did not ask the same"):
        script_of(FIRST_NUMBER, one, one[:1])


@pytest.mark.parametrize(
    ("value", "verdict"), [(9, "reached"), (8, "reached"), (5, "held"), (4.9, "MISSED")]
)
def test_a_goal_where_more_is_better(value: float, verdict: str) -> None:
    assert Goal("rate", 5, 8, lambda figures: 0).verdict(value) == verdict


@pytest.mark.parametrize(("value", "verdict"), [(0.1, "reached"), (0.2, "held"), (0.21, "MISSED")])
def test_a_goal_where_less_is_better(value: float, verdict: str) -> None:
    assert Goal("p95", 0.2, 0.12, lambda figures: 0).verdict(value) == verdict


def test_a_noisy_round_does_not_decide() -> None:
    rounds = [{"a": {"rate": rate}} for rate in (6.0, 0.5, 7.0)]
    assert Goal("rate", 5, 8, lambda figures: figures["a"]["rate"]).value(rounds) == 6


def test_the_service_is_started_as_its_image_starts_it() -> None:
    command = (ROOT / "deploy" / "Dockerfile").read_text().partition("CMD")[2]
    image = " ".join(re.findall(r'"([^"]+)"', command))
    for flag in (
        "--interface wsgi",
        "--blocking-threads 8",
        "--workers-kill-timeout 30",
        "--no-ws",
    ):
        assert flag in FLAGS
        assert flag in image
