"""Django settings of the sandbox, read from environment variables and nothing else."""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

HIGHEST_PORT = 65535


def _required(name: str, why: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise ImproperlyConfigured(f"{name}: is not set; {why}")
    return value


def _whole_number(name: str, default: int, lowest: int, highest: int) -> int:
    text = os.environ.get(name, "").strip() or str(default)
    if not text.isascii() or not text.isdigit() or not lowest <= int(text) <= highest:
        raise ImproperlyConfigured(
            f"{name}: {text!r} will not do; give a whole number from {lowest} to {highest}"
        )
    return int(text)


def _seconds(name: str, default: str) -> list[float]:
    text = os.environ.get(name, "").strip() or default
    try:
        seconds = [float(part) for part in text.split(",")]
    except ValueError:
        seconds = [-1.0]
    if not all(0 <= each <= 86400 for each in seconds):
        raise ImproperlyConfigured(f"{name}: {text!r} will not do; give seconds, such as 1,2,4")
    return seconds


def _address(name: str) -> str:
    value = os.environ.get(name, "").strip()
    if value and not value.startswith(("http://", "https://")):
        raise ImproperlyConfigured(f"{name}: {value!r} is no http:// or https:// address")
    return value


if os.environ.get("DJANGO_DEBUG", "").strip().lower() not in {"true", "1", "yes", "on"}:
    raise ImproperlyConfigured(
        "DJANGO_DEBUG: is not true; the sandbox invents payments and runs in development only"
    )

# Port 0 would be a port that nobody can find, and one that cannot be kept while it is shut.
SANDBOX_PORT = _whole_number("SANDBOX_PORT", 8001, 1, HIGHEST_PORT - 1)
COMPANY_PORTS = {
    "paytabs": _whole_number("SANDBOX_PAYTABS_PORT", SANDBOX_PORT + 1, 1, HIGHEST_PORT),
}
if SANDBOX_PORT in COMPANY_PORTS.values():
    raise ImproperlyConfigured(f"SANDBOX_PAYTABS_PORT: {SANDBOX_PORT} is the control panel's own")
RETRY_DELAYS = _seconds("SANDBOX_RETRY_DELAYS", "1,2,4,8,16")
DUPLICATE_WINDOW_SECONDS = _whole_number("SANDBOX_DUPLICATE_WINDOW", 120, 0, 86400)

PAYTABS_SERVER_KEY = _required("PAYTABS_SERVER_KEY", "give the server key callers will use")
_required("PAYTABS_PROFILE_ID", "give the profile number callers will use")
PAYTABS_PROFILE_ID = _whole_number("PAYTABS_PROFILE_ID", 0, 1, 10**12)
PAYTABS_IPN_URL = _address("SANDBOX_PAYTABS_IPN_URL")

DATA = Path(os.environ.get("SANDBOX_DATA", "").strip() or "var/sandbox")
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA / "sandbox.sqlite3",
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
}

# Off whatever the environment says: a debug page is no answer a payment company gives.
DEBUG = False
# Only loopback names, so that no web page elsewhere can talk to us by way of a DNS trick.
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
INSTALLED_APPS = ["sandbox"]
MIDDLEWARE = [
    # It states the length of an answer, without which no connection could be kept.
    "django.middleware.common.CommonMiddleware",
    "sandbox.companies.route_by_port",
    "sandbox.faults.inject_faults",
]
ROOT_URLCONF = "sandbox.urls"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
APPEND_SLASH = False
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        # A 404 or an injected 500 is a part played; only real accidents are worth a line.
        "accidents": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: record.exc_info is not None,
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "filters": ["accidents"]}},
    "loggers": {
        "django": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
        "sandbox": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
    },
}
