"""Seal stored secrets anew under the newest key of ENCRYPTION_KEY, beside the running service.

Put the new key in front (`new:…,old:…`), restart every process, and run this. Once it says that
nothing is left under an older key, that may be removed. Cut off anywhere, it goes on when it is
run again. Exits 1 where something cannot be opened, or is left.
"""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments.crypto import rotation
from payments.crypto.rotation import Column
from payments.management.arguments import shown


class Command(BaseCommand):
    """A key's end, by hand."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count what is left to do")
        parser.add_argument("--batch-size", type=int, default=rotation.BATCH, metavar="N")
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["batch_size"] < 1:
            raise CommandError("--batch-size must be 1 or more.")
        told = {str(each): self._rotate(each, options) for each in rotation.columns()}
        if options["json"]:
            self.stdout.write(json.dumps({"newest": rotation.newest_key(), "columns": told}))
        else:
            self._tell(told, is_dry=options["dry_run"])
        if not options["dry_run"] and any(each["left"] for each in told.values()):
            sys.exit(1)

    def _rotate(self, column: Column, options: dict[str, Any]) -> dict[str, int]:
        total = column.old().count()
        if options["dry_run"] or not total:
            return {"resealed": 0, "unreadable": 0, "left": total}
        progress = rotation.Progress()
        for progress in rotation.reseal(column, options["batch_size"]):
            shown(progress.resealed, total, str(column), self.stderr)
        left = column.old().count()
        return {"resealed": progress.resealed, "unreadable": progress.unreadable, "left": left}

    def _tell(self, told: dict[str, dict[str, int]], *, is_dry: bool) -> None:
        for name, each in told.items():
            if each["resealed"] or each["left"]:
                done = "would be sealed anew" if is_dry else "sealed anew, "
                count = each["left"] if is_dry else each["resealed"]
                rest = "" if is_dry else f"{each['left']} left, {each['unreadable']} unreadable"
                self.stdout.write(f"{name}: {count} {done}{rest}")
        newest, left = rotation.newest_key(), sum(each["left"] for each in told.values())
        self.stdout.write(
            f"Nothing is under another key than {newest!r}: the others may be removed."
            if not left
            else f"{left} values are under another key than {newest!r}: keep the others."
        )
