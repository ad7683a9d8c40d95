"""Make read models anew from the history, while payments go on.

What a projection tells meanwhile may be behind; cut off, it is begun again.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments import remembered
from payments.management.arguments import with_progress
from payments.projections import contracts, statistics

# Customers' histories are read from what statistics keep of each payment.
_PROJECTIONS = {"contracts": contracts, "statistics": statistics}


def _known() -> str:
    return f"there are: {', '.join(sorted(_PROJECTIONS))}"


class Command(BaseCommand):
    """Read models, from the beginning."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("names", nargs="*", metavar="NAME", help=_known())

    def handle(self, *args: Any, **options: Any) -> None:
        names = options["names"] or sorted(_PROJECTIONS)
        if unknown := sorted(set(names) - set(_PROJECTIONS)):
            raise CommandError(f"No projection is called {unknown[0]!r}; {_known()}.")
        for name in names:
            self._rebuild(name)
        remembered.forget_all()

    def _rebuild(self, name: str) -> None:
        projection: Any = _PROJECTIONS[name]
        steps = (1 for count in projection.rebuild() for _ in range(count))
        bar = with_progress(steps, projection.known(), projection.COUNTED, self.stderr)
        self.stdout.write(f"{name}: {sum(bar)} {projection.COUNTED} counted anew.")
