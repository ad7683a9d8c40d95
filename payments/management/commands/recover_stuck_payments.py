"""Ask the providers what became of stuck payments, and apply the answers."""

import json
import re
from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from payments.services import recovery

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(text: str) -> timedelta:
    """`90s`, `15m`, `2h` or `1d`."""
    if not (match := re.fullmatch(r"(\d{1,6})([smhd])", text)):
        raise ArgumentTypeError(f"{text!r} is no duration; write 90s, 15m, 2h or 1d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


class Command(BaseCommand):
    """The sweep, by hand."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--older-than", type=duration, default=None, metavar="15m")
        parser.add_argument("--dry-run", action="store_true", help="only list what would be asked")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["dry_run"]:
            waiting = recovery.due(options["older_than"])
            findings = [recovery.Finding(o, o.outcome or "interrupted", "") for o in waiting]
        else:
            findings = list(self._resolved(options["older_than"]))
        for finding in findings:
            self.stdout.write(self._line(finding, as_json=options["json"]))
        if not options["json"]:
            verb = "would be asked about" if options["dry_run"] else "asked about"
            self.stdout.write(f"{len(findings)} operations {verb}.")

    def _resolved(self, older_than: timedelta | None) -> Any:
        total = recovery.due(older_than).count()
        for number, finding in enumerate(recovery.resolve_open_operations(older_than), 1):
            if self.stderr.isatty():
                self.stderr.write(f"\r{number}/{total}", ending="")
            yield finding

    def _line(self, finding: recovery.Finding, *, as_json: bool) -> str:
        operation = finding.operation
        facts = {
            "payment": str(operation.payment_id),
            "operation": str(operation.id),
            "provider": operation.provider,
            "before": finding.before,
            "after": finding.after,
        }
        return (
            json.dumps(facts) if as_json else "  ".join(f"{k} {v}" for k, v in facts.items() if v)
        )
