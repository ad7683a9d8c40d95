"""What the lists told is kept aside: each once, found by its operation, doubts by their payment."""

from dataclasses import replace
from uuid import UUID, uuid4

from monitoring.exactly_once.lines import Line, Lines

OURS, PAYMENT = uuid4(), uuid4()
LINE = Line(
    name="T1",
    kind="charge",
    key=OURS.hex,
    about=str(OURS),
    payment=str(PAYMENT),
    amount=None,
    currency="",
    provider="stripe",
    agrees=True,
)
FOREIGN = replace(LINE, name="R1", kind="refund", agrees=False, is_foreign=True, amount=10**17)
STRANGE = replace(LINE, name="T9", about="", payment="", agrees=False)


def kept(*lines: Line) -> Lines:
    file = Lines()
    for line in lines:
        file.keep([line])
    return file


def test_what_is_listed_twice_is_one_line_and_what_differs_in_kind_or_provider_is_another() -> None:
    file = kept(LINE, LINE, replace(LINE, kind="capture"), replace(LINE, provider="paypal"))
    assert len(file.about([OURS])[str(OURS)]) == 3


def test_a_line_is_found_by_its_operation_among_more_than_are_asked_about_at_once() -> None:
    others = [replace(LINE, name=f"N{each}", about=str(UUID(int=each))) for each in range(1201)]
    found = kept(LINE, *others).about([*(UUID(each.about) for each in others), OURS])
    assert len(found) == 1202
    assert found[str(OURS)] == [LINE]


def test_payments_in_doubt_are_told_once_and_what_is_nobodys_is_none_of_them() -> None:
    other = uuid4()
    agreed = replace(LINE, name="T2", payment=str(other))
    file = kept(LINE, FOREIGN, replace(FOREIGN, name="R2"), agreed, STRANGE)
    assert list(file.in_doubt()) == [PAYMENT]
    assert list(file.of_nobody()) == [STRANGE]
    assert file.about([OURS])[str(OURS)][0] == FOREIGN
