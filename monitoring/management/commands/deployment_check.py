"""Look at everything that has to be right before money comes in, from where it runs.

Exits 1 where something is broken. What is only worth a look is told. It sends nothing to a
provider and writes nothing but one cache entry.
"""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from monitoring import deployment


class Command(BaseCommand):
    """Before the first payment, and after every release."""

    help = __doc__ or ""
    # What is wrong with the settings is among the findings.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        broken = 0
        for each in deployment.findings():
            broken += each.verdict == "broken"
            self.stdout.write(json.dumps(asdict(each)) if options["json"] else str(each))
        if not options["json"]:
            self.stdout.write(f"{broken} broken." if broken else "Nothing is broken.")
        if broken:
            sys.exit(1)
