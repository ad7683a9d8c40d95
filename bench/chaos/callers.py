"""How the run talks over HTTP: to the service as a merchant, to the sandbox as everybody else."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

_TIMEOUT = 20
_local = threading.local()


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, and the body; 0 where there was no answer."""

    status: int
    body: Any = None

    @property
    def is_good(self) -> bool:
        """It is done."""
        return 200 <= self.status < 300

    @property
    def code(self) -> str:
        """The service's own word for what went wrong."""
        errors = self.body.get("errors") if isinstance(self.body, dict) else None
        return str(errors[0]["code"]) if errors else ""


def _session() -> requests.Session:
    """One a thread; nothing is taken from the environment, no proxy stands between neighbours."""
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
        _local.session.trust_env = False
    session: requests.Session = _local.session
    return session


def ask(method: str, url: str, body: Any = None, **headers: str) -> Answer:
    """One request; whatever goes wrong on the way is an answer too."""
    try:
        response = _session().request(method, url, json=body, headers=headers, timeout=_TIMEOUT)
        return Answer(response.status_code, response.json())
    except (requests.RequestException, ValueError):
        return Answer(0)


class Merchant:
    """A caller of the API who repeats what was not answered, under the same key."""

    def __init__(self, base: str, key: str) -> None:
        self._base, self._key = f"{base}/payments/v2", f"Bearer {key}"

    def post(self, path: str, body: Any = None, *, name: str = "") -> Answer:
        """`name` is the Idempotency-Key."""
        headers = {"Idempotency-Key": name} if name else {}
        url = self._base + path
        return ask("POST", url, body or {}, Authorization=self._key, **headers)

    def get(self, path: str) -> Answer:
        """A payment, or a page of them."""
        url = path if path.startswith("http") else self._base + path
        return ask("GET", url, Authorization=self._key)


class Companies:
    """The control API of each company's sandbox."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = urls

    def _of(self, company: str) -> str:
        return f"{self._urls[company]}/control/{company}"

    def turn(self, company: str, dials: dict[str, Any]) -> bool:
        """Turn a company's dials."""
        return ask("PUT", self._of(company), dials).is_good

    def act(self, company: str, ref: str, verb: str) -> Answer:
        """Do what the payer does, or the payer's bank."""
        return ask("POST", f"{self._of(company)}/payments/{ref}/{verb}")

    def notices(self, company: str) -> list[dict[str, Any]]:
        """What it told the merchant, and how that went."""
        told = ask("GET", f"{self._of(company)}/notices")
        return told.body if told.is_good else []
