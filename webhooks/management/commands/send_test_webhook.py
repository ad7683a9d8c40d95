"""Send a delivery as a provider would to the running service, and tell what it answers.

EVENT is `paid` or `declined`, of a payment's charge (--payment) or of one that nobody knows; or
`other`, which concerns no payment and is answered `ignored`. PayPal is missing: only PayPal can
sign what PayPal says. Flutterwave is asked before it is believed, so a payment that nobody paid
there is not confirmed (503). A signed lie about money is told in development alone; elsewhere send
`other`, or --forge one and see it refused. Exits 1 where the answer is another than it should be.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments.gateways import transport
from payments.gateways.wire import Lost, NotSent, WireRequest, WireResponse
from payments.models import GatewayOperation
from payments.statuses import OperationKind
from webhooks.specimens import EVENTS, PROVIDERS, Specimen, specimen

_PATIENCE = timedelta(seconds=30)


class Command(BaseCommand):
    """A provider, by hand."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("provider", choices=PROVIDERS)
        parser.add_argument("event", choices=EVENTS)
        parser.add_argument("--payment", type=UUID, metavar="ID", help="about its charge")
        parser.add_argument("--duplicate", type=int, default=0, metavar="N", help="N times more")
        parser.add_argument("--forge", action="store_true", help="with a secret that nobody has")
        parser.add_argument("--to", default=settings.PUBLIC_URL, metavar="URL", help="PUBLIC_URL")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        provider, event, forges = options["provider"], options["event"], options["forge"]
        if provider not in settings.PROVIDERS:
            raise CommandError(f"{provider} is not connected here: set its credentials.")
        if not (settings.DEBUG or forges or event == "other"):
            raise CommandError(f"{event!r} would be believed here. Send `other`, or --forge it.")
        operation = _charge_of(options["payment"], provider) if options["payment"] else None
        made = specimen(provider, event, operation, is_forged=forges)
        is_as_expected = True
        for answer in _answers(f"{options['to']}/webhooks/payments/{provider}", made, options):
            told = {"status": answer.status, "answer": answer.json_value()}
            self.stdout.write(json.dumps(told) if options["json"] else _in_words(answer))
            is_as_expected &= answer.status == (401 if forges else 200)
        if not is_as_expected:
            raise CommandError(f"It should have answered {401 if forges else 200}.")


def _charge_of(payment_id: UUID, provider: str) -> GatewayOperation:
    """What the payer is paying, or has paid. Raises CommandError."""
    charges = GatewayOperation.objects.filter(payment_id=payment_id, provider=provider)
    charge = charges.filter(kind=OperationKind.CHARGE).last()
    if charge is None:
        raise CommandError(f"Payment {payment_id} has no charge at {provider}; process it first.")
    return charge


def _answers(url: str, made: Specimen, options: dict[str, Any]) -> Iterator[WireResponse]:
    request = WireRequest("POST", url, made.headers, made.body)
    for _ in range(1 + max(options["duplicate"], 0)):
        try:
            yield transport.send("ourselves", request, _PATIENCE)
        except (NotSent, Lost) as error:
            raise CommandError(f"{url} cannot be reached: {error}") from None


def _in_words(answer: WireResponse) -> str:
    return f"{answer.status} {answer.body.decode(errors='replace')[:500]}"
