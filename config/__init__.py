"""Settings, routes and processes. It names everything by dotted path and is imported by nothing."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
