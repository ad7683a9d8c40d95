"""A hundred thousand payments, and no query of the road that reads them all."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import QuerySet
from pytest_django import DjangoDbBlocker

from payments.api.filters import PaymentFilter
from payments.models import GatewayOperation, Payment
from payments.services import recovery

ROWS = 100_000
OWNER = UUID(int=3)
IS_POSTGRES = connection.vendor == "postgresql"
ID = "lpad(to_hex({}), 32, '0')::uuid" if IS_POSTGRES else "printf('%032x', {})"
NO = "false" if IS_POSTGRES else "0"
WHEN = (
    "now() - n * interval '5 minutes'"
    if IS_POSTGRES
    else "strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (n * 5) || ' minutes')"
)
PAYMENTS = f"""
INSERT INTO payments_payment (id, owner_id, reference, status, version, amount, currency,
  amount_authorized, amount_captured, amount_refunded, refund_pending, capture, provider,
  provider_is_named, payment_method, payment_methods, language, description, customer_digest,
  contract, return_url, callback_url,
  metadata, failure_code, failure_message, created_at, updated_at, completed_at)
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {ROWS})
SELECT {ID.format("n")}, {ID.format("n % 10")}, 'order-' || n,
  CASE n % 20 WHEN 0 THEN 'failed' WHEN 1 THEN 'created' ELSE 'completed' END, 1,
  100 + n, CASE n % 3 WHEN 0 THEN 'KWD' ELSE 'AED' END, 0,
  CASE WHEN n % 20 > 1 THEN 100 + n ELSE 0 END, 0, 0, 'automatic', 'paytabs',
  {NO}, '', '[]', '', '',
  'customer-' || (n % 5000), 'contract-' || (n % 2000), '', '', '{{}}', '', '',
  {WHEN}, {WHEN}, CASE WHEN n % 20 > 1 THEN {WHEN} END
FROM numbers"""
OPERATIONS = f"""
INSERT INTO payments_gatewayoperation (id, payment_id, kind, provider, amount, currency, outcome,
  gateway_reference, ids, redirect_url, failure_code, failure_message, routing_reason,
  may_have_left, is_orphan, started_at, deadline_at, next_check_at, checks)
SELECT id, id, 'charge', 'paytabs', amount, currency,
  CASE status WHEN 'completed' THEN 'succeeded' WHEN 'failed' THEN 'declined' ELSE 'pending' END,
  'TST' || reference, '{{}}', '', '', '', '', {NO}, {NO}, created_at,
  created_at,
  CASE WHEN status = 'created' AND reference LIKE '%1' THEN created_at END, 0
FROM payments_payment"""


# Row by row, with everything that refers to them, PostgreSQL takes a quarter of a minute for it.
EMPTYING = (
    ("TRUNCATE payments_payment CASCADE",)
    if IS_POSTGRES
    else ("DELETE FROM payments_gatewayoperation", "DELETE FROM payments_payment")
)


@pytest.fixture(scope="module")
def many(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute(PAYMENTS)
            cursor.execute(OPERATIONS)
            cursor.execute("VACUUM ANALYZE" if IS_POSTGRES else "ANALYZE")
        yield
        with connection.cursor() as cursor:
            for statement in EMPTYING:
                cursor.execute(statement)


def plan_of(rows: QuerySet[Any]) -> str:
    return rows.explain()


def reads_all(plan: str) -> bool:
    if IS_POSTGRES:
        # Of the rest there are few rows here, and PostgreSQL rightly reads few rows whole.
        return bool(re.search(r"Seq Scan on payments_(payment|gatewayoperation)\b", plan))
    return bool(re.search(r"\bSCAN (payments?_\w+|[A-Z]\d)\s*$", plan, re.MULTILINE))


def page(**facts: Any) -> QuerySet[Any]:
    """The list's own query: filtered, joined, in its order, one page."""
    payments = Payment.objects.select_related("current_operation", "subject")
    found = PaymentFilter(facts, queryset=payments.filter(owner_id=OWNER)).qs
    rows: QuerySet[Any] = found.order_by("-created_at", "-id")[:51]
    return rows


RECENT = "2026-01-01T00:00:00Z"
FILTERS: list[dict[str, Any]] = [
    {},
    {"status": ["failed"]},
    {"status": ["failed", "created"]},
    {"provider": "paytabs"},
    {"provider": "stripe"},
    {"currency": "KWD"},
    {"reference": "order-777"},
    {"contract": "contract-77"},
    {"customer": "c-7"},
    {"created_after": RECENT},
    {"created_before": RECENT},
    {"currency": "AED", "min_amount": "900.00"},
    {"currency": "AED", "max_amount": "1.50"},
    {"currency": "AED", "min_amount": "5.00", "max_amount": "5.10"},
    {"status": ["completed"], "currency": "KWD", "created_after": RECENT},
]


@pytest.mark.django_db
@pytest.mark.parametrize("facts", FILTERS, ids=str)
def test_no_filter_of_the_list_reads_every_payment(many: None, facts: dict[str, Any]) -> None:
    assert not reads_all(plan_of(page(**facts))), plan_of(page(**facts))


@pytest.mark.django_db
@pytest.mark.parametrize("status", [None, "created"])
def test_an_operators_list_does_not_either(many: None, status: str | None) -> None:
    payments = Payment.objects.select_related("current_operation", "subject")
    rows = payments.filter(status=status) if status else payments
    assert not reads_all(plan_of(rows.order_by("-created_at", "-id")[:51]))


@pytest.mark.django_db
def test_the_sweep_reads_only_what_is_due(many: None) -> None:
    plan = plan_of(recovery.due(older_than=None))
    assert "operation_due" in plan, plan
    assert not reads_all(plan)


LOOKUPS: list[QuerySet[Any]] = [
    GatewayOperation.objects.filter(provider="paytabs", gateway_reference="TSTorder-9"),
    GatewayOperation.objects.filter(payment_id=UUID(int=9)).order_by("started_at", "id"),
    Payment.objects.filter(pk=UUID(int=9)),
]


@pytest.mark.django_db
@pytest.mark.parametrize("rows", LOOKUPS, ids=["reference", "attempts", "payment"])
def test_what_the_road_looks_up_is_found_by_an_index(many: None, rows: QuerySet[Any]) -> None:
    assert not reads_all(plan_of(rows)), plan_of(rows)
