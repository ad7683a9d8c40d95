"""The sandbox as a running process, for every test that needs a payment company."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import requests

ROOT = Path(__file__).resolve().parents[2]
PROFILE_ID = 100001
SERVER_KEY = "STESTONLY01-TESTONLYKEY02-TESTONLY03"
STRIPE_KEY = "sk_test_TESTONLY"
STRIPE_SECRET = "whsec_TESTONLY"
PAYPAL_ID, PAYPAL_SECRET, PAYPAL_WEBHOOK = "ATESTONLY", "ETESTONLY", "WHTESTONLY"
FLUTTERWAVE_KEY = "FLWSECK_TEST-0001-X"
FLUTTERWAVE_SECRET = "flw-secret-hash-TESTONLY"
PAYSTACK_KEY = "sk_test_TESTONLY_0001"
_DATED = ("sandbox_payment", "sandbox_transaction")
# In the order of their ports.
PROVIDERS = ["paytabs", "stripe", "paypal", "flutterwave", "paystack"]
READY_WITHIN_SECONDS = 20
# Between choosing a free port and taking it, another test may take it.
TRIES_FOR_PORTS = 5


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens at; all different, for they are held together for a moment."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class SandboxProcess:
    """`python -m sandbox` on free ports, with its data in `data`.

    Stopped and started again it keeps its ports and its data, as the real one does.
    """

    def __init__(self, data: Path, ipn_url: str = "", **environment: str) -> None:
        self.data = data
        self._ipn_url = ipn_url
        self._environment = environment
        self._ports: list[int] = []
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # --- the process

    def start(self) -> None:
        if self._ports:
            self._launch()
            return None
        for _ in range(TRIES_FOR_PORTS):
            self._ports = free_ports(1 + len(PROVIDERS))
            try:
                return self._launch()
            except PortTaken:
                continue
        raise PortTaken(self.log)

    def stop(self) -> int:
        """Ask it to end; its exit code. Nothing happens if it does not run."""
        return self._end(signal.SIGTERM)

    def interrupt(self) -> int:
        return self._end(signal.SIGINT)

    def kill(self) -> int:
        return self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        try:
            return process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def _launch(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        with (self.data / "sandbox.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "sandbox"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self.kill()
            raise

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        gives_up_at = time.monotonic() + READY_WITHIN_SECONDS
        while time.monotonic() < gives_up_at:
            if process.poll() is not None:
                raise PortTaken(self.log) if "cannot be had" in self.log else RuntimeError(self.log)
            try:
                if requests.get(f"{self.control_url}/control/paytabs", timeout=5).ok:
                    return
            except requests.ConnectionError:
                time.sleep(0.05)
        raise TimeoutError(f"the sandbox did not come up: {self.log}")

    @property
    def environment(self) -> dict[str, str]:
        own = {
            "DJANGO_DEBUG": "true",
            "SANDBOX_PORT": str(self._ports[0]),
            "SANDBOX_DATA": str(self.data),
            "SANDBOX_PAYTABS_IPN_URL": self._ipn_url,
            "PAYTABS_PROFILE_ID": str(PROFILE_ID),
            "PAYTABS_SERVER_KEY": SERVER_KEY,
            "STRIPE_SECRET_KEY": STRIPE_KEY,
            "STRIPE_WEBHOOK_SECRET": STRIPE_SECRET,
            "FLUTTERWAVE_SECRET_KEY": FLUTTERWAVE_KEY,
            "FLUTTERWAVE_WEBHOOK_SECRET": FLUTTERWAVE_SECRET,
            "PAYSTACK_SECRET_KEY": PAYSTACK_KEY,
            "PAYPAL_CLIENT_ID": PAYPAL_ID,
            "PAYPAL_CLIENT_SECRET": PAYPAL_SECRET,
            "PAYPAL_WEBHOOK_ID": PAYPAL_WEBHOOK,
        }
        ports = {f"SANDBOX_{p.upper()}_PORT": str(self.provider_port(p)) for p in PROVIDERS}
        return {"PATH": os.environ["PATH"]} | own | ports | self._environment

    @property
    def log(self) -> str:
        return (self.data / "sandbox.log").read_text()

    # --- what it offers

    @property
    def control_url(self) -> str:
        return f"http://127.0.0.1:{self._ports[0]}"

    def provider_url(self, provider: str) -> str:
        return f"http://127.0.0.1:{self.provider_port(provider)}"

    def provider_port(self, provider: str) -> int:
        return self._ports[1 + PROVIDERS.index(provider)]

    def put(self, dials: Mapping[str, Any], provider: str = "paytabs") -> dict[str, Any]:
        """Turn dials; all of them as they stand then."""
        return cast("dict[str, Any]", self._ask("PUT", f"/control/{provider}", dials))

    def dials(self, provider: str = "paytabs") -> dict[str, Any]:
        return cast("dict[str, Any]", self._ask("GET", f"/control/{provider}"))

    def truth(self, provider: str = "paytabs") -> list[dict[str, str]]:
        return cast("list[dict[str, str]]", self._ask("GET", f"/control/{provider}/payments"))

    def notices(self, provider: str = "paytabs") -> list[dict[str, Any]]:
        return cast("list[dict[str, Any]]", self._ask("GET", f"/control/{provider}/notices"))

    def act(self, ref: str, verb: str, provider: str = "paytabs") -> dict[str, str]:
        """Do what the payer would do; the payment as it stands then."""
        return cast(
            "dict[str, str]", self._ask("POST", f"/control/{provider}/payments/{ref}/{verb}")
        )

    def grow_older(self, ago: timedelta) -> None:
        """Time has passed for what the companies have written down."""
        with closing(sqlite3.connect(self.data / "sandbox.sqlite3", timeout=20)) as books, books:
            for table in _DATED:
                rows = books.execute(f"SELECT id, created_at FROM {table}").fetchall()
                books.executemany(
                    f"UPDATE {table} SET created_at = ? WHERE id = ?",
                    [(str(datetime.fromisoformat(at) - ago), row) for row, at in rows],
                )
            # A page ends when it was told to, in whole seconds: as text, for they came in a form.
            books.execute(
                "UPDATE sandbox_transaction SET request = json_set(request, '$.expires_at',"
                " CAST(json_extract(request, '$.expires_at') - ? AS text))"
                " WHERE json_extract(request, '$.expires_at') IS NOT NULL",
                [ago // timedelta(seconds=1)],
            )

    def reset(self) -> None:
        self._ask("POST", "/control/reset")

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        response = requests.request(method, self.control_url + path, json=body, timeout=30)
        if not response.ok:
            raise AssertionError(f"{method} {path}: {response.status_code} {response.text}")
        return response.json()


class PortTaken(Exception):
    """Another test was quicker."""
