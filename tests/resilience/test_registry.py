"""One breaker a name."""

import pytest

from payments.resilience import registry
from payments.resilience.breaker import Breaker
from payments.resilience.policy import Policy


@pytest.fixture(autouse=True)
def _in_memory(own_registry: None) -> None:
    policy = Policy()
    registry.configure(lambda name: Breaker(registry.open_store(name, policy, "", ""), policy))


def test_a_name_is_one_breaker() -> None:
    assert registry.get("paytabs-verify") is registry.get("paytabs-verify")
    assert registry.get("paytabs-verify") is not registry.get("stripe-create")
    assert [breaker.name for breaker in registry.known()] == ["paytabs-verify", "stripe-create"]


@pytest.mark.parametrize("name", ["", "Upper", "a b", "x" * 65, "naïve", "new\nline", "{a}", "a\n"])
def test_what_cannot_be_a_key_cannot_be_a_name(name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        registry.get(name)


def test_another_configuration_makes_other_breakers() -> None:
    before = registry.get("stripe-create")
    strict = Policy(error_rate=1)
    registry.configure(lambda name: Breaker(registry.open_store(name, strict, "", ""), strict))
    assert registry.get("stripe-create") is not before
    assert registry.get("stripe-create").policy.error_rate == 1
