"""What was injected, and what came of it: the audit, the merchants' own books, the notices."""

import json
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from bench.chaos.callers import Companies, Merchant
from bench.chaos.forms import Form
from bench.chaos.purchases import Purchase
from bench.chaos.settings import COMPANIES
from bench.chaos.stage import Stage

_BETWEEN_LOOKS = 4.0


@dataclass(slots=True)
class Verdict:
    """One run, as it is printed and written down. Anything in `failures` fails it."""

    form: str
    seed: int
    payments: int = 0
    injected: dict[str, int] = field(default_factory=dict)
    notices: dict[str, int] = field(default_factory=dict)
    providers: dict[str, int] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    audit: dict[str, Any] = field(default_factory=dict)
    recovered_after_seconds: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Nothing lost, nothing doubled, and enough was broken to say so."""
        return not self.failures

    def as_json(self) -> str:
        """For programs."""
        return json.dumps(asdict(self) | {"ok": self.is_good}, indent=2) + "\n"


def audit(stage: Stage, form: Form, verdict: Verdict) -> None:
    """Let the service recover, and hold the companies' books against its records."""
    begun_at = time.monotonic()
    books = [f"--sandbox-url={url}" for url in stage.sandbox_urls.values()]
    while True:
        command = ("verify_exactly_once", *books, "--at-rest", "--json")
        status, said = stage.try_to_manage(*command)
        waited = time.monotonic() - begun_at
        if status == 0 or waited > form.recovery.total_seconds():
            break
        time.sleep(_BETWEEN_LOOKS)
    *broken, summary = [json.loads(line) for line in said.splitlines()] or [{}]
    verdict.audit, verdict.recovered_after_seconds = summary, round(waited)
    verdict.failures += [f"{b['rule']}: {b['subject']} {b['what']}" for b in broken]
    if status and not broken:
        verdict.failures.append(f"verify_exactly_once exited {status}; manage.log says why.")


def read_books(merchant: Merchant, purchases: list[Purchase], verdict: Verdict) -> None:
    """What merchants know: each purchase is one payment, and gives back what was asked for."""
    payments = list(_everything(merchant))
    verdict.payments = len(payments)
    verdict.statuses = dict(Counter(each["status"] for each in payments))
    verdict.providers = dict(Counter(each["provider"] for each in payments if each["provider"]))
    named: dict[str, list[dict[str, Any]]] = {}
    for each in payments:
        named.setdefault(each["reference"], []).append(each)
    for purchase in purchases:
        verdict.failures += _differences(purchase, named.get(purchase.name, []))


def _everything(merchant: Merchant) -> Any:
    address: str | None = "?page_size=100"
    while address:
        page = merchant.get(address)
        if not page.is_good:
            raise RuntimeError(f"the list of payments answers {page.status}")
        yield from page.body["results"]
        address = page.body["next"]


def _differences(purchase: Purchase, made: list[dict[str, Any]]) -> list[str]:
    if len(made) > 1:
        return [f"doubled: {purchase.name} is {len(made)} payments."]
    if not made:
        told = f"lost: {purchase.name} was made as {purchase.payment}, and is not there."
        return [told] if purchase.payment else []
    back = Decimal(made[0]["amount_refunded"])
    if back > Decimal(purchase.wanted_back):
        return [f"doubled: {purchase.name} gave back {back}, not {purchase.wanted_back}."]
    return []


def read_notices(companies: Companies, verdict: Verdict) -> None:
    """How many notices came twice, never, or forged; and that no forged one was accepted."""
    found: Counter[str] = Counter()
    for company in COMPANIES:
        seen: set[tuple[str, str]] = set()
        for notice in companies.notices(company):
            name = (notice["url"], notice["body"])
            found.update(_seen_in(notice, is_second=name in seen))
            seen.add(name)
    verdict.notices = dict(found)
    if found["forged and accepted"]:
        verdict.failures.append(f"{found['forged and accepted']} forged notices were accepted.")


def _seen_in(notice: dict[str, Any], *, is_second: bool) -> list[str]:
    status, is_forged = notice["status"], notice["forged"]
    facts = {
        "all": True,
        "forged": is_forged,
        "forged and accepted": is_forged and status == "delivered",
        "dropped": not is_forged and status == "dropped",
        "duplicates": not is_forged and status != "dropped" and is_second,
        "undelivered": not is_forged and status in ("waiting", "failed"),
    }
    return [name for name, holds in facts.items() if holds]


def measure(form: Form, verdict: Verdict) -> None:
    """Too little trouble proves nothing, and fails the run."""
    kills = sum(count for deed, count in verdict.injected.items() if deed.startswith("kill"))
    counts = {
        "payments": (verdict.payments, form.payments),
        "providers": (len(verdict.providers), len(COMPANIES)),
        "kills": (kills, form.kills),
        "restarts of PostgreSQL": (verdict.injected.get("restart postgres", 0), form.restarts),
        "restarts of Redis": (verdict.injected.get("restart redis", 0), form.restarts),
        "pauses of Redis": (verdict.injected.get("pause redis", 0), form.pauses),
    }
    for name, (had, wanted) in counts.items():
        if had < wanted:
            verdict.failures.append(f"too little: {had} {name}, {wanted} are wanted.")
    notices = verdict.notices
    shares = {"duplicates": form.duplicates, "dropped": form.drops, "forged": form.forgeries}
    for name, share in shares.items():
        if notices.get(name, 0) < share * notices.get("all", 0):
            told = f"{notices.get(name, 0)} of {notices.get('all', 0)} notices {name}"
            verdict.failures.append(f"too little: {told}, {share:.0%} are wanted.")


def in_words(verdict: Verdict) -> str:
    """For people."""
    lines = {
        "Payments": verdict.payments,
        "At": _listed(verdict.providers),
        "Ended": _listed(verdict.statuses),
        "Injected": _listed(verdict.injected),
        "Notices": _listed(verdict.notices),
        "Checked": _listed(verdict.audit.get("checked", {})),
        "Left to people": _listed(verdict.audit.get("left_to_people", {})),
        "Recovered after": f"{verdict.recovered_after_seconds} s",
    }
    said = [f"  {title:16} {told}" for title, told in lines.items()]
    said += [f"  BROKEN {failure}" for failure in verdict.failures[:50]]
    end = "nothing lost, nothing doubled" if verdict.is_good else "FAILED"
    return "\n".join([*said, f"Seed {verdict.seed}, form {verdict.form}: {end}."])


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()) if count)
