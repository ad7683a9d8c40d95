"""Every provider's vectors of signed notifications: a folder of cases each, one rule for all."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from payments.gateways.contract import Evidence, Form, Gateway, Setting
from payments.gateways.paypal import CERTIFICATE_HOSTS, PayPal
from payments.gateways.registry import TRANSLATORS
from tests.contracts.sixth import Sixth
from tests.contracts.vectors import CASES, VECTORS, name_of, verdict

NOW = datetime(2026, 1, 1, tzinfo=UTC)
USUAL = {"base": "", "timeout": timedelta(seconds=30), "settling_time": timedelta(seconds=120)}
# Authentic, and ten minutes ahead of our clock: Stripe's own library takes it, and says that
# others need not. We take no clock that is far off, in either direction.
STRICTER = {"stripe-pub-11"}


def told(setting: Setting, vector: dict[str, Any]) -> Any:
    """A setting as the vector has it: by its name, or else the one secret that there is."""
    if setting.usual is not None:
        return setting.usual
    text = vector.get(setting.name, vector.get("secret", "") if setting.is_credential else "")
    return {Form.ITEMS: tuple(filter(None, [text])), Form.NUMBER: 100001}.get(setting.form, text)


def receiver_of(provider: str, vector: dict[str, Any]) -> Gateway:
    translator = (TRANSLATORS | {"sixth": Sixth})[provider]
    settings = {each.name: told(each, vector) for each in translator.told}
    gateway = translator.made(settings, USUAL | {"base": translator.home})
    if isinstance(gateway, PayPal):
        roots = (vector["cert_pem"].encode(),)
        hosts = frozenset().union(*CERTIFICATE_HOSTS.values())
        return replace(gateway, trusted_roots=roots, certificate_hosts=hosts)
    return gateway


def moment_of(vector: dict[str, Any]) -> datetime:
    now = vector.get("now", NOW.isoformat())
    return datetime.fromisoformat(now) if isinstance(now, str) else datetime.fromtimestamp(now, UTC)


@pytest.mark.parametrize(
    ("provider", "vector"), [pytest.param(*each, id=name_of(each[1])) for each in VECTORS]
)
def test_each_notification_gets_its_verdict(provider: str, vector: dict[str, Any]) -> None:
    evidence = Evidence(moment_of(vector), vector.get("cert_pem", "").encode())
    expected = "reject" if name_of(vector) in STRICTER else vector["expected"]
    assert verdict(receiver_of(provider, vector), vector, evidence) == expected


def test_no_provider_and_no_vector_is_left_out() -> None:
    folders = [json.loads(path.read_text()) for path in CASES.glob("*/vectors.json")]
    assert {each["provider"] for each in folders} == {*TRANSLATORS, "sixth"}
    assert sum(each["count"] for each in folders) == 56
    returns = [each for folder in folders for each in folder["vectors"] if "return" in each["kind"]]
    assert len(VECTORS) + len(returns) == 56
