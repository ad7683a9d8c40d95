"""Make the demo's operator and API key; refuses to run outside development."""

import json
import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments.models import ApiKey
from payments.models.access import SCOPES


class Command(BaseCommand):
    """What a newcomer needs to look around."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the credentials as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("This is for demos only: set DJANGO_DEBUG=true to use it.")
        password = secrets.token_urlsafe(12)
        operator, _ = get_user_model().objects.get_or_create(username="operator")
        operator.is_staff = operator.is_superuser = True
        operator.set_password(password)
        operator.save()
        _, key = ApiKey.issue("demo", list(SCOPES))
        told = {"api_key": key, "operator": {"username": "operator", "password": password}}
        lines = [f"API key   {key}", f"operator  operator / {password}"]
        self.stdout.write(json.dumps(told) if options["json"] else "\n".join(lines))
