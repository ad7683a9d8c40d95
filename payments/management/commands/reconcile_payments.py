"""Hold the providers' records against ours; report the differences, or heal what is provable.

Exits 1 where differences are left, 2 where all that was seen agrees and something could not be
seen. Without --fix nothing is changed. It may be run again at any time, for any period.
"""

import json
import sys
from argparse import ArgumentTypeError
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from payments.errors import DomainError
from payments.gateways.registry import configured
from payments.services.reconciliation.findings import Finding, Report
from payments.services.reconciliation.lists import MOST_PAGES, Period
from payments.services.reconciliation.run import USUAL_PERIOD, Reconciliation
from payments.services.reconciliation.telling import facts_of, summary_of, write_csv

_LEFT, _UNSEEN = 1, 2
_DAY = timedelta(days=1)


def day_or_moment(text: str) -> tuple[datetime, timedelta]:
    """`2026-01-31`, a day in UTC, or a moment with its zone; and for how long it lasts."""
    try:
        day, moment = parse_date(text), parse_datetime(text)
    except ValueError:
        day = moment = None
    if day is not None:
        return datetime.combine(day, time.min, UTC), _DAY
    if moment is None or timezone.is_naive(moment):
        raise ArgumentTypeError(f"{text!r}: write 2026-01-31, or 2026-01-31T08:00:00Z")
    return moment, timedelta(0)


class Command(BaseCommand):
    """The reconciliation, by hand."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--provider", default="", choices=["", *settings.PROVIDERS], help="all, if none"
        )
        parser.add_argument(
            "--since", type=day_or_moment, metavar="2026-01-30", help="two days ago, if not said"
        )
        parser.add_argument(
            "--until", type=day_or_moment, metavar="2026-01-31", help="that day included; or now"
        )
        deeds = parser.add_mutually_exclusive_group()
        deeds.add_argument("--fix", action="store_true", help="heal, and queue what cannot be")
        deeds.add_argument("--dry-run", action="store_true", help="change nothing, as without it")
        parser.add_argument("--csv", type=Path, metavar="FILE", help="write the findings there")
        parser.add_argument(
            "--import",
            type=Path,
            dest="exported",
            metavar="FILE",
            help="what the provider's dashboard exported, in place of its list",
        )
        parser.add_argument("--max-pages", type=int, default=MOST_PAGES, help="of one list")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        reports = [self._report(each, options) for each in self._prepared(options)]
        if options["csv"]:
            with options["csv"].open("w", newline="") as file:
                write_csv(file, (each for report in reports for each in report.findings))
        if any(not report.is_settled for report in reports):
            sys.exit(_LEFT)
        if any(report.unseen for report in reports):
            sys.exit(_UNSEEN)

    def _prepared(self, options: dict[str, Any]) -> list[Reconciliation]:
        """All is checked before anything is asked or done."""
        names = [options["provider"]] if options["provider"] else configured()
        exported = _text_of(options["exported"], options["provider"])
        if options["max_pages"] < 1:
            raise CommandError("--max-pages must be 1 or more.")
        if options["csv"] and not options["csv"].parent.is_dir():
            raise CommandError(f"--csv: there is no folder {options['csv'].parent}.")
        chosen = {"fix": options["fix"], "exported": exported, "most_pages": options["max_pages"]}
        try:
            return [Reconciliation(name, _period(options), **chosen) for name in names]
        except DomainError as error:
            raise CommandError(error.detail) from None

    def _report(self, reconciliation: Reconciliation, options: dict[str, Any]) -> Report:
        for report in reconciliation.run():
            if self.stderr.isatty():
                held = report.held
                progress = f"\r{report.provider}: {held['records']} records, {held['asked']} asked"
                self.stderr.write(progress, ending="")
        report = reconciliation.report
        for finding in report.findings:
            self.stdout.write(json.dumps(facts_of(finding)) if options["json"] else _line(finding))
        summary = summary_of(report)
        self.stdout.write(json.dumps(summary) if options["json"] else _in_words(summary))
        return report


def _text_of(path: Path | None, provider: str) -> str | None:
    if path is None:
        return None
    if not provider:
        raise CommandError("--import: say with --provider whose export it is.")
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"--import: {path} cannot be read: {error}") from None


def _period(options: dict[str, Any]) -> Period:
    now = timezone.now()
    since, _ = options["since"] or (now - USUAL_PERIOD, None)
    start, length = options["until"] or (now, timedelta(0))
    if since >= start + length:
        raise CommandError("--since must be before --until, and not in the future.")
    return Period(since, start + length)


def _line(finding: Finding) -> str:
    of = f"payment {finding.operation.payment_id}" if finding.operation else "nothing of ours"
    told = f"{finding.deed}: {finding.provider} {finding.kind}, {of}:"
    told += f" expected {_with(finding.expected, finding.expected_money)},"
    told += f" heard {_with(finding.heard, finding.heard_money)}."
    return f"{told} {finding.proposal}".rstrip()


def _with(text: str, money: Any) -> str:
    return f"{text} ({money})" if money and str(money) not in text else text


def _in_words(told: dict[str, Any]) -> str:
    held, deeds = told["held"], told["deeds"]
    lines = {
        "Held": [f"{held.get(name, 0)} {name}" for name in ("records", "agreed", "asked")],
        "Found": [f"{count} {deed.replace('_', ' ')}" for deed, count in deeds.items()],
        "Not seen": told["unseen"],
        "Cannot be seen": told["cannot_be_seen"],
    }
    said = [f"{title}: {', '.join(words)}." for title, words in lines.items() if words]
    return f"{told['provider']}  {' '.join(said)}"
