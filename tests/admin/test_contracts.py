"""Contracts in the console."""

from django.test import Client
from django.urls import reverse

from payments.models import ApiKey, Contract
from tests.callers import caller


def test_a_contract_is_written_down_in_the_console(console: Client) -> None:
    caller("payments:write")
    form = {
        "key": ApiKey.objects.get().pk,
        "reference": "rent-9",
        "amount": "125.50",
        "currency": "aed",
        "schedule": "monthly",
        "starts_on": "2026-01-31",
        "employees": "emp-1 2500\nemp-2 100",
        "reason": "signed today",
    }
    address = reverse("admin:payments_contract_write_down")
    assert b"like: emp-7" in console.post(address, form | {"employees": "emp-1"}).content
    console.post(address, form)
    made = Contract.objects.get()
    page = console.get(f"/admin/payments/contract/{made.pk}/change/").content
    assert b"125.50 AED" in page
    assert b"25.00 %" in page
