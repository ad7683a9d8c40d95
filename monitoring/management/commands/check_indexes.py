"""Look for indexes that are missing, kept twice, or never read.

Exits 1 where one is missing or kept twice. What was never read is only told: on a young
database, or one whose statistics were reset, that means little.
"""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from monitoring import indexes


class Command(BaseCommand):
    """The database's indexes, held against the models."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        found = list(indexes.findings())
        for each in found:
            self.stdout.write(json.dumps(asdict(each)) if options["json"] else str(each))
        if not options["json"]:
            self.stdout.write(f"{len(found)} findings.")
        if any(each.what != "unused" for each in found):
            sys.exit(1)
