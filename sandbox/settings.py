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
# The others are played where their credentials are given, each at the next port.
_CREDENTIALS = {
    "stripe": "STRIPE_SECRET_KEY",
    "paypal": "PAYPAL_CLIENT_SECRET",
    "flutterwave": "FLUTTERWAVE_SECRET_KEY",
    "paystack": "PAYSTACK_SECRET_KEY",
}
for _place, (_name, _credential) in enumerate(_CREDENTIALS.items(), start=2):
    if os.environ.get(_credential, "").strip():
        COMPANY_PORTS[_name] = _whole_number(
            f"SANDBOX_{_name.upper()}_PORT", SANDBOX_PORT + _place, 1, HIGHEST_PORT
        )
if SANDBOX_PORT in COMPANY_PORTS.values():
    raise ImproperlyConfigured(f"SANDBOX_PAYTABS_PORT: {SANDBOX_PORT} is the control panel's own")
RETRY_DELAYS = _seconds("SANDBOX_RETRY_DELAYS", "1,2,4,8,16")
DUPLICATE_WINDOW_SECONDS = _whole_number("SANDBOX_DUPLICATE_WINDOW", 120, 0, 86400)

PAYTABS_SERVER_KEY = _required("PAYTABS_SERVER_KEY", "give the server key callers will use")
_required("PAYTABS_PROFILE_ID", "give the profile number callers will use")
PAYTABS_PROFILE_ID = _whole_number("PAYTABS_PROFILE_ID", 0, 1, 10**12)
PAYTABS_IPN_URL = _address("SANDBOX_PAYTABS_IPN_URL")
if "stripe" in COMPANY_PORTS:
    STRIPE_SECRET_KEY = _required("STRIPE_SECRET_KEY", "give the key callers will use")
    # Several while one is rolled: then every notice bears a signature by each.
    STRIPE_WEBHOOK_SECRETS = _required(
        "STRIPE_WEBHOOK_SECRET", "give what notices are to be signed with"
    ).split(",")
    STRIPE_WEBHOOK_URL = _address("SANDBOX_STRIPE_WEBHOOK_URL")
if "paypal" in COMPANY_PORTS:
    PAYPAL_CLIENT_ID = _required("PAYPAL_CLIENT_ID", "give the client id callers will use")
    PAYPAL_CLIENT_SECRET = _required("PAYPAL_CLIENT_SECRET", "give the secret callers will use")
    PAYPAL_WEBHOOK_ID = _required("PAYPAL_WEBHOOK_ID", "give what notices are to be signed for")
    PAYPAL_WEBHOOK_URL = _address("SANDBOX_PAYPAL_WEBHOOK_URL")
if "flutterwave" in COMPANY_PORTS:
    FLUTTERWAVE_SECRET_KEY = _required("FLUTTERWAVE_SECRET_KEY", "give the key callers will use")
    # Of several, which a merchant takes while they change, the first is sent.
    FLUTTERWAVE_WEBHOOK_SECRET = _required(
        "FLUTTERWAVE_WEBHOOK_SECRET", "give the word that notices are to bear"
    ).split(",")[0]
    FLUTTERWAVE_WEBHOOK_URL = _address("SANDBOX_FLUTTERWAVE_WEBHOOK_URL")
if "paystack" in COMPANY_PORTS:
    PAYSTACK_SECRET_KEY = _required("PAYSTACK_SECRET_KEY", "give the key callers will use")
    _given = os.environ.get("PAYSTACK_WEBHOOK_SECRET", "").strip() or PAYSTACK_SECRET_KEY
    PAYSTACK_WEBHOOK_SECRET = _given.split(",")[0]
    PAYSTACK_WEBHOOK_URL = _address("SANDBOX_PAYSTACK_WEBHOOK_URL")

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
