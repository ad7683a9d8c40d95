"""What an operator learns of blocks, and can do about them."""

import json
from io import StringIO
from typing import Any

import pytest
import structlog
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from django.test import RequestFactory
from pytest_django import Settings

from payments.api import blocks
from payments.events import store
from tests.monitoring.test_metrics import figure, figures
from tests.payments.blocking import (
    ADDRESS,
    ELSEWHERE,
    LIST,
    block_strangers,
    few_calls,
    later,
    security_events,
    statuses,
    stranger,
    waited_for,
)

__all__ = ["few_calls"]
pytestmark = pytest.mark.usefixtures("few_calls")


def test_the_operator_is_told_once_who_was_blocked_and_why() -> None:
    with structlog.testing.capture_logs() as lines:
        block_strangers()
        statuses(stranger(), 10)
    assert [line["source"] for line in lines if line["event"] == "source_blocked"] == [
        f"address:{ADDRESS}"
    ]
    (event,) = security_events()
    assert (event["reason"], event["source"]) == ("source_blocked", f"address:{ADDRESS}")
    assert "'default'" in event["detail"]


def test_a_block_holds_where_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise DatabaseError("the connection is closed")

    monkeypatch.setattr(store, "hold", die)
    block_strangers()
    assert waited_for(stranger().get(LIST)) > 60
    assert security_events() == []


def told(*words: str, **options: Any) -> str:
    out, err = StringIO(), StringIO()
    call_command("rate_limit_blocks", *words, stdout=out, stderr=err, **options)
    return out.getvalue()


def test_a_block_can_be_seen_and_lifted() -> None:
    assert told() == "Nobody is turned away.\n"
    block_strangers()
    assert f"address:{ADDRESS}" in told("list")
    (shown,) = json.loads(told("list", "--json"))
    assert (shown["source"], shown["limit"]) == (f"address:{ADDRESS}", "default")
    assert "heard again" in told("lift", ADDRESS, "--reason", "our own test")
    with later(minutes=1):
        assert stranger().get(LIST).status_code == 401
    assert [event["reason"] for event in security_events()] == ["source_blocked", "block_lifted"]


def test_after_a_lift_it_is_counted_anew() -> None:
    block_strangers()
    told("lift", ADDRESS)
    assert statuses(stranger(), 3) == [429] * 3
    assert blocks.blocks() == []
    statuses(stranger(), 1)
    assert len(blocks.blocks()) == 1


@pytest.mark.parametrize(
    ("text", "source"),
    [
        (ADDRESS, f"address:{ADDRESS}"),
        (f"address:{ADDRESS}", f"address:{ADDRESS}"),
        ("2001:db8::1", "address:2001:db8::/64"),
        ("2001:db8::/64", "address:2001:db8::/64"),
        ("address:2001:db8::/64", "address:2001:db8::/64"),
        ("0123456789ab", "key:0123456789ab"),
        ("key:0123456789ab", "key:0123456789ab"),
        ("bk_0123456789ab_secret", "key:0123456789ab"),
    ],
)
def test_an_operator_may_name_a_source_as_it_is_at_hand(text: str, source: str) -> None:
    assert blocks.named(text) == source


@pytest.mark.parametrize("words", [["lift"], ["lift", ELSEWHERE]])
def test_lifting_what_is_not_blocked_is_a_mistake(words: list[str]) -> None:
    with pytest.raises(CommandError):
        told(*words)


def test_the_list_has_an_end_however_many_are_blocked(settings: Settings) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"block_address_after": "1/10m"}
    for number in range(blocks._LISTED_AT_MOST + 20):
        request = RequestFactory().get("/", REMOTE_ADDR=f"10.0.{number // 250}.{number % 250}")
        blocks.note_excess(request, blocks.address_of(request), "default")
    assert len(blocks.blocks()) == blocks._LISTED_AT_MOST


def test_metrics_count_who_was_blocked_and_for_which_limit() -> None:
    def counted() -> float:
        return figure(figures(), "sources_blocked_total", source="address", limit="default")

    before = counted()
    block_strangers()
    assert counted() - before == 1
