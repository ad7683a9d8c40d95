"""Who changed something is known to every process, and it costs next to nothing to know it."""

from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from payments import replica
from payments.api.freshness import must_be_fresh
from payments.models import ApiKey
from tests.callers import caller

pytestmark = pytest.mark.django_db
BODY = {"amount": "125.50", "currency": "AED"}


@pytest.fixture
def merchant(monkeypatch: pytest.MonkeyPatch) -> Client:
    """Where there is a replica; nobody asks it in here."""
    monkeypatch.setattr(replica, "is_configured", lambda: True)
    return caller("payments:read", "payments:write")


def create(client: Client) -> Any:
    return client.post("/payments/v2/create", BODY, "application/json")


def changed_at() -> Any:
    return ApiKey.objects.get().changed_at


class Asked:
    def __init__(self, auth: object) -> None:
        self.auth: Any = auth


def test_a_change_is_noted_once_in_a_while(merchant: Client) -> None:
    create(merchant)
    noted = changed_at()
    with CaptureQueriesContext(connection) as queries:
        create(merchant)
    assert noted == changed_at() is not None
    assert not [q for q in queries.captured_queries if '"changed_at" =' in q["sql"]]


def test_it_is_noted_of_all_keys_of_the_merchant(merchant: Client) -> None:
    first = ApiKey.objects.get()
    second, _ = ApiKey.issue("next", ["payments:read"], rotated_from=first)
    create(merchant)
    second.refresh_from_db()
    assert must_be_fresh(Asked(second))  # type: ignore[arg-type] # all that is asked of it
    assert not must_be_fresh(Asked(ApiKey.issue("other", [])[0]))  # type: ignore[arg-type]


def test_who_reads_a_payment_reads_nothing_older_afterwards(merchant: Client) -> None:
    payment = create(merchant).json()["id"]
    ApiKey.objects.update(changed_at=None)
    merchant.get(f"/payments/v2/{payment}")
    assert changed_at() is not None


@pytest.mark.parametrize("path", ["/stats", "/customers/c-1/history"])
def test_who_only_reads_figures_changes_nothing(merchant: Client, path: str) -> None:
    merchant.get(f"/payments/v2{path}")
    assert changed_at() is None


def test_an_operator_at_the_console_is_always_told_by_the_primary() -> None:
    assert must_be_fresh(Asked(None))  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [401, 405])
def test_who_is_turned_away_has_changed_nothing(merchant: Client, status: int) -> None:
    if status == 401:
        stranger = Client(headers={"Authorization": "Bearer bk_nobody_nothing"})
        assert create(stranger).status_code == 401
    else:
        assert merchant.delete("/payments/v2/create").status_code == 405


def test_an_answer_is_given_although_the_change_cannot_be_noted(merchant: Client) -> None:
    def refuse(execute: Any, sql: str, *rest: Any) -> Any:
        if '"changed_at" =' in sql:
            raise DatabaseError("gone")
        return execute(sql, *rest)

    with connection.execute_wrapper(refuse):
        assert create(merchant).status_code == 201


def test_where_there_is_no_replica_nothing_is_noted() -> None:
    create(caller("payments:write"))
    assert changed_at() is None
