"""One sandbox and one receiver for a run, forgotten between the tests."""

from collections.abc import Iterator

import pytest

from tests.sandbox.merchant import Merchant, Receiver
from tests.sandbox.process import SandboxProcess

RETRY_DELAYS = "0.02,0.04,0.06,0.08,0.1"


@pytest.fixture(scope="session")
def running_receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    receiver.start()
    yield receiver
    receiver.stop()


@pytest.fixture(scope="session")
def running_sandbox(
    running_receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SandboxProcess]:
    process = SandboxProcess(
        tmp_path_factory.mktemp("sandbox"),
        ipn_url=f"{running_receiver.url}/ipn",
        SANDBOX_STRIPE_WEBHOOK_URL=f"{running_receiver.url}/stripe",
        SANDBOX_PAYPAL_WEBHOOK_URL=f"{running_receiver.url}/paypal",
        SANDBOX_FLUTTERWAVE_WEBHOOK_URL=f"{running_receiver.url}/flutterwave",
        SANDBOX_PAYSTACK_WEBHOOK_URL=f"{running_receiver.url}/paystack",
        SANDBOX_RETRY_DELAYS=RETRY_DELAYS,
        SANDBOX_DUPLICATE_WINDOW="120",
    )
    with process:
        yield process


@pytest.fixture
def receiver(running_receiver: Receiver) -> Receiver:
    running_receiver.forget()
    return running_receiver


@pytest.fixture
def sandbox(running_sandbox: SandboxProcess) -> SandboxProcess:
    running_sandbox.reset()
    return running_sandbox


@pytest.fixture
def merchant(sandbox: SandboxProcess, receiver: Receiver) -> Merchant:
    return Merchant(sandbox.provider_url("paytabs"), receiver.url)
