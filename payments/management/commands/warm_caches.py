"""Work out what merchants and operators ask for first, after a start or an emptied Redis.

That is the statistics of all time and of the last thirty days: everybody's, and those of each
merchant who had a payment in these days. Redis remembers them for all processes; without Redis
each process remembers for itself and for a second, so there is nothing to warm.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from payments.api.statistics import tell
from payments.management.arguments import with_progress
from payments.models import DailyFigures
from payments.projections.figures import Chosen

_LATELY = timedelta(days=30)


class Command(BaseCommand):
    """The first questions, before they are asked."""

    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.REDIS_URL:
            self.stdout.write("Nothing to warm: no REDIS_URL, so no process shares what it knows.")
            return
        since = timezone.now().date() - _LATELY
        owners = _active_since(since)
        questions = _questions([None, *owners], since)
        for chosen in with_progress(questions, 2 * len(owners) + 2, "answers", self.stderr):
            tell(chosen)
        self.stdout.write(f"{2 * len(owners) + 2} answers are remembered.")


def _active_since(day: date) -> list[str]:
    figures = DailyFigures.objects.filter(day__gte=day).exclude(owner="").order_by("owner")
    return list(figures.values_list("owner", flat=True).distinct())


def _questions(owners: list[str | None], since: date) -> Iterator[Chosen]:
    for owner in owners:
        yield Chosen(owner=owner)
        yield Chosen(owner=owner, since=since)
