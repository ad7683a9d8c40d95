"""What reading costs on top of so many payments.

`fill N` makes them by SQL, over a quarter of a year and four merchants; each pays a contract of a
thousand payments and four employees, and somebody earns by it. `measure` asks for one merchant's
statistics of thirty days, and for the same by adding payments up; for the first and the hundredth
page of their list; and for a contract with its employees, and its latest earnings. `mix` asks as
dashboards do, while payments go on, and tells how much of it was remembered.
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from statistics import median
from typing import Any

from django.db import connection
from django.db.models import Count, Q, Sum
from django.test import Client
from django.utils import timezone

from bench.speed.inside.copies import copy_statement
from bench.speed.notices import FIRST_NUMBER, HOST
from payments import remembered
from payments.api.statistics import tell
from payments.models import ApiKey, Contract, Payment
from payments.money import Money
from payments.projections import figures, statistics
from payments.projections.figures import Chosen
from payments.services.contracts import create_contract
from payments.services.payments import create_payment
from payments.statuses import PaymentStatus

_MERCHANTS = 4
_DAYS = 90
_TIMES = 15
_PAID = {"status": PaymentStatus.COMPLETED, "amount_captured": 12550, "provider": "paytabs"}
_DEEP = 100
_ASKED = 3000
_ASKS_A_CHANGE = 10
_STANDINGS = """
INSERT INTO payments_paymentstanding (payment_id, sequence, owner, day, currency, provider,
  standing, amount, refunded, subject, milliseconds)
SELECT id, 1, owner_id::text, created_at::date, currency, provider, 'successful', amount_captured,
  0, '', 800 + (random() * 4000)::int
FROM payments_payment
"""
_PAYMENTS_A_CONTRACT = 1000
_EMPLOYEES = [(f"emp-{each}", 2500) for each in range(4)]
_EMPLOYED = """
INSERT INTO payments_employee (contract_id, reference, share)
SELECT c.id, e.reference, e.share
FROM payments_contract c, payments_employee e WHERE c.id <> e.contract_id
"""
_EARNED = """
INSERT INTO payments_earning (employee_id, contract_id, payment_id, amount, currency, earned_at)
SELECT e.id, e.contract_id, p.id, 3137, p.currency, p.created_at
FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM payments_payment) p
JOIN (SELECT id, row_number() OVER (ORDER BY id) AS n, count(*) OVER () AS many
      FROM payments_contract) c ON c.n = 1 + p.n % c.many
JOIN payments_employee e ON e.contract_id = c.id AND e.reference = 'emp-' || p.n / c.many % 4
"""


def _fill(payments: int) -> dict[str, Any]:
    keys = [ApiKey.issue(f"bench {each}", ["payments:read"]) for each in range(_MERCHANTS)]
    with connection.cursor() as cursor:
        for place, (key, _) in enumerate(keys):
            made = create_payment(owner_id=key.owner_id, money=Money(12550, "AED"), reference="b")
            Payment.objects.filter(pk=made.pk).update(**_PAID, completed_at=timezone.now())
            cursor.execute(_copies_of(made, place, payments))
        cursor.execute(_STANDINGS)
    statistics.recount()
    _employ(keys[0][0], payments // _PAYMENTS_A_CONTRACT)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return {"api_key": keys[0][1]}


def _employ(key: ApiKey, contracts: int) -> None:
    """So many contracts of one merchant, and what was earned by all payments."""
    made = create_contract(
        owner_id=key.owner_id,
        reference="c",
        money=Money(12550, "AED"),
        starts_on=timezone.now().date(),
        employees=_EMPLOYEES,
    )
    tail = str(made.pk)[-12:]
    Contract.objects.filter(pk=made.pk).update(reference=f"c-{tail}")
    copy = copy_statement(Contract.objects.get(pk=made.pk), [tail])
    last = FIRST_NUMBER + contracts - 2  # one is there
    with connection.cursor() as cursor:
        cursor.execute(copy.replace("{first}", str(FIRST_NUMBER)).replace("{last}", str(last)))
        cursor.execute(_EMPLOYED)
        cursor.execute("SET session_replication_role = replica")  # what is named is there
        cursor.execute(_EARNED)
        cursor.execute("SET session_replication_role = DEFAULT")


def _copies_of(made: Payment, place: int, payments: int) -> str:
    """One merchant's share, evenly over the time."""
    share = payments // _MERCHANTS
    first = FIRST_NUMBER + place * share
    when = f"now() - (n - {first}) * interval '{_DAYS} days' / {share}"
    instead = {"created_at": when, "completed_at": when}
    copy = copy_statement(Payment.objects.get(pk=made.pk), [str(made.pk)[-12:]], instead)
    return copy.replace("{first}", str(first)).replace("{last}", str(first + share - 1))


def _measure(api_key: str) -> dict[str, float]:
    owner = ApiKey.objects.get(name="bench 0").owner_id
    since = (timezone.now() - timedelta(days=30)).date()
    chosen = Chosen(owner=str(owner), since=since)
    client = Client(headers={"authorization": f"Bearer {api_key}", "host": HOST})
    pages = [_pages(client) for _ in range(3)]
    contract = f"/payments/v2/contracts/{Contract.objects.order_by('pk')[3].pk}"
    return {
        "statistics": _milliseconds(lambda: figures.read(chosen)),
        "added up": _milliseconds(lambda: _added_up(chosen)),
        "first page": median(first for first, _ in pages),
        "hundredth page": median(last for _, last in pages),
        "contract": _milliseconds(lambda: _told(client, contract)),
        "earnings": _milliseconds(lambda: _told(client, f"{contract}/earnings?limit=20")),
    }


def _added_up(chosen: Chosen) -> list[Any]:
    """What anybody would write who keeps no figures."""
    since = datetime.combine(chosen.since or date.min, datetime.min.time(), UTC)
    theirs = Payment.objects.filter(owner_id=chosen.owner, created_at__gte=since)
    paid = Count("pk", filter=Q(status=PaymentStatus.COMPLETED))
    groups = theirs.order_by().values("currency", "provider")
    return list(groups.annotate(n=Count("pk"), paid=paid, amount=Sum("amount_captured")))


def _pages(client: Client) -> tuple[float, float]:
    """Milliseconds of the first page of a list, and of the one to which its links lead."""
    path, took = "", []
    for _ in range(_DEEP):
        began = time.perf_counter()
        told = _told(client, path or "/payments/v2/?limit=20")
        took.append((time.perf_counter() - began) * 1000)
        path = told["next"]
    return median(took[1:10]), median(took[-9:])


def _told(client: Client, path: str) -> Any:
    answer = client.get(path, secure=True)
    assert answer.status_code == HTTPStatus.OK, answer.content  # noqa: S101 - else it measures nothing
    return answer.json()


def _milliseconds(work: Callable[[], object]) -> float:
    took = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return median(took) * 1000


def _mix(api_key: str) -> dict[str, float]:
    """Some merchants look often and most seldom; every few looks a payment of somebody moves."""
    dice, found = random.Random(1), Counter[str]()  # noqa: S311 - the same mix each time

    def note(**look: str) -> None:
        found[look["found"]] += 1

    remembered.looked_up.connect(note)
    merchants = [str(each) for each in range(20)]
    shares = [1 / (place + 1) for place in range(len(merchants))]
    since = [(timezone.now() - timedelta(days=days)).date() for days in (1, 7, 30)]
    for number in range(_ASKED):
        if number % _ASKS_A_CHANGE == 0:
            remembered.forget({statistics.merchant(dice.choice(merchants))})
        tell(Chosen(owner=dice.choices(merchants, shares)[0], since=dice.choice(since)))
    return {where: found[where] / found.total() for where in ("process", "shared", "nowhere")}


def main(what: str, given: str) -> dict[str, Any]:
    """Fill, measure, or mix."""
    return _fill(int(given)) if what == "fill" else {"measure": _measure, "mix": _mix}[what](given)
