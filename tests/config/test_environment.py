"""What the environment may say, and what is said to those who write it wrong."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from config import breakers, parsers, providers, stores
from config.environment import ROOT, Environment, documented_names
from config.settings import env as environment_of_the_settings
from payments.gateways.messages import Lookup
from payments.gateways.registry import TRANSLATORS, gateway_named
from payments.resilience.policy import Policy
from payments.services.breakers import policy_for
from payments.statuses import OperationKind

_KEY = "ab" * 32

_NEEDED = {
    "DJANGO_SECRET_KEY": "s" * 32,
    "ENCRYPTION_KEY": _KEY,
    "AUDIT_KEY": _KEY,
    "HASH_SALT": "s" * 16,
    "PUBLIC_URL": "https://pay.example.com",
    "DJANGO_ALLOWED_HOSTS": "pay.example.com",
}


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parsers.flag, "True", True),
        (parsers.flag, "off", False),
        (parsers.integer(0, 9), "9", 9),
        (parsers.milliseconds, "1500", timedelta(seconds=1.5)),
        (parsers.seconds, "300", timedelta(minutes=5)),
        (parsers.items(str), " a , b,, ", ["a", "b"]),
        (parsers.items(parsers.network), "10.0.0.0/8, ::1", ["10.0.0.0/8", "::1/128"]),
        (parsers.one_of("ARE", "SAU"), "sau", "SAU"),
        (parsers.web_address, "https://pay.example.com/", "https://pay.example.com"),
        (parsers.rate, "5/m", "5/m"),
        (parsers.rate, "100/5m", "100/5m"),
        (parsers.rate, "OFF", None),
        (parsers.secret(4), "$abc", "$abc"),
        (parsers.hex_key, _KEY, bytes.fromhex(_KEY)),
        (parsers.key_ring, f"k2:{_KEY},k1:{_KEY}", f"k2:{_KEY},k1:{_KEY}"),
        (parsers.key_ring, _KEY, _KEY),
    ],
)
def test_a_good_value_is_understood(parse: Callable[[str], Any], text: str, value: Any) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text", "advice"),
    [
        (parsers.flag, "flase", "write true or false"),
        (parsers.integer(1, 9), "ten", "write digits only"),
        (parsers.integer(1, 9), "1.5", "write digits only"),
        (parsers.integer(1, 9), "٣", "write digits only"),
        (parsers.integer(1, 9), "10", "write 1 to 9"),
        (parsers.integer(1, 9), "9" * 40, "write digits only"),
        (parsers.milliseconds, "0", "out of bounds"),
        (parsers.milliseconds, "-5", "out of bounds"),
        (parsers.items(parsers.network), "10.0.0.1/8", "write 10.0.0.0/8"),
        (parsers.one_of("ARE", "SAU"), "USA", "write one of ARE, SAU"),
        (parsers.one_of(), "stripe", "none is configured"),
        (parsers.web_address, "pay.example.com", "write it like https://"),
        (parsers.web_address, "ftp://pay.example.com", "write it like https://"),
        (parsers.web_address, "https://", "write it like https://"),
        (parsers.web_address, "https://pay.example.com:port", "check brackets and port"),
        (parsers.web_address, "https://pay.example.com/?a=b", "path only"),
        (parsers.address_of("redis"), "localhost:6379", "begin with redis://"),
        (parsers.rate, "five a minute", "write it like 5/m"),
        (parsers.rate, "0/m", "write it like 5/m"),
        (parsers.rate, "5/week", "write it like 5/m"),
        (parsers.key_ring, f"{_KEY[:-2]}", "32 bytes"),
        (parsers.key_ring, f"k1:{_KEY},k1:{_KEY}", "distinct"),
        (parsers.key_ring, f"{_KEY},", "hexadecimal|32 bytes|distinct"),
        (parsers.hex_key, "zz" * 32, "openssl rand -hex 32"),
    ],
)
def test_a_bad_value_is_refused_with_advice(
    parse: Callable[[str], Any], text: str, advice: str
) -> None:
    with pytest.raises(ValueError, match=advice):
        parse(text)


@pytest.mark.parametrize("parse", [parsers.secret(40), parsers.hex_key, parsers.key_ring])
def test_a_bad_secret_is_never_repeated(parse: Callable[[str], Any]) -> None:
    with pytest.raises(ValueError, match=r".") as refusal:
        parse("my-own-secret")
    assert "my-own-secret" not in str(refusal.value)


def test_an_empty_value_counts_as_not_set() -> None:
    env = Environment({"DJANGO_DEBUG": "", "A": "  ", "B": ""})
    assert env.debug is False
    assert env.integer("A", 7) == 7
    assert env.items("B", str) == []
    assert env.problems == []


def test_every_problem_is_told_and_reading_goes_on() -> None:
    env = Environment({"DJANGO_DEBUG": "true", "A": "x", "B": "y"})
    assert (env.integer("A", 1), env.flag("B", default=True)) == (1, True)
    assert [problem.partition(":")[0] for problem in env.problems] == ["A", "B"]


def test_what_production_needs_has_a_stand_in_in_development_only() -> None:
    for debug, problems in (("true", 0), ("false", 1)):
        env = Environment({"DJANGO_DEBUG": debug})
        env.need("KEY", str, "stand-in", "make one")
        assert len(env.problems) == problems


@pytest.mark.parametrize("alone", ["PAYTABS_PROFILE_ID", "PAYTABS_SERVER_KEY"])
def test_half_of_the_credentials_is_a_mistake(alone: str) -> None:
    env = Environment({alone: "123"})
    assert providers.configured(env) == {}
    assert f"although {alone} is" in env.problems[0]


@pytest.mark.parametrize("provider", TRANSLATORS)
def test_a_provider_is_connected_by_its_credentials_alone(
    provider: str, settings: Settings
) -> None:
    asked = [each for each in TRANSLATORS[provider].told if each.is_credential]
    env = Environment({f"{provider.upper()}_{each.variable}": "1001" for each in asked})
    settings.PROVIDERS, settings.PROVIDER_ORDER = providers.configured(env), []
    assert (list(settings.PROVIDERS), env.problems) == ([provider], [])
    gateway = gateway_named(provider)
    assert (gateway.name, gateway.timeout) == (provider, timedelta(seconds=30))
    assert gateway.request_for(Lookup("k", OperationKind.CHARGE)).url.startswith("https://")


def test_what_a_provider_asks_for_is_read_as_it_says() -> None:
    told = {"PAYSTACK_SECRET_KEY": "sk", "PAYSTACK_WEBHOOK_SECRET": "a, b"}
    told |= {"PAYTABS_PROFILE_ID": "7", "PAYTABS_SERVER_KEY": "key", "PAYTABS_REGION": "sau"}
    told |= {"PAYTABS_WEBHOOK_SECRET": "generic", "PAYTABS_API_BASE": "https://pt.test/"}
    told |= {"STRIPE_SECRET_KEY": "sk", "STRIPE_WEBHOOK_SECRET": "w"}
    found = providers.configured(Environment(told | {"STRIPE_WEBHOOK_TOLERANCE": "60"}))
    assert found["paystack"]["webhook_secrets"] == ["a", "b"]
    paytabs = found["paytabs"]
    assert (paytabs["profile_id"], paytabs["region"]) == (7, "SAU")
    assert (paytabs["generic_webhook_secrets"], paytabs["api_base"]) == (
        ["generic"],
        "https://pt.test",
    )
    assert found["stripe"]["tolerance"] == timedelta(seconds=60)
    env = Environment({"PAYTABS_PROFILE_ID": "0", "PAYTABS_SERVER_KEY": "k", "PAYTABS_REGION": "X"})
    providers.configured(env)
    assert [problem.split(":")[0] for problem in env.problems] == [
        "PAYTABS_PROFILE_ID",
        "PAYTABS_REGION",
    ]


_CIRCUIT_BREAKER = {
    "TIMEOUT": ("7000", "request_timeout", timedelta(seconds=7)),
    "ERROR_THRESHOLD": ("61", "error_rate", 61),
    "RESET_TIMEOUT": ("9000", "reset_timeout", timedelta(seconds=9)),
    "LONGEST_RESET_TIMEOUT": ("90000", "longest_reset_timeout", timedelta(seconds=90)),
    "ROLLING_TIMEOUT": ("20000", "window", timedelta(seconds=20)),
    "ROLLING_BUCKETS": ("20", "buckets", 20),
    "MINIMUM_REQUESTS": ("11", "minimum_requests", 11),
    "VOLUME_THRESHOLD": ("21", "volume_threshold", 21),
    "MAX_CONCURRENT": ("6", "half_open_max", 6),
    "SUCCESSES_TO_CLOSE": ("2", "half_open_successes", 2),
    "SLOW_CALL_THRESHOLD": ("3000", "slow_call", timedelta(seconds=3)),
    "SLOW_CALL_RATE_THRESHOLD": ("101", "slow_rate", 101),
    "SAMPLES": ("50", "samples", 50),
}
_STRIPE = {"STRIPE_SECRET_KEY": "sk", "STRIPE_WEBHOOK_SECRET": "w"}
_PAYSTACK = {"PAYSTACK_SECRET_KEY": "sk"}
_PAYTABS = {"PAYTABS_PROFILE_ID": "7", "PAYTABS_SERVER_KEY": "k"}
_PAYTABS_BREAKERS = (
    "PAYTABS, PAYTABS_CREATE_PAGE, PAYTABS_VERIFY, PAYTABS_CAPTURE, PAYTABS_VOID, PAYTABS_REFUND"
)


def _policies(settings: Settings, **told: str) -> Callable[[str], Policy]:
    env = Environment(_STRIPE | _PAYSTACK | told)
    settings.PROVIDERS = providers.configured(env)
    settings.CIRCUIT_BREAKERS = breakers.policies(env, settings.PROVIDERS)
    assert env.problems == []
    return policy_for


def test_every_setting_of_a_policy_has_a_variable() -> None:
    assert {field for _, field, _ in _CIRCUIT_BREAKER.values()} == {
        each.name for each in fields(Policy)
    }


@pytest.mark.parametrize(
    ("whom", "whose"),
    [
        ("", {"stripe-create", "stripe-verify", "paystack-refund"}),
        ("STRIPE_", {"stripe-create", "stripe-verify"}),
        ("STRIPE_CREATE_", {"stripe-create"}),
    ],
)
@pytest.mark.parametrize("variable", _CIRCUIT_BREAKER)
def test_a_breakers_setting_holds_for_all_for_a_provider_or_for_one(
    settings: Settings, variable: str, whom: str, whose: set[str]
) -> None:
    text, field, value = _CIRCUIT_BREAKER[variable]
    policy = _policies(settings, **{f"{whom}CIRCUIT_BREAKER_{variable}": text})
    names = ("stripe-create", "stripe-verify", "paystack-refund")
    assert {name for name in names if getattr(policy(name), field) == value} == whose


def test_a_providers_timeout_wins_over_the_one_of_all(settings: Settings) -> None:
    policy = _policies(settings, STRIPE_TIMEOUT="60000", CIRCUIT_BREAKER_TIMEOUT="20000")
    assert policy("stripe-create").request_timeout == timedelta(seconds=60)
    assert policy("paystack-refund").request_timeout == timedelta(seconds=20)
    assert settings.PROVIDERS["paystack"]["timeout"] == timedelta(seconds=20)


@pytest.mark.parametrize(
    ("variable", "problem"),
    [
        ("STRIP_CIRCUIT_BREAKER_TIMEOUT", "begins with no provider that is connected here"),
        (
            "PAYTABS_CREATE_CIRCUIT_BREAKER_TIMEOUT",
            "is for no breaker; it may begin with " + _PAYTABS_BREAKERS,
        ),
        (
            "PAYSTACK_VERIFY_CIRCUIT_BREAKER_TIMEOUT",
            "TIMEOUT is longer than PAYSTACK_TIMEOUT, which ends every attempt",
        ),
        (
            "PAYSTACK_CIRCUIT_BREAKER_TIMEOUT",
            "TIMEOUT is longer than PAYSTACK_TIMEOUT, which ends every attempt",
        ),
    ],
)
def test_a_breakers_setting_that_would_do_nothing_is_a_mistake(variable: str, problem: str) -> None:
    env = Environment(_PAYSTACK | _PAYTABS | {"PAYSTACK_TIMEOUT": "5000", variable: "5001"})
    breakers.policies(env, providers.configured(env))
    assert env.problems == [f"{variable.removesuffix('TIMEOUT')}*: {problem}"]


def test_a_provider_without_credentials_is_not_there() -> None:
    env = Environment({})
    assert providers.configured(env) == {}
    assert env.problems == []


def test_a_replica_stands_beside_its_primary_and_is_not_waited_for() -> None:
    primary, replica = "postgres://me@db/pay", "postgres://me@copy/pay"
    both = Environment({"DATABASE_URL": primary, "DATABASE_REPLICA_URL": replica})
    found = stores.databases(both, ROOT)
    assert {name: config["HOST"] for name, config in found.items()} == {
        "default": "db",
        "replica": "copy",
    }
    assert found["replica"]["OPTIONS"]["connect_timeout"] == 1
    assert list(stores.databases(Environment({"DATABASE_URL": primary}), ROOT)) == ["default"]


def test_a_replica_of_a_file_is_refused() -> None:
    env = Environment(
        {"DATABASE_URL": "sqlite:///x", "DATABASE_REPLICA_URL": "postgres://me@copy/pay"}
    )
    stores.databases(env, ROOT)
    assert env.problems == [
        "DATABASE_REPLICA_URL: its primary is no PostgreSQL; set DATABASE_URL too"
    ]


def test_a_database_may_be_named_whole_or_in_parts() -> None:
    whole = Environment({"DATABASE_URL": "postgres://me:a%40b@db:5433/pay?sslmode=require"})
    parts = Environment(
        {
            "DB_HOST": "db",
            "DB_PORT": "5433",
            "DB_NAME": "pay",
            "DB_USER": "me",
            "DB_PASSWORD": "a@b",
        }
    )
    for env in (whole, parts):
        config = stores.database(env, ROOT)
        names = ("HOST", "PORT", "NAME", "USER", "PASSWORD")
        assert [config[name] for name in names] == ["db", 5433, "pay", "me", "a@b"]
        assert config["CONN_MAX_AGE"] is None
        assert config["OPTIONS"]["prepare_threshold"] == 1
    assert stores.database(whole, ROOT)["OPTIONS"]["sslmode"] == "require"


def test_behind_a_pooling_proxy_nothing_is_prepared() -> None:
    env = Environment({"DB_HOST": "db", "DATABASE_SERVER_SIDE_BINDING": "false"})
    options = stores.database(env, ROOT)["OPTIONS"]
    assert "prepare_threshold" not in options
    assert "server_side_binding" not in options


def test_a_redis_password_may_hold_any_character() -> None:
    env = Environment({"REDIS_HOST": "cache", "REDIS_PASSWORD": "a/b:c@d"})
    assert stores.redis_address(env) == "redis://:a%2Fb%3Ac%40d@cache:6379/0"


def test_the_example_documents_exactly_what_is_read() -> None:
    documented = documented_names()
    assert sorted(documented) == sorted(environment_of_the_settings.names)


def _check(variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """`manage.py check` in an environment of exactly these variables."""
    base = {"PATH": os.environ["PATH"], "DJANGO_ENV_FILE": os.devnull}
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=base | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_production_starts_with_what_it_needs() -> None:
    assert _check(_NEEDED).returncode == 0


@pytest.mark.parametrize("missing", _NEEDED)
def test_production_does_not_start_without(missing: str) -> None:
    done = _check({name: value for name, value in _NEEDED.items() if name != missing})
    assert done.returncode == 2
    assert done.stderr.startswith(f"{missing}: is not set; ")
    assert done.stderr.count("\n") == 1


def test_all_mistakes_stop_the_start_with_one_line_each() -> None:
    mistakes = {
        "DJANGO_DEBUG": "flase",
        "RATE_LIMIT_PROCESS": "often",
        "DATABASE_URL": "mysql://db/pay",
        "PROVIDER_ORDER": "paypol",
        "DB_PORT": "99999",
    }
    done = _check(_NEEDED | mistakes)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert sorted(line.partition(":")[0] for line in lines) == sorted(mistakes)


def test_a_server_does_not_start_either() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "config", "worker", "--pool", "solo"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DJANGO_ENV_FILE": os.devnull}
        | _NEEDED
        | {"DB_PORT": "x"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr == "DB_PORT: 'x' is not a whole number; write digits only\n"
