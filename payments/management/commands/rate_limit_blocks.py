"""Who is turned away for a while, because they exceeded limits again and again."""

import json
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from payments.api import blocks
from payments.events import context

_ALONE = (
    "Without Redis each process blocks for itself, and this one has heard nobody: what is blocked"
    " stands in the web's log (source_blocked); restart the web to lift it."
)


class Command(BaseCommand):
    """List the sources that are turned away now, or let one in again."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("deed", nargs="?", default="list", choices=("list", "lift"))
        parser.add_argument(
            "source", nargs="?", default="", help="lift: an address, a key's prefix, or as listed"
        )
        parser.add_argument("--reason", default="asked for from the shell", help="kept for good")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["deed"] == "list":
            self._list(as_json=options["json"])
        else:
            self._lift(options["source"], options["reason"])

    def _list(self, *, as_json: bool) -> None:
        found = blocks.blocks()
        if as_json:
            told = [asdict(block) for block in found]
            self.stdout.write(json.dumps(told, cls=DjangoJSONEncoder))
        elif not found:
            self.stdout.write("Nobody is turned away.")
        else:
            self.stdout.write(f"{'SOURCE':44} {'LIMIT':18} UNTIL")
            for block in found:
                until = f"{block.ends_at:%H:%M:%S} UTC"
                self.stdout.write(f"{block.source:44} {block.limit:18} {until}")
        if not settings.REDIS_URL:
            self.stderr.write(_ALONE)

    def _lift(self, text: str, reason: str) -> None:
        if not text:
            raise CommandError("Whom? Name an address or a key's prefix.")
        source = blocks.named(text)
        with context.bound(actor="shell"):
            lifted = blocks.lift(source, reason)
        if not lifted:
            alone = "" if settings.REDIS_URL else f" {_ALONE}"
            raise CommandError(f"{source} is not turned away.{alone}")
        self.stdout.write(f"{source} is heard again.")
