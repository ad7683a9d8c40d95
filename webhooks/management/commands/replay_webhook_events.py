"""Process stored webhook events again; each has its effect once, however often it is replayed."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from payments.management.arguments import moment
from webhooks import replay
from webhooks.models import PaymentWebhookEvent


class Command(BaseCommand):
    """The inbox, once more."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        statuses = [status.value for status in PaymentWebhookEvent.Status]
        parser.add_argument("--status", default="failed", choices=statuses)
        parser.add_argument("--provider", default="")
        parser.add_argument("--event-id", default="")
        parser.add_argument("--since", type=moment, metavar="2026-01-31T00:00:00Z")
        parser.add_argument("--dry-run", action="store_true", help="only list them")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = replay.chosen(
            status=options["status"],
            provider=options["provider"],
            event_id=options["event_id"],
            since=options["since"],
        )
        listed = (replay.Replayed(row, "") for row in rows)
        done = listed if options["dry_run"] else replay.replay(rows)
        count = 0
        for each in done:
            count += 1
            self.stdout.write(self._line(each, as_json=options["json"]))
        if not options["json"]:
            verb = "would be processed again" if options["dry_run"] else "processed again"
            self.stdout.write(f"{count} events {verb}.")

    def _line(self, done: replay.Replayed, *, as_json: bool) -> str:
        event = done.event
        facts = {"provider": event.provider, "event_id": event.event_id, "answer": done.answer}
        return json.dumps(facts) if as_json else "  ".join(filter(None, facts.values()))
