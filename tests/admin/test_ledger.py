"""The ledger in the console: balances by provider and currency, and a payment's own postings."""

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from payments.gateways.messages import DisputeStatus
from payments.models import ApiKey
from payments.money import Money
from payments.statuses import OperationKind, Outcome
from tests.lives import begun, disputed, heard, refunding

SUCCEEDED = Outcome.SUCCEEDED
FEE = Money(150, "AED")


def page(console: Client) -> str:
    answer = console.get(reverse("admin:payments_posting_changelist"))
    assert answer.status_code == 200
    return answer.content.decode()


def test_without_money_it_says_so(console: Client) -> None:
    assert "no money has moved" in page(console)


def test_it_tells_where_the_money_is_and_whose(console: Client) -> None:
    key, _ = ApiKey.issue("Bakery", ["payments:read"])
    payment = heard(begun(owner_id=key.owner_id), SUCCEEDED, fee=FEE)
    heard(refunding(payment, 3_000), SUCCEEDED)
    disputed(heard(begun(), SUCCEEDED), DisputeStatus.LOST)
    heard(begun(OperationKind.AUTHORIZE), SUCCEEDED)
    told = " ".join(page(console).split())
    assert "<strong>68.50 AED</strong> <span>owed to 2 merchants</span>" in told
    assert "<dt>captured</dt> <dd>200.00 AED</dd>" in told
    assert "<dt>reserved besides</dt> <dd>100.00 AED</dd>" in told
    assert "<dt>Bakery</dt> <dd>68.50 AED</dd>" in told
    for piece in ('"is-refunds" x="342" width="150"', '"is-disputes" x="492" width="500"'):
        assert piece in told


def test_what_is_owed_to_the_provider_has_no_width(console: Client) -> None:
    payment = heard(begun(), SUCCEEDED, fee=FEE)
    heard(refunding(payment, 10_000), SUCCEEDED)
    told = " ".join(page(console).split())
    assert "<strong>-1.50 AED</strong>" in told
    assert 'class="is-provider" x="0" width="0"' in told
    assert 'class="is-refunds" x="0" width="1000"' in told


def test_a_payments_page_has_its_postings(console: Client) -> None:
    payment = heard(begun(), SUCCEEDED, fee=FEE)
    address = reverse("admin:payments_payment_change", args=[payment.pk])
    told = console.get(address).content.decode()
    assert "1.50 AED" in told
    assert "captured" in told.lower()


def test_the_page_costs_as_many_queries_however_much_was_posted(console: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            page(console)
        return len(caught)

    heard(begun(), SUCCEEDED)
    before = queries()
    for _ in range(4):
        heard(begun(), SUCCEEDED, fee=FEE)
    assert queries() == before


@pytest.mark.parametrize(("permission", "status"), [("view_posting", 200), ("view_payment", 403)])
def test_it_is_for_who_may_see_it(client: Client, db: None, permission: str, status: int) -> None:
    somebody = User.objects.create(username="clerk", is_staff=True)
    somebody.user_permissions.add(Permission.objects.get(codename=permission))
    client.force_login(somebody)
    assert client.get(reverse("admin:payments_posting_changelist")).status_code == status
