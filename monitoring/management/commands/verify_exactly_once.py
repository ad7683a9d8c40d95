"""Hold what the providers took against our records, and print every broken invariant.

Exits 1 where one is broken, 2 where nothing could be checked. It changes nothing. Without a
sandbox each provider's list is read, and what that leaves in doubt is looked up; at a provider
without a list each attempt is.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from monitoring.exactly_once.audit import Audit
from monitoring.exactly_once.lists import ListsAndLookups
from monitoring.exactly_once.rules import Broken
from monitoring.exactly_once.sandbox import Sandboxes, SandboxUnreadable
from monitoring.exactly_once.truth import Truth
from payments.management.arguments import moment
from payments.services.reconciliation.lists import MOST_PAGES

_BROKEN, _NOTHING_CHECKED = 1, 2


class Command(BaseCommand):
    """The audit, by hand."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", type=moment, metavar="2026-01-31T00:00:00Z")
        parser.add_argument("--provider", default="", choices=["", *settings.PROVIDERS])
        parser.add_argument(
            "--sandbox-url",
            action="append",
            default=[],
            help="its books, in place of lists and lookups; several are read together",
        )
        parser.add_argument("--max-pages", type=int, default=MOST_PAGES, help="of one list")
        parser.add_argument(
            "--at-rest", action="store_true", help="whatever is still under way is broken too"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        audit = Audit(
            truth := _truth(options),
            since=options["since"],
            provider=options["provider"],
            at_rest=options["at_rest"],
        )
        found = 0
        for broken in self._found(audit, truth):
            found += 1
            self.stdout.write(json.dumps(asdict(broken)) if options["json"] else str(broken))
        summary = _summary(audit, truth, found)
        self.stdout.write(json.dumps(summary) if options["json"] else _in_words(summary))
        if found or audit.saw_nothing():
            sys.exit(_BROKEN if found else _NOTHING_CHECKED)

    def _found(self, audit: Audit, truth: Truth) -> Iterator[Broken]:
        total = audit.payments.count()
        try:
            for batch in audit.run():
                if self.stderr.isatty():
                    records = truth.checked["records listed"]
                    progress = f"\r{records} records, {audit.checked['payments']}/{total} payments"
                    self.stderr.write(progress, ending="")
                yield from batch
        except SandboxUnreadable as problem:
            raise CommandError(str(problem), returncode=_NOTHING_CHECKED) from problem


def _truth(options: dict[str, Any]) -> Truth:
    if options["max_pages"] < 1:
        raise CommandError("--max-pages must be 1 or more.")
    if not options["sandbox_url"]:
        about = {"since": options["since"], "provider": options["provider"]}
        return ListsAndLookups(**about, most_pages=options["max_pages"])
    if not settings.DEBUG:
        raise CommandError("--sandbox-url is for development; here the providers are asked.")
    return Sandboxes(options["sandbox_url"])


def _summary(audit: Audit, truth: Truth, found: int) -> dict[str, Any]:
    return {
        "broken": found,
        "checked": dict(audit.checked),
        "unseen": dict(audit.unseen),
        "unseen_disputes": dict(audit.unseen_disputes),
        "unseen_lists": truth.unseen,
        "cannot_be_seen": list(truth.blind_to),
        "under_way": dict(audit.under_way),
        "left_to_people": dict(audit.left_to_people),
    }


def _in_words(summary: dict[str, Any]) -> str:
    unseen = [f"{count} attempts at {name}" for name, count in summary["unseen"].items()]
    unseen += [f"{count} disputes at {name}" for name, count in summary["unseen_disputes"].items()]
    unseen += summary["unseen_lists"]
    lines = {
        "Checked": [f"{count} {name}" for name, count in summary["checked"].items()],
        "Not seen": unseen + summary["cannot_be_seen"],
        "Under way": [f"{count} {name}" for name, count in summary["under_way"].items()],
        "Left to people": [f"{count} {name}" for name, count in summary["left_to_people"].items()],
        "Broken": [str(summary["broken"])],
    }
    return "\n".join(f"{title}: {', '.join(said) or 'nothing'}." for title, said in lines.items())
