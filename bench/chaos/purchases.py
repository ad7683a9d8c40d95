"""Purchase: one payment's life as its merchant and its payer make it, drawn from a seed."""

import random
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

from bench.chaos.callers import Answer, Companies, Merchant
from bench.chaos.settings import COMPANIES

# Steps of a life: how long to wait until the next may be tried, and at the end what came of it.
Steps = Generator[float, None, Answer | None]

_CURRENCIES = {
    "paytabs": ("AED", "KWD", "JPY"),
    "stripe": ("USD", "EUR", "JPY"),
    "paypal": ("USD", "EUR", "JPY"),
    "flutterwave": ("NGN", "KES"),
    "paystack": ("ZAR",),
}
# Some of the sandbox's companies take longer to play than others.
_SHARES = (34, 22, 8, 8, 28)
_DECIMALS = {"KWD": "{}.{:02}0", "JPY": "{}"}
_RESERVING = ("paytabs", "stripe", "paypal", "paystack")
_CONTESTED_AT = ("stripe", "paypal", "flutterwave", "paystack")
# Their pages end with the first card that is declined.
_STRICT = ("paytabs", "paypal")
_PAID = ("completed", "authorized")
_ENDED = ("failed", "cancelled", "expired")
_LONGEST_WAIT = 3.0
_CUSTOMER = {"id": "c-1", "name": "Amal", "email": "amal@example.com"}


class Purchase:
    """What is bought, how it is paid, and what its merchant does afterwards.

    `payment` is its id once the service has told it; `wanted_back` is the one refund that its
    merchant asks for, however often.
    """

    def __init__(self, seed: int, number: int) -> None:
        # Chooses a life, keeps no secret.
        dice = self._dice = random.Random(f"{seed}/{number}")  # noqa: S311
        self.name = f"chaos-{seed}-{number}"
        self.company = dice.choices(COMPANIES, _SHARES)[0]
        # Some leave the choice of a provider to the service.
        self.is_named = dice.random() < 0.8
        self._currency = dice.choice(_CURRENCIES[self.company]) if self.is_named else "USD"
        self._whole = dice.randint(20, 900)
        self._payer = dice.choices(("pays", "is declined", "leaves"), (88, 7, 5))[0]
        self._deed = dice.choices(("", "refund", "reserve", "contest"), (76, 12, 10, 2))[0]
        self.payment = ""
        self.wanted_back = "0"

    def story(self, merchant: Merchant, companies: Companies) -> Steps:
        """Live it; a service that does not answer is asked again, as callers do."""
        facts = self._facts()
        made = yield from _until_answered(lambda: merchant.post("/create", facts, name=self.name))
        if not made.is_good:
            return made
        self.payment = made.body["id"]
        page = yield from self._page(merchant)
        if not page:
            return None
        company, ref = page.body["provider"], page.body["transaction_ref"]
        yield from self._visit(companies, company, ref)
        if self._payer != "leaves" and self._deed:
            yield from self._afterwards(merchant, companies, company, ref)
        return None

    def _facts(self) -> dict[str, Any]:
        facts = {"reference": self.name, "customer": _CUSTOMER}
        facts |= {"amount": self._amount(self._whole), "currency": self._currency}
        facts |= {"provider": self.company} if self.is_named else {}
        is_reserved = self._deed == "reserve" and self.is_named and self.company in _RESERVING
        return facts | ({"capture": "manual"} if is_reserved else {})

    def _amount(self, whole: int) -> str:
        """With its currency's number of decimals."""
        return _DECIMALS.get(self._currency, "{}.{:02}").format(whole, self._dice.randint(0, 99))

    def _page(self, merchant: Merchant) -> Steps:
        """Its page; asked for until there is one, or until the payment has ended."""
        while True:
            told = yield from _until_answered(lambda: merchant.post(f"/process/{self.payment}"))
            status = told.body["status"] if told.is_good else "failed"
            if status == "requires_action" and told.body["transaction_ref"]:
                return told
            if status in (*_ENDED, *_PAID):
                return None
            yield 1.0

    def _visit(self, companies: Companies, company: str, ref: str) -> Steps:
        """The payer on the page; who is declined takes another card, where there is a page yet."""
        verbs = {"pays": ["approve"], "is declined": ["decline"], "leaves": ["abandon"]}
        deeds = verbs[self._payer]
        if self._payer == "is declined" and company not in _STRICT:
            deeds = ["decline", "approve"]
        if self._payer == "leaves" and company == "stripe":
            deeds = ["expire"]  # its pages live for half an hour at least
        for verb in deeds:
            yield from _until_answered(partial(companies.act, company, ref, verb))
            yield 1.0
        return None

    def _afterwards(
        self, merchant: Merchant, companies: Companies, company: str, ref: str
    ) -> Steps:
        """What a merchant does with a payment that is paid, and a payer's bank."""
        paid = yield from self._paid(merchant)
        if not paid:
            return None
        if self._deed == "refund":
            yield from self._give_back(merchant)
        elif paid.body["status"] == "authorized":
            yield from self._end_reservation(merchant)
        elif self._deed == "contest" and company in _CONTESTED_AT:
            for verb in ("dispute", self._dice.choice(("dispute_won", "dispute_lost"))):
                companies.act(company, ref, verb)
                yield 2.0
        return None

    def _paid(self, merchant: Merchant) -> Steps:
        while True:
            seen = yield from _until_answered(lambda: merchant.get(f"/{self.payment}"))
            if not seen.is_good or seen.body["status"] in _ENDED:
                return None
            if seen.body["status"] in _PAID:
                return seen
            yield 2.0

    def _give_back(self, merchant: Merchant) -> Steps:
        part = self._amount(self._dice.randint(1, self._whole - 1))
        self.wanted_back = part
        path, name = f"/{self.payment}/refunds", f"{self.name}-refund"
        return (
            yield from _until_answered(lambda: merchant.post(path, {"amount": part}, name=name))
        )

    def _end_reservation(self, merchant: Merchant) -> Steps:
        deed = self._dice.choice(("capture", "capture in part", "cancel"))
        verb, *in_part = deed.split(" ", 1)
        body = {"amount": self._amount(self._whole // 2)} if in_part else {}
        path, name = f"/{self.payment}/{verb}", f"{self.name}-{verb}"
        return (yield from _until_answered(lambda: merchant.post(path, body, name=name)))


def _until_answered(call: Callable[[], Answer]) -> Generator[float, None, Answer]:
    """Repeat it, a little slower each time, until the answer is final."""
    wait = 0.3
    while True:
        answer = call()
        is_final = 200 <= answer.status < 500 and answer.status not in (409, 429)
        if is_final or answer.code in ("invalid_transition", "not_supported"):
            return answer
        if answer.status == 409 and not answer.code:
            return answer  # the sandbox: somebody did it before
        yield wait
        wait = min(wait * 1.5, _LONGEST_WAIT)
