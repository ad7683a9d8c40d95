"""One run from its first process to its verdict."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.chaos import plan, verdict
from bench.chaos.callers import Companies, Merchant
from bench.chaos.forms import Form
from bench.chaos.load import Load
from bench.chaos.stage import Stage
from bench.chaos.trouble import Troublemaker
from bench.chaos.verdict import Verdict

_SCOPES = ("payments:read", "payments:write", "refunds:write")
_EVERY = 1.0 if sys.stderr.isatty() else 20.0


def chaos(form: Form, seed: int, folder: Path) -> Verdict:
    """Break everything while payments are made; say what came of it."""
    with Stage(form, folder) as stage:
        key = stage.manage("create_api_key", "chaos", "--scopes", *_SCOPES).strip()
        merchant, companies = Merchant(stage.web_url, key), Companies(stage.sandbox_urls)
        load = Load(form, seed, merchant, companies)
        trouble = Troublemaker(stage, companies, plan.drawn(form, seed))
        load.start()
        trouble.start()
        _watch(form, lambda: _progress(load, trouble))
        trouble.make_peace()
        said = Verdict(form.name, seed, injected=dict(trouble.done))
        if left := load.close(form.recovery):
            said.failures.append(f"{left} purchases never came to an end.")
        said.failures += [*load.accidents, *trouble.accidents]
        verdict.audit(stage, form, said)
        verdict.read_books(merchant, load.purchases, said)
        verdict.read_notices(companies, said)
        verdict.measure(form, said)
        return said


def _watch(form: Form, progress: Callable[[], str]) -> None:
    ends_at = time.monotonic() + form.load.total_seconds()
    start, end = ("\r", "") if sys.stderr.isatty() else ("", "\n")
    while (left := ends_at - time.monotonic()) > 0:
        sys.stderr.write(f"{start}{left:4.0f} s to go: {progress()}   {end}")
        sys.stderr.flush()
        time.sleep(min(left, _EVERY))


def _progress(load: Load, trouble: Troublemaker) -> str:
    kills = sum(count for deed, count in trouble.done.items() if deed.startswith("kill"))
    others = trouble.done.total() - kills
    begun, under_way = len(load.purchases), load.under_way()
    return f"{begun} payments ({under_way} under way), {kills} kills, {others} other faults"
