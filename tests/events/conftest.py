"""Subscriptions that end with their test."""

from collections.abc import Callable

import pytest

from payments.events import durable
from payments.events.durable import Handler


@pytest.fixture
def subscribe(monkeypatch: pytest.MonkeyPatch) -> Callable[[Handler], Handler]:
    """Only what a test subscribes hears of anything in it."""
    monkeypatch.setattr(durable, "_handlers", {})
    monkeypatch.setattr(durable, "_by_signal", {})

    def subscribed(handler: Handler) -> Handler:
        durable.subscribe(handler)
        return handler

    return subscribed
