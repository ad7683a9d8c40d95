"""What tests of the service stand on: a caller with a key, and a transport that never dials."""

import pytest
from django.test import Client

from payments.gateways import transport
from payments.models import ApiKey
from tests.fakes import FakeTransport


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> FakeTransport:
    fake = FakeTransport()
    monkeypatch.setattr(transport, "send", fake.send)
    return fake


@pytest.fixture
def api(transactional_db: None) -> Client:
    return caller("payments:read", "payments:write")


def caller(*scopes: str) -> Client:
    _, text = ApiKey.issue("test", list(scopes))
    return Client(headers={"Authorization": f"Bearer {text}"})
