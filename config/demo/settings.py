"""What the demo's processes are told: embedded defaults, and secrets kept from start to start."""

import os
import secrets
import socket
from pathlib import Path

from config.demo import VAR, Refused
from config.environment import ROOT

FILE = VAR / "demo.env"
COMPANIES = ("paytabs", "stripe", "paypal", "flutterwave", "paystack")

# Of the caller's environment only this reaches the demo: it must not find somebody's database.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TERM", "TMPDIR", "NO_COLOR")
# Nobody waits half an hour to see a page expire. These the caller may set otherwise.
_SPEEDS = {
    "RECOVERY_SWEEP_INTERVAL": "5000",
    "RECOVERY_CHECK_DELAYS": "10000,30000,60000",
    "PAGE_LIFETIME": "600000",
    "LOG_LEVEL": "INFO",
    # Mail is printed between the worker's lines.
    "EMAIL_URL": "consolemail://",
    "MERCHANT_EMAIL": "shop@example.com",
}
# Nobody else's settings file, lines as they come, and no lecture where everything runs as root.
_MANNERS = {
    "DJANGO_ENV_FILE": os.devnull,
    "PYTHONUNBUFFERED": "1",
    "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
}


def prepare() -> dict[str, str]:
    """Decide every setting, and keep them in a file that only the owner may read."""
    web, sandbox = _wanted_port("PORT", 8000), _wanted_port("SANDBOX_PORT", 8001)
    if web == sandbox:
        raise Refused(f"PORT and SANDBOX_PORT are both {web}; give them different numbers.")
    kept = _read()
    ports = _ports_of_companies(kept, {web, sandbox})
    settings = {**_made_once(), **kept, **_addresses(web, sandbox), **_chosen_speeds()}
    for company, port in ports.items():
        settings |= _company(company, port, settings["PUBLIC_URL"])
    settings["PAYPAL_TEST_CERTIFICATE_HOST"] = f"127.0.0.1:{ports['paypal']}"
    write_privately(FILE, "".join(f"{name}={settings[name]}\n" for name in sorted(settings)))
    return settings


def write_privately(path: Path, text: str) -> None:
    """Replace a file, in one step, by one that only its owner can read: half a secret is none."""
    draft = path.with_suffix(path.suffix + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def environment_of(settings: dict[str, str]) -> dict[str, str]:
    """The whole environment of the demo's processes."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return inherited | _MANNERS | settings


def _read() -> dict[str, str]:
    lines = FILE.read_text().splitlines() if FILE.exists() else []
    return {name: value for name, _, value in (line.partition("=") for line in lines) if value}


def _made_once() -> dict[str, str]:
    return {
        "DJANGO_SECRET_KEY": secrets.token_hex(32),
        "ENCRYPTION_KEY": f"demo:{secrets.token_hex(32)}",
        "AUDIT_KEY": secrets.token_hex(32),
        "HASH_SALT": secrets.token_hex(16),
        "PAYTABS_PROFILE_ID": "100001",
        "PAYTABS_SERVER_KEY": f"SDEMO-{secrets.token_hex(10).upper()}",
        "PAYTABS_WEBHOOK_SECRET": secrets.token_hex(32),
        "STRIPE_SECRET_KEY": f"sk_test_{secrets.token_hex(16)}",
        "STRIPE_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(16)}",
        "PAYPAL_CLIENT_ID": f"demo-{secrets.token_hex(8)}",
        "PAYPAL_CLIENT_SECRET": secrets.token_hex(16),
        "PAYPAL_WEBHOOK_ID": f"WH-{secrets.token_hex(8).upper()}",
        "PAYPAL_TEST_ROOT": str(ROOT / "sandbox/paypal/root.pem"),
        "FLUTTERWAVE_SECRET_KEY": f"FLWSECK_TEST-{secrets.token_hex(16)}-X",
        "FLUTTERWAVE_WEBHOOK_SECRET": secrets.token_hex(16),
        "PAYSTACK_SECRET_KEY": f"sk_test_{secrets.token_hex(16)}",
    }


def _addresses(web: int, sandbox: int) -> dict[str, str]:
    return {
        "DJANGO_DEBUG": "true",
        "PORT": str(web),
        "PUBLIC_URL": f"http://127.0.0.1:{web}",
        "SANDBOX_PORT": str(sandbox),
        "SANDBOX_DATA": str(VAR / "sandbox"),
    }


def _company(name: str, port: int, public_url: str) -> dict[str, str]:
    """Where one company is played, and where its notices go."""
    prefix = name.upper()
    notices = "IPN_URL" if name == "paytabs" else "WEBHOOK_URL"
    return {
        f"{prefix}_API_BASE": f"http://127.0.0.1:{port}",
        f"{prefix}_SETTLING_TIME": os.environ.get(f"{prefix}_SETTLING_TIME") or "20000",
        f"SANDBOX_{prefix}_PORT": str(port),
        f"SANDBOX_{prefix}_{notices}": f"{public_url}/webhooks/payments/{name}",
    }


def _ports_of_companies(kept: dict[str, str], taken: set[int]) -> dict[str, int]:
    ports: dict[str, int] = {}
    for name in COMPANIES:
        before = kept.get(f"SANDBOX_{name.upper()}_PORT")
        ports[name] = _kept_or_free_port(before, taken | set(ports.values()))
    return ports


def _chosen_speeds() -> dict[str, str]:
    return {name: os.environ.get(name) or usual for name, usual in _SPEEDS.items()}


def _wanted_port(name: str, usual: int) -> int:
    text = os.environ.get(name) or str(usual)
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise Refused(f"{name}: {text!r} is not a port; write a number from 1 to 65535.")
    if not _is_free(int(text)):
        raise Refused(f"{name}: {text} is taken by another program; try make demo {name}={_free()}")
    return int(text)


def _kept_or_free_port(kept: str | None, taken: set[int]) -> int:
    """The provider's port of last time, so that the addresses of open pages stay good."""
    if kept and int(kept) not in taken and _is_free(int(kept)):
        return int(kept)
    return next(port for port in iter(_free, None) if port not in taken)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
