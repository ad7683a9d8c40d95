"""What the service and the sandbox are told: their own secrets and ports, and no patience."""

import os
import secrets
import socket
import sys
from datetime import timedelta
from pathlib import Path

from bench.chaos.forms import Form
from config.environment import ROOT

COMPANIES = ("paytabs", "stripe", "paypal", "flutterwave", "paystack")
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
# Ten minutes stand for a day: whatever waits for a clock waits seconds.
_IMPATIENCE = {
    "RECOVERY_CHECK_DELAYS": "4000,8000,15000",
    "RECOVERY_SWEEP_INTERVAL": "2000",
    "WEBHOOK_SWEEP_INTERVAL": "2000",
    "IDEMPOTENCY_LOCK_TIMEOUT": "8000",
    "CALL_BUDGET": "4000",
    "CIRCUIT_BREAKER_TIMEOUT": "2000",
    "CIRCUIT_BREAKER_RESET_TIMEOUT": "2000",
}
_MANNERS = {
    "DJANGO_ENV_FILE": os.devnull,
    "DJANGO_DEBUG": "true",
    "LOG_LEVEL": "WARNING",
    "RATE_LIMIT_ENABLED": "false",
    "PYTHONUNBUFFERED": "1",
    "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
}


def environment(form: Form, database: str, redis: str) -> dict[str, str]:
    """The whole environment of the run's programs; of the caller's, only what a shell needs."""
    web, *companies = free_ports(1 + len(COMPANIES))
    public = f"http://127.0.0.1:{web}"
    told = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    told |= _MANNERS | _IMPATIENCE | _secrets()
    told |= {
        "PORT": str(web),
        "PUBLIC_URL": public,
        "WEBHOOK_PROCESSING": form.applied_by,
        "PAGE_LIFETIME": str(form.page_life // timedelta(milliseconds=1)),
        "DATABASE_URL": database,
        "REDIS_URL": redis,
        "PAYPAL_TEST_ROOT": str(ROOT / "sandbox/paypal/root.pem"),
    }
    for company, port in zip(COMPANIES, companies, strict=True):
        told |= _company(company, port, public)
    told["PAYPAL_TEST_CERTIFICATE_HOST"] = f"127.0.0.1:{told['SANDBOX_PAYPAL_PORT']}"
    return told


def _company(name: str, port: int, public: str) -> dict[str, str]:
    prefix = name.upper()
    notices = "IPN_URL" if name == "paytabs" else "WEBHOOK_URL"
    return {
        f"{prefix}_API_BASE": f"http://127.0.0.1:{port}",
        f"{prefix}_SETTLING_TIME": "3000",
        f"{prefix}_RETRY_DELAY": "100",
        f"SANDBOX_{prefix}_PORT": str(port),
        f"SANDBOX_{prefix}_{notices}": f"{public}/webhooks/payments/{name}",
    }


def sandboxes(environment: dict[str, str], folder: Path) -> dict[str, dict[str, str]]:
    """A sandbox a company: a slow one must not hold up what the others have to tell.

    Each plays the companies whose credentials it is given, and PayTabs always.
    """
    ports = iter(free_ports(2 * len(COMPANIES)))
    told = {}
    for company in COMPANIES:
        others = [f"{name.upper()}_" for name in COMPANIES if name not in (company, "paytabs")]
        own = {k: v for k, v in environment.items() if not k.startswith(tuple(others))}
        own |= {"SANDBOX_PORT": str(next(ports)), "SANDBOX_DATA": str(folder / company)}
        if company != "paytabs":
            own["SANDBOX_PAYTABS_PORT"] = str(next(ports))
        told[company] = own
    return told


def _secrets() -> dict[str, str]:
    def secret() -> str:
        return secrets.token_hex(32)

    return {
        "DJANGO_SECRET_KEY": secret(),
        "ENCRYPTION_KEY": f"chaos:{secret()}",
        "AUDIT_KEY": secret(),
        "HASH_SALT": secret(),
        "PAYTABS_PROFILE_ID": "100001",
        "PAYTABS_SERVER_KEY": secret(),
        "STRIPE_SECRET_KEY": f"sk_test_{secret()}",
        "STRIPE_WEBHOOK_SECRET": f"whsec_{secret()}",
        "PAYPAL_CLIENT_ID": secret(),
        "PAYPAL_CLIENT_SECRET": secret(),
        "PAYPAL_WEBHOOK_ID": "WH-CHAOS",
        "FLUTTERWAVE_SECRET_KEY": f"FLWSECK_TEST-{secret()}-X",
        "FLUTTERWAVE_WEBHOOK_SECRET": secret(),
        "PAYSTACK_SECRET_KEY": f"sk_test_{secret()}",
    }


def commands(form: Form, folder: Path, port: str) -> dict[str, list[str]]:
    """The programs of the service, as they are run in production."""
    pool = "prefork" if form.on_servers else "threads"
    lines = {
        "web": (
            f"granian --interface wsgi --host 127.0.0.1 --port {port} --workers {form.web_workers}"
            " --respawn-failed-workers --blocking-threads 8 --backlog 512 --no-ws"
            " --workers-kill-timeout 3 --log-level warning config.wsgi:application"
        ),
        "worker": f"celery --quiet -A config worker --pool {pool} --concurrency 2",
        "beat": f"celery --quiet -A config beat --schedule {folder / 'beat'} --pidfile=",
    }
    return {name: [sys.executable, "-m", *line.split()] for name, line in lines.items()}


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens at; all different, for they are held together for a moment."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
