"""Prove that no stored event was changed, removed or inserted, and say how far the proof goes.

Exits 0 where all that was looked at is as it was recorded, 1 where it is not, 2 where there was
nothing of that name. It changes nothing, and may be run at any time beside the service.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments.events.chain import BrokenChain
from payments.events.verification import Anchors, Histories

_WIDTH = 40
_NEXT = (
    "Somebody wrote to the database past the service: close their way in, keep a copy as it is,"
    " and compare these histories with a backup and with the providers."
)


class Command(BaseCommand):
    """The proof, by hand."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--aggregate", default="", metavar="ID", help="of one record alone")
        parser.add_argument(
            "--anchors",
            type=Path,
            metavar="FILE",
            default=settings.AUDIT_ANCHOR_FILE or None,
            help="what was written with the anchors; AUDIT_ANCHOR_FILE, if not said",
        )
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["anchors"] and not options["anchors"].is_file():
            raise CommandError(f"--anchors: there is no file {options['anchors']}.")
        histories = Histories(options["aggregate"])
        anchors = Anchors(options["aggregate"], options["anchors"])
        broken = 0
        for each in self._found(histories, anchors):
            broken += 1
            self.stdout.write(_as_json(each) if options["json"] else str(each))
        if options["aggregate"] and not (histories.events or anchors.count or broken):
            raise CommandError(f"There is no history of {options['aggregate']}.", returncode=2)
        told = _summary(histories, anchors, broken)
        self.stdout.write(json.dumps(told) if options["json"] else _in_words(told))
        if broken:
            sys.exit(1)

    def _found(self, histories: Histories, anchors: Anchors) -> Iterator[BrokenChain]:
        total = histories.stored.count()
        for batch in histories.run():
            self._show("events", histories.events, total)
            yield from batch
        total = anchors.total()
        for batch in anchors.run():
            self._show("anchors", anchors.count, total)
            yield from batch

    def _show(self, what: str, done: int, total: int) -> None:
        if self.stderr.isatty():
            filled = _WIDTH * min(done, total) // max(total, 1)
            bar = "#" * filled + "." * (_WIDTH - filled)
            self.stderr.write(f"\r[{bar}] {done}/{total} {what}  ", ending="")


def _as_json(broken: BrokenChain) -> str:
    of = broken.aggregate
    return json.dumps({"aggregate_type": of.type, "aggregate_id": of.id, "what": broken.what})


def _summary(histories: Histories, anchors: Anchors, broken: int) -> dict[str, Any]:
    last = anchors.last
    return {
        "broken": broken,
        "events": histories.events,
        "histories": histories.histories,
        "anchors": anchors.count,
        "last_anchor": last.number if last else None,
        "anchored_at": last.anchored_at.isoformat(timespec="seconds") if last else None,
        "after_their_last_anchor": max(histories.events - anchors.covered(), 0),
    }


def _in_words(told: dict[str, Any]) -> str:
    looked = f"{told['events']} events of {told['histories']} histories, {told['anchors']} anchors."
    if told["broken"]:
        return f"Broken: {told['broken']}. Looked at {looked}\n{_NEXT}"
    if not told["anchors"]:
        until = "Nothing is anchored yet: whole histories or their ends may be missing."
        return f"Proven: {looked}\n{until} The scheduler anchors them once an hour; is it running?"
    until = f"Nothing that was anchored by {told['anchored_at']} was removed."
    rest = f"{told['after_their_last_anchor']} events came after the last anchor of their history:"
    return f"Proven: {looked}\n{until} {rest} of such, the newest might be missing unnoticed."
