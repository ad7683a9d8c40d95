"""The tests. What they may know of this machine is decided here, before anything is imported.

A developer's `.env` and exported variables stay outside; only DATABASE_URL and REDIS_URL are
let in, so that the same suite runs on real servers where it is told of them.
"""

import os

import django

from config.environment import documented_names

_LET_IN = {"DATABASE_URL", "REDIS_URL"}
_OURS = {
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "DJANGO_ENV_FILE": os.devnull,
    "DJANGO_DEBUG": "true",
    "CELERY_BROKER_URL": "memory://",
    "REDIS_KEY_PREFIX": f"ballast-test-{os.getpid()}",
    "PAYTABS_PROFILE_ID": "100001",
    "PAYTABS_SERVER_KEY": "STESTONLY01-TESTONLYKEY02-TESTONLY03",
    # One attempt a call, unless a test is about more.
    "PAYTABS_RETRY_ATTEMPTS": "1",
}

for name in {*documented_names()} - _LET_IN:
    os.environ.pop(name, None)
os.environ.update(_OURS)
django.setup()
