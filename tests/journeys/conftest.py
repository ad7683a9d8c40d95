"""The service on a real port, beside a sandbox on another; what each knows of the other."""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
import requests
import time_machine
from django.conf import settings as django_settings
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from payments import tasks
from payments.models import ApiKey
from tests.journeys import providers
from tests.sandbox.process import SandboxProcess

# For an answer that never comes.
MUTE = timedelta(seconds=0.4)


class Companies(SandboxProcess):
    """The sandbox, and a service that does not wait long for a company that was told to be mute."""

    def put(self, dials: Mapping[str, Any], provider: str = "paytabs") -> dict[str, Any]:
        told = super().put(dials, provider)
        is_mute = told["mode"] == "timeout_after_commit"
        known = django_settings.PROVIDERS.get(provider, {})
        known["timeout"] = MUTE if is_mute else providers.PATIENCE
        return told


@pytest.fixture(scope="session")
def running_sandbox(
    tmp_path_factory: pytest.TempPathFactory, live_server: LiveServer
) -> Iterator[SandboxProcess]:
    told = providers.webhook_addresses(live_server.url)
    with Companies(tmp_path_factory.mktemp("sandbox"), **told) as process:
        yield process


@pytest.fixture
def sandbox(running_sandbox: SandboxProcess, settings: Settings) -> Iterator[SandboxProcess]:
    """Five companies, as the service is told to find them; PayTabs where none is named.

    What a company has still to say at the end of a test must not be heard in the next one.
    """
    running_sandbox.reset()
    settings.PROVIDERS = providers.settings_for(running_sandbox, settings.PROVIDERS["paytabs"])
    settings.PROVIDER_ORDER = ["paytabs"]
    yield running_sandbox
    running_sandbox.reset()


class Merchant:
    """A caller of the API over real HTTP."""

    def __init__(self, base: str, *scopes: str) -> None:
        usual = ("payments:read", "payments:write", "refunds:write")
        _, key = ApiKey.issue("journey", list(scopes or usual))
        self.base = f"{base}/payments/v2"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {key}"

    def post(self, path: str, body: Any = None, **headers: str) -> requests.Response:
        url = self.base + path
        return self.session.post(url, json=body or {}, headers=headers, timeout=30)

    def get(self, path: str) -> Any:
        response = self.session.get(self.base + path, timeout=30)
        assert response.ok, response.text
        return response.json()

    def create(self, **facts: Any) -> str:
        response = self.post("/create", {"amount": "125.50", "currency": "AED"} | facts)
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    def process(self, payment: str) -> requests.Response:
        return self.post(f"/process/{payment}")

    def start(self, **facts: Any) -> tuple[str, str, str]:
        """A payment whose page is open: its id, transaction reference and page."""
        payment = self.create(**facts)
        body = self.process(payment).json()
        assert body["status"] == "requires_action", body
        return payment, body["transaction_ref"], body["redirect_url"]

    def story(self, payment: str) -> list[str]:
        events = self.get(f"/{payment}/events")["results"]
        return [event["type"].removeprefix("payment.") for event in events]

    def wait_for(self, payment: str, *statuses: str) -> dict[str, Any]:
        body = eventually(lambda: _in(self.get(f"/{payment}"), statuses))
        assert isinstance(body, dict)
        return body


def _in(body: dict[str, Any], statuses: tuple[str, ...]) -> dict[str, Any] | None:
    return body if body["status"] in statuses else None


def eventually(question: Callable[[], Any], patience: float = 15) -> Any:
    """Ask until the answer is yes; callbacks come when they come. Gives up after a while, in s."""
    gives_up_at = time.monotonic() + patience
    while not (answer := question()):
        assert time.monotonic() < gives_up_at, "this never became true"
        time.sleep(0.03)
    return answer


@pytest.fixture
def merchant(live_server: LiveServer, sandbox: SandboxProcess, settings: Settings) -> Merchant:
    settings.PUBLIC_URL = live_server.url
    return Merchant(live_server.url)


def sweep_after(**later: float) -> None:
    """Let time pass, and recovery run."""
    with time_machine.travel(time.time() + timedelta(**later).total_seconds(), tick=True):
        tasks.recover_open_operations.run()
        tasks.return_orphans.run()


def taken(sandbox: SandboxProcess, provider: str = "paytabs") -> list[str]:
    """What the provider says it took, one amount a transaction."""
    told = sandbox.truth(provider)
    return [payment["captured"] for payment in told if float(payment["captured"])]
