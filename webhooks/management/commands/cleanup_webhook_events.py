"""Remove old completed webhook events; whatever did not complete is kept."""

import json
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from webhooks import retention


class Command(BaseCommand):
    """Retention, by hand."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=30, help="older than this (30)")
        parser.add_argument("--provider", default="", help="of this provider only")
        parser.add_argument("--dry-run", action="store_true", help="only count")
        parser.add_argument("--batch-size", type=int, default=retention.BATCH)
        parser.add_argument("--json", action="store_true", help="print totals as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["days"] < 0 or options["batch_size"] < 1:
            raise CommandError("--days must be 0 or more, and --batch-size 1 or more.")
        rows = retention.forgettable(timedelta(days=options["days"]), options["provider"])
        total = rows.count()
        removed = 0 if options["dry_run"] else self._remove(rows, options["batch_size"], total)
        self._report(total, removed, options)

    def _remove(self, rows: Any, batch: int, total: int) -> int:
        removed = 0
        for count in retention.forget(rows, batch):
            removed += count
            if self.stderr.isatty():
                self.stderr.write(f"\r{removed}/{total}", ending="")
        return removed

    def _report(self, total: int, removed: int, options: dict[str, Any]) -> None:
        left = retention.standing(options["provider"])
        if options["json"]:
            kept = [{"provider": p, "status": s, "count": n} for (p, s), n in sorted(left.items())]
            self.stdout.write(json.dumps({"old": total, "removed": removed, "left": kept}))
            return
        verb = "would be removed" if options["dry_run"] else "removed"
        self.stdout.write(f"{total if options['dry_run'] else removed} completed events {verb}.")
        for (provider, status), count in sorted(left.items()):
            self.stdout.write(f"  {provider:12} {status:11} {count}")
