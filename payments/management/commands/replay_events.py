"""Send stored events to their durable receivers once more.

What a receiver writes into our own records it writes once, however often it hears of an event.
Receivers that act outside (mail, for one) are left out unless you say --outside.
"""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet

from payments.events import relay, replay
from payments.events.durable import Handler
from payments.events.models import StoredEvent
from payments.events.signal import all_signals
from payments.management.arguments import moment, with_progress


class Command(BaseCommand):
    """The outbox, once more."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--type", default="", choices=["", *sorted(all_signals())], metavar="T")
        parser.add_argument("--aggregate", default="", metavar="ID", help="a payment, for one")
        parser.add_argument("--since", type=moment, metavar="2026-01-31T00:00:00Z")
        parser.add_argument("--handler", default="", metavar="NAME", help="this receiver alone")
        parser.add_argument("--outside", action="store_true", help="also who acts outside")
        parser.add_argument("--dry-run", action="store_true", help="only count")
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            handlers = replay.receivers(options["handler"], outside=options["outside"])
        except replay.CannotReplay as error:
            raise CommandError(str(error)) from None
        type_ = all_signals()[options["type"]].name if options["type"] else ""
        events = replay.chosen(type_, options["aggregate"], options["since"])
        plan = replay.plan(events, handlers)
        if not options["dry_run"]:
            self._replay(events, handlers, sum(plan.values()))
        self._tell(plan, options)

    def _replay(
        self, events: QuerySet[StoredEvent], handlers: tuple[Handler, ...], total: int
    ) -> None:
        """Write the deliveries, then bring them here and now; the workers help, and go on."""
        for _ in replay.schedule(events, handlers):
            pass
        for _ in with_progress(relay.drain(), total, "deliveries", self.stderr):
            pass

    def _tell(self, plan: dict[str, int], options: dict[str, Any]) -> None:
        verb = "would hear" if options["dry_run"] else "hears"
        lines = [f"{name} {verb} of {count} events again." for name, count in plan.items()]
        words = "\n".join(lines) or "No durable receiver is registered."
        self.stdout.write(json.dumps(plan) if options["json"] else words)
