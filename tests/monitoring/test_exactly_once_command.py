"""`verify_exactly_once`: what it prints, how it exits, whom it asks; it changes nothing."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from monitoring.exactly_once.audit import Audit
from monitoring.exactly_once.lists import ListsAndLookups
from monitoring.exactly_once.truth import Holding
from payments.gateways import transport
from payments.gateways.wire import Lost, NotSent, WireRequest, WireResponse
from payments.models import GatewayOperation, Payment
from payments.services.refunds import refund_payment
from tests.factories import PaymentFactory
from tests.fakes import FakeTransport, answer, notification
from tests.payments.test_recovery import found
from tests.webhooks.deliveries import deliver, news, open_page

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page(provider: FakeTransport) -> GatewayOperation:
    page = open_page()
    assert deliver(news(page)).status_code == 200
    provider.replies["query"] = found("A")
    return page


def verify(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, list[dict[str, Any]]]:
    """Its exit status, and each line as JSON."""
    status = 0
    try:
        call_command("verify_exactly_once", "--json", *options)
    except SystemExit as end:
        status = int(str(end.code))
    return status, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_where_all_is_well_it_says_what_it_checked(
    page: GatewayOperation, capsys: pytest.CaptureFixture[str]
) -> None:
    status, (summary,) = verify(capsys)
    assert status == 0
    assert summary["broken"] == 0
    assert summary["checked"] == {
        "payments": 1,
        "attempts": 1,
        "events": 4,
        "attempts seen at providers": 1,
        "attempts asked about by key": 1,
        "webhook events": 1,
        "deliveries": 3,
    }
    assert (summary["unseen"], summary["unseen_disputes"], summary["unseen_lists"]) == ({}, {}, [])
    assert summary["cannot_be_seen"] == [
        "what paytabs did under no name of ours: it has no list",
        "disputes that nobody told us of",
    ]


def test_each_broken_rule_is_a_line_and_the_exit_is_1(
    page: GatewayOperation, provider: FakeTransport, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.replies["query"] = answer([])
    status, (line, summary) = verify(capsys)
    assert status == 1
    assert (line["rule"], line["subject"]) == (
        "nothing_is_invented",
        f"payment {page.payment_id}",
    )
    assert summary["broken"] == 1


def test_for_people_it_is_sentences(
    page: GatewayOperation, provider: FakeTransport, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.replies["query"] = answer([])
    with pytest.raises(SystemExit):
        call_command("verify_exactly_once")
    said = capsys.readouterr().out
    assert f"nothing_is_invented: payment {page.payment_id} counts {page.pk} as paid" in said
    assert "Broken: 1." in said


def test_where_there_is_nothing_the_exit_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(capsys)[0] == 2


def test_where_no_provider_answers_it_says_so_and_the_exit_is_2(
    page: GatewayOperation, provider: FakeTransport, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.replies["query"] = Lost("silence")
    status, (summary,) = verify(capsys)
    assert (status, summary["unseen"]) == (2, {"paytabs": 1})


def test_a_key_that_is_answered_without_a_list_is_looked_up(
    page: GatewayOperation, provider: FakeTransport, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.replies["query"] = lambda asked: answer(
        json.loads(notification(asked["cart_id"], "TSTA"))
    )
    status, (summary,) = verify(capsys)
    assert (status, summary["checked"]["attempts looked up"]) == (0, 1)


def test_an_attempt_at_a_company_that_is_gone_is_not_seen(page: GatewayOperation) -> None:
    GatewayOperation.objects.update(provider="gone")
    audit = Audit(ListsAndLookups())
    list(audit.run())
    assert audit.unseen == {"gone": 1}


def test_what_is_older_or_elsewhere_is_left_out(
    page: GatewayOperation, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    other = PaymentFactory.create(provider="")
    Payment.objects.filter(pk=other.pk).update(created_at=timezone.now() - timedelta(days=2))
    assert verify(capsys)[1][-1]["checked"]["payments"] == 2
    yesterday = (timezone.now() - timedelta(days=1)).isoformat()
    assert verify(capsys, "--since", yesterday)[1][-1]["checked"]["payments"] == 1
    assert verify(capsys, "--provider", "paytabs")[1][-1]["checked"]["payments"] == 1


@pytest.mark.parametrize("text", ["yesterday", "2026-01-31", "2026-01-31T00:00:00", "2026-13-01T0"])
def test_a_moment_without_its_zone_is_refused(text: str) -> None:
    with pytest.raises(CommandError):
        call_command("verify_exactly_once", "--since", text)


def test_without_a_list_each_attempt_is_asked_about_once(
    page: GatewayOperation, provider: FakeTransport
) -> None:
    def refunded(body: dict[str, Any]) -> Any:
        entry = json.loads(notification(body["cart_id"], "TSTREFUND"))
        back = entry | {"tran_type": "Refund", "tran_total": body["cart_amount"]}
        charged = provider.replies["query"]
        provider.replies["query"] = lambda asked: (
            charged(asked) if asked["cart_id"] == page.key else answer([back])  # type: ignore[operator] # a function, as found() makes it
        )
        return answer(back)

    provider.replies["request"] = refunded
    refund = refund_payment(payment_id=page.payment_id)
    page.refresh_from_db()
    asked = provider.count("query")
    held = ListsAndLookups().holdings_of([[page, refund.operation]])
    assert held == {page.pk: Holding("AED", 12_550, 12_550)}
    assert provider.count("query") == asked + 2


def everything() -> list[Any]:
    with connection.cursor() as cursor:
        rows = []
        for table in sorted(connection.introspection.table_names()):
            cursor.execute(f'SELECT * FROM "{table}"')
            rows.append((table, sorted(map(repr, cursor.fetchall()))))
    return rows


def test_it_changes_nothing(page: GatewayOperation, capsys: pytest.CaptureFixture[str]) -> None:
    open_page()
    before = everything()
    verify(capsys)
    assert everything() == before


# --- the sandbox's books


def test_the_sandboxs_books_are_read_in_place_of_lookups(
    page: GatewayOperation,
    provider: FakeTransport,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings.DEBUG = True
    row = {"reference": page.key, "transaction_ref": "T1", "amount": "125.50", "currency": "AED"}
    books = [row | {"status": "captured", "captured": "125.50", "refunded": "0.00"}]

    def control(name: str, request: WireRequest, timeout: timedelta) -> WireResponse:
        assert request.url.endswith("/control/paytabs/payments")
        return answer(books) if ":8001/" in request.url else answer({}, status=404)

    monkeypatch.setattr(transport, "send", control)
    options = ("--sandbox-url=http://127.0.0.1:8002", "--sandbox-url=http://127.0.0.1:8001/")
    assert verify(capsys, *options)[0] == 0
    with pytest.raises(CommandError, match="No sandbox plays paytabs"):
        verify(capsys, options[0])
    books.append(row | {"status": "captured", "captured": "125.50", "refunded": "0.00"})
    status, lines = verify(capsys, *options)
    assert status == 1
    assert {line.get("rule") for line in lines[:-1]} == {
        "captures_agree",
        "the_payer_is_charged_once",
    }


def test_a_sandbox_that_is_not_there_is_said_and_the_exit_is_2(
    page: GatewayOperation, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    def nobody(*_: Any) -> None:
        raise NotSent("refused")

    settings.DEBUG = True
    monkeypatch.setattr(transport, "send", nobody)
    with pytest.raises(CommandError, match="refused") as told:
        call_command("verify_exactly_once", "--sandbox-url=http://127.0.0.1:8001")
    assert told.value.returncode == 2


def test_a_sandbox_is_not_believed_in_production(settings: Settings) -> None:
    settings.DEBUG = False
    with pytest.raises(CommandError, match="development"):
        call_command("verify_exactly_once", "--sandbox-url=http://127.0.0.1:8001")
