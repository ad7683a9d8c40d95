"""The fault run itself: its plan, its eyes, and a run in small."""

import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bench.chaos import plan, verdict
from bench.chaos.callers import Answer
from bench.chaos.forms import FORMS, FULL, SQLITE, Form
from bench.chaos.programs import Program
from bench.chaos.purchases import Purchase
from bench.chaos.run import chaos
from bench.chaos.settings import COMPANIES
from bench.chaos.verdict import Verdict
from webhooks import inbox

SMALL = Form(
    "small",
    load=timedelta(seconds=6),
    payments=20,
    kills=2,
    page_life=timedelta(seconds=8),
    recovery=timedelta(seconds=60),
)


@pytest.mark.embedded
@pytest.mark.timeout(180)
def test_a_run_in_small_loses_nothing(tmp_path: Path) -> None:
    said = chaos(SMALL, 1, tmp_path / "chaos")
    # How much there is of it depends on how busy the machine is; the real forms insist.
    assert [each for each in said.failures if not each.startswith("too little")] == []
    assert said.payments
    assert said.audit["checked"]["attempts seen at providers"]


# --- the plan


def test_where_workers_apply_the_news_a_killed_ones_lease_is_waited_for() -> None:
    form = FULL.by_workers()
    assert (FULL.applied_by, form.applied_by) == ("request", "worker")
    assert form.recovery > inbox.LEASE


def test_the_same_seed_draws_the_same_trouble() -> None:
    again = [plan.drawn(FULL, 7) for _ in range(2)]
    assert [str(trouble) for trouble in again[0]] == [str(trouble) for trouble in again[1]]
    assert [str(trouble) for trouble in plan.drawn(FULL, 8)] != [str(t) for t in again[0]]


@pytest.mark.parametrize("form", FORMS.values(), ids=lambda form: form.name)
@pytest.mark.parametrize("seed", range(5))
def test_a_plan_holds_more_than_its_form_demands(form: Form, seed: int) -> None:
    drawn = plan.drawn(form, seed)
    deeds = Counter((each.deed, each.target) for each in drawn)
    assert sum(count for (deed, _), count in deeds.items() if deed == "kill") > form.kills
    for target in ("postgres", "redis"):
        assert deeds["restart", target] == (form.restarts if form.on_servers else 0)
    assert deeds["pause", "redis"] == deeds["resume", "redis"]
    assert {each.target for each in drawn if each.deed == "dial"} == {*COMPANIES}
    assert max(each.at for each in drawn) < form.load.total_seconds() + 8


def test_every_outage_ends() -> None:
    drawn = plan.drawn(FULL, 3)
    for number, trouble in enumerate(drawn):
        if trouble.deed == "outage":
            after = [each for each in drawn[number:] if each.target == trouble.target]
            assert any(each.facts.get("mode") == "up" for each in after)


def test_a_shorter_run_is_shorter() -> None:
    assert SQLITE.lasting(3).load == timedelta(seconds=85)
    assert FULL.load + FULL.recovery < timedelta(minutes=10)


# --- programs


PARENT = """
import subprocess, sys
while True:
    subprocess.run([sys.executable, "-c", "import time; time.sleep(60)"])
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """A parent that starts its one child again whenever it dies."""
    made = Program("parent", [sys.executable, "-c", PARENT], {}, tmp_path / "log")
    made.start()
    yield made
    made.stop()


def child_of(program: Program, other_than: int = 0) -> int:
    children: list[int] = []
    while not children or children == [other_than]:
        assert program.is_running()
        children = program.children()
    return children[0]


def lives(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_a_killed_program_takes_its_children_along_and_can_be_started_again(
    program: Program,
) -> None:
    child = child_of(program)
    assert program.kill()
    while lives(child):
        pass
    assert not program.is_running()
    assert not program.kill()
    program.start()
    assert child_of(program) != child


def test_a_child_is_killed_alone_and_its_parent_sees_to_the_rest(program: Program) -> None:
    child = child_of(program)
    assert program.kill_child(5)
    assert lives(child_of(program, other_than=child))


# --- the verdict


def enough() -> Verdict:
    injected = {"kill web": 50, "restart postgres": 3, "restart redis": 3, "pause redis": 3}
    notices = {"all": 100, "duplicates": 10, "dropped": 5, "forged": 1}
    return Verdict(
        "full",
        1,
        payments=5000,
        injected=injected,
        notices=notices,
        providers=dict.fromkeys(COMPANIES, 1000),
    )


def test_enough_is_enough() -> None:
    said = enough()
    verdict.measure(FULL, said)
    assert said.is_good


LESS: list[tuple[str, dict[str, Any]]] = [
    ("payments", {"payments": 4999}),
    ("providers", {"providers": {"stripe": 5000}}),
    ("kills", {"injected": enough().injected | {"kill web": 49}}),
    ("restarts of PostgreSQL", {"injected": enough().injected | {"restart postgres": 2}}),
    ("restarts of Redis", {"injected": enough().injected | {"restart redis": 2}}),
    ("pauses of Redis", {"injected": enough().injected | {"pause redis": 2}}),
    ("duplicates", {"notices": enough().notices | {"duplicates": 9}}),
    ("dropped", {"notices": enough().notices | {"dropped": 4}}),
    ("forged", {"notices": enough().notices | {"forged": 0}}),
]


@pytest.mark.parametrize(("what", "less"), LESS, ids=[what for what, _ in LESS])
def test_too_little_fails_the_run(what: str, less: dict[str, Any]) -> None:
    said = enough()
    for name, value in less.items():
        setattr(said, name, value)
    verdict.measure(FULL, said)
    (failure,) = said.failures
    assert failure.startswith("too little")
    assert what in failure


class Books:
    """A merchant's list of payments, on one page."""

    def __init__(self, *payments: dict[str, Any]) -> None:
        self._payments = payments

    def get(self, path: str) -> Answer:
        return Answer(200, {"results": list(self._payments), "next": None})


def bought(wanted_back: str = "0") -> Purchase:
    purchase = Purchase(1, 1)
    purchase.payment, purchase.wanted_back = "p-1", wanted_back
    return purchase


def listed(**facts: Any) -> dict[str, Any]:
    usual = {"id": "p-1", "reference": "chaos-1-1", "status": "completed", "provider": "stripe"}
    return usual | {"amount_refunded": "0.00"} | facts


BOOKS: list[tuple[list[dict[str, Any]], str]] = [
    ([listed()], ""),
    ([], "lost: chaos-1-1"),
    ([listed(), listed(id="p-2")], "doubled: chaos-1-1 is 2 payments"),
    ([listed(amount_refunded="10.00")], "doubled: chaos-1-1 gave back 10.00"),
]


@pytest.mark.parametrize(("payments", "failure"), BOOKS)
def test_merchants_books_are_held_against_the_list(
    payments: list[dict[str, Any]], failure: str
) -> None:
    said = Verdict("small", 1)
    verdict.read_books(Books(*payments), [bought()], said)  # type: ignore[arg-type] # one page of it
    assert [each[: len(failure)] for each in said.failures] == ([failure] if failure else [])


def test_the_one_refund_that_was_wanted_is_not_doubled() -> None:
    said = Verdict("small", 1)
    books: Any = Books(listed(amount_refunded="10.00"))
    verdict.read_books(books, [bought("10.00")], said)
    assert said.is_good


class Told:
    """What companies say that they told the merchant."""

    def __init__(self, *notices: dict[str, Any]) -> None:
        self._notices = list(notices)

    def notices(self, company: str) -> list[dict[str, Any]]:
        return self._notices if company == "stripe" else []


def notice(**facts: Any) -> dict[str, Any]:
    return {"url": "https://us/hook", "body": "{}", "status": "delivered", "forged": False} | facts


def test_notices_are_counted_and_a_forged_one_that_was_accepted_fails_the_run() -> None:
    dropped, refused = notice(body="2", status="dropped"), notice(forged=True, status="failed")
    told: Any = Told(notice(), notice(), dropped, refused)
    said = Verdict("small", 1)
    verdict.read_notices(told, said)
    assert said.is_good
    counted = {"all": 4, "duplicates": 1, "dropped": 1, "forged": 1}
    assert said.notices == counted
    verdict.read_notices(Told(notice(forged=True)), said)  # type: ignore[arg-type] # one page of it
    assert said.failures == ["1 forged notices were accepted."]
