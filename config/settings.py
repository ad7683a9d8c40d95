"""All settings. The environment decides; `.env.example` documents what it may say."""

from datetime import timedelta
from pathlib import Path

from csp.constants import NONE, SELF

from config import breakers, limits, mail, parsers, providers, stores, timetable
from config.console import CONSOLE
from config.environment import read_process_environment, stop_if_refused
from config.logs import configure_structlog, logging_settings
from config.schema import SCHEMA

BASE_DIR = Path(__file__).resolve().parent.parent
VAR = BASE_DIR / "var"

env = read_process_environment()
DEBUG = env.debug
LOG_LEVEL = env.read(
    "LOG_LEVEL", parsers.one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), "INFO"
)

# Secrets. In development they are readable and the same everywhere, so that nobody mistakes them.
_MAKE_KEY = "make one with: openssl rand -hex 32"
SECRET_KEY = env.need(
    "DJANGO_SECRET_KEY", parsers.secret(32), "development-only-" + "secret" * 8, _MAKE_KEY
)
KEY_RING = env.need("ENCRYPTION_KEY", parsers.key_ring, "development:" + "d0" * 32, _MAKE_KEY)
AUDIT_KEY = env.need("AUDIT_KEY", parsers.hex_key, b"development-only-audit-key" * 2, _MAKE_KEY)
# Not in the database's reach: the lines that vouch for the history.
AUDIT_ANCHOR_FILE = env.read("AUDIT_ANCHOR_FILE", str, "")
HASH_SALT = env.need("HASH_SALT", parsers.secret(16), "development-only-salt", _MAKE_KEY)

# Where we are reached.
PUBLIC_URL = env.need(
    "PUBLIC_URL",
    parsers.web_address,
    "http://127.0.0.1:8000",
    "write the address where payers and providers reach us, like https://pay.example.com",
)
ALLOWED_HOSTS = env.need(
    "DJANGO_ALLOWED_HOSTS",
    parsers.some(str),
    ["127.0.0.1", "localhost", "[::1]"],
    "write the host names that we answer to, like pay.example.com",
)
TRUSTED_PROXIES = env.items("TRUSTED_PROXIES", parsers.network)
CSRF_TRUSTED_ORIGINS = ["/".join(PUBLIC_URL.split("/")[:3])]

# Mail to payers and to the merchant. A server that hangs keeps a worker for the timeout at most.
globals().update(mail.server(env))
SENDS_MAIL = env.is_set("EMAIL_URL")
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.read("EMAIL_FROM", parsers.mailbox, "payments@localhost")
MERCHANT_NAME = env.text("MERCHANT_NAME", "the shop")
MERCHANT_EMAIL = env.items("MERCHANT_EMAIL", parsers.mailbox)

# Figures for Prometheus, and who may read them: whoever bears the token, or comes from here.
MONITORING_ENABLED = env.flag("MONITORING_ENABLED", default=True)
METRICS_TOKEN = env.read("METRICS_TOKEN", parsers.secret(16), "")
METRICS_IP_WHITELIST = env.read(
    "METRICS_IP_WHITELIST",
    parsers.items(parsers.network),
    ["127.0.0.1/32", "::1/128"] if DEBUG else [],
)

# Providers and payments.
PROVIDERS = providers.configured(env)
PROVIDER_ORDER = env.read(
    "PROVIDER_ORDER", parsers.items(parsers.one_of(*PROVIDERS)), list(PROVIDERS)
)
CIRCUIT_BREAKERS = breakers.policies(env, PROVIDERS)
CALL_BUDGET = env.milliseconds("CALL_BUDGET", 45_000)
BREAKER_SWEEP_INTERVAL = env.milliseconds("BREAKER_SWEEP_INTERVAL", 30_000)
RETENTION_GATEWAY_CALLS_DAYS = env.integer("RETENTION_GATEWAY_CALLS_DAYS", 30, 1, 3650)
PAGE_LIFETIME = env.milliseconds("PAGE_LIFETIME", 30 * 60_000)
RECOVERY_CHECK_DELAYS = env.read(
    "RECOVERY_CHECK_DELAYS",
    parsers.some(parsers.milliseconds),
    [timedelta(minutes=1), timedelta(minutes=5), timedelta(hours=1), timedelta(days=1)],
)
PAYMENT_RETRY_DELAYS = env.read(
    "PAYMENT_RETRY_DELAYS",
    parsers.items(parsers.milliseconds),
    [timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15)],
)
RECOVERY_SWEEP_INTERVAL = env.milliseconds("RECOVERY_SWEEP_INTERVAL", 30_000)
IDEMPOTENCY_LOCK_TIMEOUT = env.milliseconds("IDEMPOTENCY_LOCK_TIMEOUT", 60_000)
RETENTION_DELIVERIES_DAYS = env.integer("RETENTION_DELIVERIES_DAYS", 30, 1, 3650)
RETENTION_FAILED_PAYMENTS_DAYS = env.integer("RETENTION_FAILED_PAYMENTS_DAYS", 365, 1, 3650)
RETENTION_IDEMPOTENCY_KEYS_DAYS = env.integer("RETENTION_IDEMPOTENCY_KEYS_DAYS", 1, 1, 3650)
RETENTION_WEBHOOK_EVENTS_DAYS = env.integer("RETENTION_WEBHOOK_EVENTS_DAYS", 30, 1, 3650)
WEBHOOK_MAX_BODY = env.integer("WEBHOOK_MAX_BODY", 2**20, 2**10, 2**26)
# In the request is one commit an event; with workers, deliveries are only kept in the request.
WEBHOOK_PROCESSING = env.read("WEBHOOK_PROCESSING", parsers.one_of("request", "worker"), "request")
PERFORMANCE_SAMPLE_INTERVAL = env.milliseconds("PERFORMANCE_SAMPLE_INTERVAL", 300_000)
SLOW_QUERY_THRESHOLD = env.milliseconds("SLOW_QUERY_THRESHOLD", 500)
SAGA_SWEEP_INTERVAL = env.milliseconds("SAGA_SWEEP_INTERVAL", 5_000)
RELAY_SWEEP_INTERVAL = env.milliseconds("RELAY_SWEEP_INTERVAL", 5_000)
WEBHOOK_SWEEP_INTERVAL = env.milliseconds("WEBHOOK_SWEEP_INTERVAL", 5_000)
WEBHOOK_TIMESTAMP_TOLERANCE = env.read(
    "WEBHOOK_TIMESTAMP_TOLERANCE", parsers.seconds, timedelta(seconds=300)
)

# How often who may ask. django-ratelimit's checks want a cache with atomic increments shared by
# all processes: Django's RedisCache has them though its list does not know it (W001), and in
# development one process with its own memory is enough (E003).
RATE_LIMITS_ENABLED = env.flag("RATE_LIMIT_ENABLED", default=True)
RATE_LIMITS = limits.rates(env)
RATE_LIMIT_BLOCK_TIME = env.milliseconds("RATE_LIMIT_BLOCK_TIME", 600_000)
SILENCED_SYSTEM_CHECKS = ["django_ratelimit.E003", "django_ratelimit.W001"]

# Where things are kept.
DATABASES = stores.databases(env, VAR)
DATABASE_ROUTERS = ["payments.replica.Router"] if "replica" in DATABASES else []
DATABASE_REPLICA_MAX_LAG = env.milliseconds("DATABASE_REPLICA_MAX_LAG", 5_000)
DATABASE_TIMEOUT = env.milliseconds("DATABASE_TIMEOUT", 5_000)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = stores.redis_address(env)
REDIS_KEY_PREFIX = env.text("REDIS_KEY_PREFIX", "ballast")
CACHES = {"default": stores.cache(REDIS_URL, REDIS_KEY_PREFIX)}
# Spares the database a duplicate delivery, and costs each new one a look.
WEBHOOK_FAST_LOOK = env.flag("WEBHOOK_FAST_LOOK", default=bool(REDIS_URL))

# The background. Tasks carry ids; rows are the queue of record, so results are not kept.
CELERY_BROKER_URL, CELERY_BROKER_TRANSPORT_OPTIONS = stores.broker(env, REDIS_URL, VAR)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_TASK_TIME_LIMIT = 300
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = timetable.tasks(
    recovery=RECOVERY_SWEEP_INTERVAL,
    webhooks=WEBHOOK_SWEEP_INTERVAL,
    relay=RELAY_SWEEP_INTERVAL,
    sagas=SAGA_SWEEP_INTERVAL,
    breakers=BREAKER_SWEEP_INTERVAL,
    performance=PERFORMANCE_SAMPLE_INTERVAL,
)

# What we are made of.
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False
INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "csp",
    "django_prometheus",
    "payments",
    "webhooks",
    "monitoring",
]
MIDDLEWARE = [
    "payments.api.middleware.CorrelationMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "webhooks.middleware.ShortRoad",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.policies.ContentPolicyMiddleware",
]
if MONITORING_ENABLED:  # behind the short road: a delivery is counted by its view alone
    _place = MIDDLEWARE.index("webhooks.middleware.ShortRoad") + 1
    MIDDLEWARE.insert(_place, "django_prometheus.middleware.PrometheusBeforeMiddleware")
    MIDDLEWARE.append("monitoring.middleware.CountRequests")
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Pages and files. In development the files are found where they lie; collectstatic is for images.
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR / "static"
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG
_STATIC = (
    "django.contrib.staticfiles.storage.StaticFilesStorage"
    if DEBUG
    else ("whitenoise.storage.CompressedManifestStaticFilesStorage")
)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": _STATIC},
}
LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = "config.formats"
TIME_ZONE = "UTC"
USE_TZ = True

# The door.
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{validator}"}
    for validator in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SESSION_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = env.flag("DJANGO_SSL_REDIRECT", default=not DEBUG)
SECURE_REDIRECT_EXEMPT = [r"^health", r"^metrics"]  # probes come from inside, without TLS
SECURE_HSTS_SECONDS = 0 if DEBUG else 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEBUG
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

# The API.
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "payments.api.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["payments.api.parsers.BoundedJSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_standardized_errors.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "payments.api.errors.Answers",
    "ENABLE_IN_DEBUG_FOR_UNHANDLED_EXCEPTIONS": True,
}
SPECTACULAR_SETTINGS = SCHEMA

UNFOLD = CONSOLE  # the operators' console

configure_structlog()
LOGGING = logging_settings(LOG_LEVEL, readable=DEBUG)

stop_if_refused(env)
