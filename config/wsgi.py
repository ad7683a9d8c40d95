"""The entrance for the web server, where somebody waits for every answer."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from config.counting import count_in
from config.postgresql.base import DatabaseWrapper

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# Before anything counts: the folder's name is read once.
if settings.MONITORING_ENABLED:
    count_in(settings.VAR / "metrics")

application = get_wsgi_application()
DatabaseWrapper.patience = settings.DATABASE_TIMEOUT
