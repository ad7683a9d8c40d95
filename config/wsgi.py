"""The entrance for the web server, where somebody waits for every answer."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from config.postgresql.base import DatabaseWrapper

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()
DatabaseWrapper.patience = settings.DATABASE_TIMEOUT
