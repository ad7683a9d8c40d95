"""Send stored events to their durable receivers once more.

What a receiver writes into our own records it writes once, however often it hears of an event.
Receivers that act outside (mail, for one) are left out unless you say --outside. With --given-up
nothing is told anew: what is dead or parked gets all its tries once more, in its old place.
"""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count, QuerySet

from payments.events import relay, replay
from payments.events.models import Delivery, StoredEvent
from payments.events.signal import all_signals
from payments.management.arguments import moment, shown, with_progress

_AS_LONG_AS_IT_TAKES = timedelta(days=1)


class Command(BaseCommand):
    """The outbox, once more."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--type", default="", choices=["", *sorted(all_signals())], metavar="T")
        parser.add_argument("--aggregate", default="", metavar="ID", help="a payment, for one")
        parser.add_argument("--since", type=moment, metavar="2026-01-31T00:00:00Z")
        parser.add_argument("--until", type=moment, metavar="2026-02-01T00:00:00Z")
        parser.add_argument("--handler", default="", metavar="NAME", help="this receiver alone")
        parser.add_argument("--outside", action="store_true", help="also who acts outside")
        parser.add_argument("--given-up", action="store_true", help="only what is dead or parked")
        parser.add_argument("--dry-run", action="store_true", help="only count")
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        type_ = all_signals()[options["type"]].name if options["type"] else ""
        since, until = options["since"], options["until"]
        events = replay.chosen(type_, options["aggregate"], since, until)
        again = self._given_up if options["given_up"] else self._anew
        counts = again(events, options)
        if not options["dry_run"]:
            self._bring(sum(counts.values()), outside=options["outside"])
        self._tell(counts, options)

    def _given_up(self, events: QuerySet[StoredEvent], options: dict[str, Any]) -> dict[str, int]:
        """Let them be due again; answers how many of each receiver."""
        rows = replay.given_up(events, options["handler"], outside=options["outside"])
        counts = dict(rows.order_by().values_list("handler").annotate(count=Count("pk")))
        if not options["dry_run"]:
            replay.bring_again(Delivery.objects.filter(pk__in=rows.values("pk")))
        return counts

    def _anew(self, events: QuerySet[StoredEvent], options: dict[str, Any]) -> dict[str, int]:
        """Write the deliveries; answers how many of each receiver, at most where only counted."""
        try:
            handlers = replay.receivers(options["handler"], outside=options["outside"])
        except replay.CannotReplay as error:
            raise CommandError(str(error)) from None
        plan = replay.plan(events, handlers)
        if options["dry_run"]:
            return plan
        written, total = Counter(dict.fromkeys(plan, 0)), sum(plan.values())
        for batch in replay.schedule(events, handlers):
            written.update(delivery.handler for delivery in batch)
            shown(written.total(), total, "deliveries written", self.stderr)
        return dict(written)

    def _bring(self, total: int, *, outside: bool) -> None:
        """Here and now; the workers help."""
        for _ in with_progress(_brought(outside=outside), total, "deliveries", self.stderr):
            pass

    def _tell(self, counts: dict[str, int], options: dict[str, Any]) -> None:
        verb = "would hear" if options["dry_run"] else "hears"
        at_most = "at most " if options["dry_run"] and not options["given_up"] else ""
        lines = [f"{name} {verb} of {at_most}{n} events again." for name, n in counts.items()]
        words = "\n".join(lines) or "There is nothing to be told again."
        self.stdout.write(json.dumps(counts) if options["json"] else words)


def _brought(*, outside: bool) -> Iterator[Delivery]:
    yield from relay.drain(lasts=_AS_LONG_AS_IT_TAKES)
    if outside:
        yield from relay.drain(outside=True, lasts=_AS_LONG_AS_IT_TAKES)
