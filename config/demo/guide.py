"""Waits until the demo answers, then tells people and programs where to look."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from config.demo import VAR
from config.demo.settings import COMPANIES, write_privately

FILE = VAR / "demo.json"

_PUT_ASIDE = VAR / "demo.last.json"
_PATIENCE_SECONDS = 90
# A proxy in the caller's environment is not for addresses of this machine.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def credentials_of_last_start() -> dict[str, Any] | None:
    """What was told last time; put aside, for until the demo answers it is not true."""
    if FILE.exists():
        FILE.replace(_PUT_ASIDE)
    if not _PUT_ASIDE.exists():
        return None
    facts: dict[str, Any] = json.loads(_PUT_ASIDE.read_text())
    return facts


class Guide:
    """Knows the addresses and the credentials of one demo."""

    def __init__(self, settings: dict[str, str], credentials: dict[str, Any]) -> None:
        self._facts = {
            "base_url": settings["PUBLIC_URL"],
            "sandbox_url": f"http://127.0.0.1:{settings['SANDBOX_PORT']}",
            "providers": {name: settings[f"{name.upper()}_API_BASE"] for name in COMPANIES},
            "api_key": credentials["api_key"],
            "operator": credentials["operator"],
        }

    def lead(self, give_up: Callable[[], None]) -> None:
        """Wait, then tell; or say what does not answer, and give up."""
        silent = self._wait()
        if silent:
            _say(f"No answer from {' and '.join(silent)} in {_PATIENCE_SECONDS} s: see above why.")
            give_up()
            return
        write_privately(FILE, json.dumps(self._facts, indent=2) + "\n")
        _say(self._directions())

    def _wait(self) -> list[str]:
        """Answers the names of those that stayed silent."""
        silent = {
            "web": f"{self._facts['base_url']}/health/ready",
            "sandbox": f"{self._facts['sandbox_url']}/control/paytabs",
        }
        end = time.monotonic() + _PATIENCE_SECONDS
        while silent and time.monotonic() < end:
            for name in [name for name, address in silent.items() if _answers(address)]:
                del silent[name]
                _say(f"{name} answers." + (f" Waiting for {', '.join(silent)} …" if silent else ""))
            time.sleep(0.2)
        return [*silent]

    def _directions(self) -> str:
        web, operator = self._facts["base_url"], self._facts["operator"]
        return f"""
  Ballast is up.

    Start here   {web}/
    Console      {web}/admin/      {operator["username"]} / {operator["password"]}
    API          {web}/api/docs
    API key      {self._facts["api_key"]}
    Sandbox      {self._facts["sandbox_url"]}/      plays the payment companies

  The same for programs is in var/demo.json. Commands see this data with
  DJANGO_ENV_FILE=var/demo.env .venv/bin/python manage.py …
  Ctrl-C ends everything.
"""


def _answers(address: str) -> bool:
    try:
        with _opener.open(address, timeout=3) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _say(text: str) -> None:
    print(text, flush=True)
