"""Make an API key, and print it once; only a hash of it is kept."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments.models import ApiKey
from payments.models.access import SCOPES


class Command(BaseCommand):
    """A key for a caller."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="whose key it is")
        parser.add_argument("--scopes", nargs="+", required=True, choices=SCOPES)

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"].strip()
        if not name or len(name) > 100:
            raise CommandError("A key needs a name of 1 to 100 characters.")
        _, text = ApiKey.issue(name, options["scopes"])
        self.stderr.write("Keep this key: it is not shown again.")
        self.stdout.write(text)
