"""What operators do: a POST, with a reason, and the history remembers who and why."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from payments.models import (
    ApiKey,
    Discrepancy,
    GatewayOperation,
    Payment,
    Refund,
    StoredEvent,
)
from payments.models.access import digest_of
from payments.services import recovery
from tests.factories import (
    ApiKeyFactory,
    DiscrepancyFactory,
    GatewayOperationFactory,
    OperatorFactory,
    PaymentFactory,
)

RESOLVE = "admin:payments_discrepancy_resolve"
ASK = "admin:payments_payment_ask_the_provider_now"
DONE = "admin:payments_discrepancy_it_was_done"
NOT_DONE = "admin:payments_discrepancy_it_was_not_done"
REVOKE = "admin:payments_apikey_revoke"
MAKE = "admin:payments_apikey_make_a_key"


def operator_of(console: Client) -> str:
    return f"user:{console.session['_auth_user_id']}"


def last_event(payment: Payment) -> StoredEvent:
    return StoredEvent.objects.filter(aggregate_id=str(payment.id)).latest("sequence")


@pytest.mark.django_db(transaction=True)
class TestResolving:
    def test_looking_at_the_form_changes_nothing(self, console: Client) -> None:
        discrepancy = DiscrepancyFactory.create()
        answer = console.get(reverse(RESOLVE, args=[discrepancy.pk]))
        assert answer.status_code == 200
        assert b"csrfmiddlewaretoken" in answer.content
        discrepancy.refresh_from_db()
        assert discrepancy.resolved_at is None
        assert not StoredEvent.objects.exists()

    def test_reason_and_actor_are_kept(self, console: Client) -> None:
        discrepancy = DiscrepancyFactory.create()
        address = reverse(RESOLVE, args=[discrepancy.pk])
        answer = console.post(address, {"reason": "Given back at the provider"}, follow=True)
        assert b"Resolved." in answer.content
        discrepancy.refresh_from_db()
        assert discrepancy.resolved_by == operator_of(console)
        assert discrepancy.resolution == "Given back at the provider"
        assert discrepancy.payment is not None
        event = last_event(discrepancy.payment)
        assert event.type == "payment.audit_log"
        assert event.data["details"] == {
            "action": "resolve_discrepancy",
            "actor": operator_of(console),
            "reason": "Given back at the provider",
        }
        assert event.metadata["user_id"] == operator_of(console)

    @pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
    def test_without_a_fit_reason_nothing_happens(self, console: Client, reason: str) -> None:
        discrepancy = DiscrepancyFactory.create()
        answer = console.post(reverse(RESOLVE, args=[discrepancy.pk]), {"reason": reason})
        assert answer.status_code == 200
        discrepancy.refresh_from_db()
        assert discrepancy.resolved_at is None

    def test_a_second_operator_is_told_and_changes_nothing(self, console: Client) -> None:
        discrepancy = DiscrepancyFactory.create()
        address = reverse(RESOLVE, args=[discrepancy.pk])
        console.post(address, {"reason": "the first"})
        answer = console.post(address, {"reason": "the second"}, follow=True)
        assert b"resolved already" in answer.content
        discrepancy.refresh_from_db()
        assert discrepancy.resolution == "the first"

    def test_what_no_payment_is_about_keeps_a_history_of_its_own(self, console: Client) -> None:
        stranger = DiscrepancyFactory.create(
            operation=None, payment=None, provider="stripe", kind="orphan_charge"
        )
        page = console.get(reverse("admin:payments_discrepancy_change", args=[stranger.pk]))
        assert b"Give it back in the provider" in page.content
        address = reverse(RESOLVE, args=[stranger.pk])
        for reason in ("another shop of ours", "again"):
            console.post(address, {"reason": reason})
        stranger.refresh_from_db()
        assert stranger.resolution == "another shop of ours"
        event = StoredEvent.objects.get(aggregate_id=str(stranger.pk))
        assert event.type == "discrepancy.resolved"
        assert (event.data["actor"], event.data["reason"]) == (
            operator_of(console),
            "another shop of ours",
        )

    def test_a_post_from_elsewhere_is_refused(self) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(OperatorFactory.create())
        discrepancy = DiscrepancyFactory.create()
        address = reverse(RESOLVE, args=[discrepancy.pk])
        assert client.post(address, {"reason": "forged"}).status_code == 403
        assert Discrepancy.objects.get().resolved_at is None

    def test_staff_who_may_only_look_are_refused(self) -> None:
        client = Client()
        client.force_login(OperatorFactory.create(is_superuser=False))
        discrepancy = DiscrepancyFactory.create()
        answer = client.post(reverse(RESOLVE, args=[discrepancy.pk]), {"reason": "not mine"})
        assert answer.status_code == 403
        assert Discrepancy.objects.get().resolved_at is None


def in_doubt(**facts: Any) -> Discrepancy:
    """A charge of which nobody knows how it ended, as recovery hands it to a person."""
    payment = PaymentFactory.create(status="processing")
    operation = GatewayOperationFactory.create(
        payment=payment, current=True, outcome="unknown", gateway_reference="", **facts
    )
    return DiscrepancyFactory.create(
        operation=operation,
        kind=recovery.NOBODY_KNOWS.kind,
        expected=recovery.NOBODY_KNOWS.expected,
        heard=recovery.NOBODY_KNOWS.heard,
    )


@pytest.mark.django_db(transaction=True)
class TestConcluding:
    @pytest.mark.parametrize(
        ("deed", "status", "outcome", "captured"),
        [(DONE, "completed", "succeeded", 12_550), (NOT_DONE, "created", "declined", 0)],
    )
    def test_what_nobody_knows_is_decided_by_a_person_with_a_reason(
        self, console: Client, deed: str, status: str, outcome: str, captured: int
    ) -> None:
        discrepancy = in_doubt()
        address = reverse(deed, args=[discrepancy.pk])
        page = reverse("admin:payments_discrepancy_change", args=[discrepancy.pk])
        assert address.encode() in console.get(page).content
        assert console.get(address).status_code == 200
        assert not StoredEvent.objects.exists()
        answer = console.post(address, {"reason": "Seen in their dashboard"}, follow=True)
        assert f"the payment is {status} now".encode() in answer.content
        payment = Payment.objects.get()
        assert (payment.status, payment.outcome) == (status, outcome)
        assert payment.amount_captured == captured
        discrepancy.refresh_from_db()
        assert discrepancy.resolved_by == operator_of(console)
        audit = StoredEvent.objects.get(type="payment.audit_log")
        assert audit.data["details"] == {
            "action": "conclude_done" if captured else "conclude_not_done",
            "actor": operator_of(console),
            "reason": "Seen in their dashboard",
        }
        assert last_event(payment).data["heard_from"] == "operator"
        assert address.encode() not in console.get(page).content

    def test_what_a_provider_has_told_is_not_for_people_to_decide(self, console: Client) -> None:
        discrepancy = in_doubt()
        GatewayOperation.objects.update(outcome="declined")
        answer = console.post(reverse(DONE, args=[discrepancy.pk]), {"reason": "hm"}, follow=True)
        assert b"at least 3 characters" in answer.content
        answer = console.post(reverse(DONE, args=[discrepancy.pk]), {"reason": "hmm"}, follow=True)
        assert b"Nobody has to decide this: it is declined" in answer.content
        assert Payment.objects.get().status == "processing"
        assert not StoredEvent.objects.exists()

    def test_a_stranger_is_about_no_attempt_of_ours(self, console: Client) -> None:
        stranger = DiscrepancyFactory.create(operation=None, payment=None, provider="stripe")
        answer = console.post(reverse(DONE, args=[stranger.pk]), {"reason": "why"}, follow=True)
        assert b"about no attempt of ours" in answer.content

    @pytest.mark.parametrize(
        ("deed", "status", "given"), [(DONE, "refunded", 12_550), (NOT_DONE, "completed", 0)]
    )
    def test_a_refund_that_nobody_knows_of_is_counted_or_its_sum_is_free_again(
        self, console: Client, deed: str, status: str, given: int
    ) -> None:
        payment = PaymentFactory.create(status="completed", refund_pending=12_550)
        refund = GatewayOperationFactory.create(payment=payment, kind="refund", outcome="unknown")
        Refund.objects.create(payment=payment, operation=refund)
        discrepancy = DiscrepancyFactory.create(operation=refund)
        console.post(reverse(deed, args=[discrepancy.pk]), {"reason": "Seen there"})
        payment.refresh_from_db()
        assert (payment.status, payment.amount_refunded) == (status, given)
        assert payment.refund_pending == 0


@pytest.mark.django_db(transaction=True)
class TestAskingTheProvider:
    def test_looking_at_the_form_asks_nobody(self, console: Client) -> None:
        payment = GatewayOperationFactory.create(current=True).payment
        assert console.get(reverse(ASK, args=[payment.pk])).status_code == 200
        assert not StoredEvent.objects.exists()

    def test_a_provider_that_cannot_be_reached_changes_nothing_but_the_history(
        self, console: Client, settings: Any
    ) -> None:
        nobody = {"paytabs": settings.PROVIDERS["paytabs"] | {"api_base": "http://127.0.0.1:9"}}
        settings.PROVIDERS = nobody
        payment = GatewayOperationFactory.create(current=True).payment
        answer = console.post(reverse(ASK, args=[payment.pk]), {"reason": "It hangs"}, follow=True)
        assert b"gave no answer" in answer.content
        event = last_event(payment)
        assert event.data["details"]["action"] == "ask_provider"
        assert event.data["details"]["actor"] == operator_of(console)
        assert event.data["details"]["reason"] == "It hangs"
        was = payment.status
        payment.refresh_from_db()
        assert payment.status == was

    def test_a_payment_that_was_never_sent_is_not_asked_about(self, console: Client) -> None:
        payment = PaymentFactory.create()
        answer = console.post(reverse(ASK, args=[payment.pk]), {"reason": "why not"}, follow=True)
        assert b"Nothing was sent" in answer.content
        assert not StoredEvent.objects.exists()


class TestKeys:
    def test_a_key_is_shown_once_and_works(self, console: Client) -> None:
        wish = {"name": "shop", "scopes": ["payments:read"], "reason": "A new merchant"}
        answer = console.post(reverse(MAKE), wish)
        assert "no-store" in answer["Cache-Control"]
        found = re.search(r"bk_([0-9a-f]+)_([\w-]+)", answer.content.decode())
        assert found
        key = ApiKey.objects.get(prefix=found[1])
        assert key.digest == digest_of(found[2])
        assert key.scopes == ["payments:read"]
        for address in ("admin:payments_apikey_changelist", "admin:payments_apikey_change"):
            args = [key.pk] if address.endswith("change") else []
            assert found[2] not in console.get(reverse(address, args=args)).content.decode()
        entry = LogEntry.objects.get()
        assert "A new merchant" in entry.get_change_message()
        assert f"user:{entry.user_id}" == operator_of(console)

    def test_looking_at_the_forms_changes_nothing(self, console: Client) -> None:
        key = ApiKeyFactory.create()
        assert console.get(reverse(MAKE)).status_code == 200
        assert console.get(reverse(REVOKE, args=[key.pk])).status_code == 200
        key.refresh_from_db()
        assert ApiKey.objects.count() == 1
        assert key.is_live()

    def test_a_key_without_scopes_or_reason_is_not_made(self, console: Client) -> None:
        console.post(reverse(MAKE), {"name": "shop", "reason": "A new merchant"})
        console.post(reverse(MAKE), {"name": "shop", "scopes": ["payments:read"]})
        console.post(reverse(MAKE), {"name": "shop", "scopes": ["everything"], "reason": "more"})
        assert not ApiKey.objects.exists()

    def test_a_revoked_key_no_longer_calls(self, console: Client) -> None:
        key = ApiKeyFactory.create()
        console.post(reverse(REVOKE, args=[key.pk]), {"reason": "It leaked"})
        key.refresh_from_db()
        assert not key.is_live()
        assert "It leaked" in LogEntry.objects.get().get_change_message()

    def test_a_key_is_not_revoked_without_a_reason(self, console: Client) -> None:
        key = ApiKeyFactory.create()
        console.post(reverse(REVOKE, args=[key.pk]), {"reason": ""})
        key.refresh_from_db()
        assert key.is_live()
