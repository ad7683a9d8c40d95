"""PayTabs' hosted page: what the payer sees, does, and carries back."""

import hmac
import re
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests

from tests.sandbox.merchant import Merchant, Receiver, form_in
from tests.sandbox.process import SERVER_KEY, SandboxProcess

RETURN = "http://127.0.0.1:9/return?payment=p1&s=abc"


def signature_of(fields: dict[str, str]) -> str:
    signed = sorted((k, v) for k, v in fields.items() if k != "signature" and v)
    message = urlencode(signed).replace("~", "%7E").encode()
    return hmac.new(SERVER_KEY.encode(), message, "sha256").hexdigest()


def test_the_page_says_what_is_paid_and_asks_nothing_from_outside(merchant: Merchant) -> None:
    page = merchant.page(cart_description="Shoes <b>42</b>", cart_amount=12.5)
    html = requests.get(page["redirect_url"], timeout=30).text
    assert "Shoes &lt;b&gt;42&lt;/b&gt;" in html
    assert "12.50 AED" in html
    choices = ["approve", "challenge", "decline", "insufficient_funds", "cancel", "abandon"]
    assert form_in(html).buttons == choices
    assert not re.search(r'(src|href)="(?!data:)', html)
    assert "url(" not in html


@pytest.mark.parametrize(
    ("choice", "status", "code", "truth"),
    [
        ("approve", "A", "G", "captured"),
        ("3ds", "A", "G", "captured"),
        ("decline", "D", "300", "failed"),
        ("insufficient_funds", "D", "316", "failed"),
        ("authentication_failed", "D", "345", "failed"),
        ("cancel", "C", "321", "cancelled"),
    ],
)
def test_every_ending_is_known_and_carried_back_signed(
    sandbox: SandboxProcess, merchant: Merchant, choice: str, status: str, code: str, truth: str
) -> None:
    page = merchant.page(**{"return": RETURN})
    form = form_in(merchant.choose(page, choice).text)
    assert (form.method, form.action) == ("post", RETURN)
    assert form.fields["respStatus"] == status
    assert form.fields["respCode"].startswith(code)
    assert form.fields["tranRef"] == page["tran_ref"]
    assert form.fields["cartId"] == page["cart_id"]
    assert form.fields["signature"] == signature_of(form.fields)
    result = merchant.query(tran_ref=page["tran_ref"]).json()["payment_result"]
    assert result["response_code"] == form.fields["respCode"]
    assert sandbox.truth()[0]["status"] == truth


def test_the_return_has_exactly_the_documented_fields(merchant: Merchant) -> None:
    page = merchant.page(customer_details={"email": "a b~c@example.test"}, **{"return": RETURN})
    fields = form_in(merchant.choose(page, "approve").text).fields
    documented = (
        "acquirerMessage acquirerRRN cartId customerEmail respCode respMessage respStatus "
        "signature token tranRef"
    )
    assert sorted(fields) == documented.split()
    assert fields["customerEmail"] == "a b~c@example.test"
    assert fields["signature"] == signature_of(fields)


def test_the_browser_goes_back_by_get_where_that_was_asked(merchant: Merchant) -> None:
    page = merchant.page(return_using_get=True, **{"return": RETURN})
    answer = merchant.choose(page, "approve")
    assert answer.status_code == 302
    target = urlsplit(answer.headers["Location"])
    fields = dict(parse_qsl(target.query, keep_blank_values=True))
    assert fields.pop("payment") == "p1"
    assert fields.pop("s") == "abc"
    assert fields["signature"] == signature_of(fields)


def test_plain_http_beyond_this_machine_gets_an_empty_return(merchant: Merchant) -> None:
    page = merchant.page(**{"return": "http://shop.example.test/back?x=1"})
    answer = merchant.choose(page, "approve")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "http://shop.example.test/back?x=1"


def test_without_a_return_address_the_window_may_be_closed(merchant: Merchant) -> None:
    answer = merchant.choose(merchant.page(), "approve")
    assert "You may close this window" in answer.text
    assert "<form" not in answer.text


def test_3d_secure_asks_a_second_question(sandbox: SandboxProcess, merchant: Merchant) -> None:
    question = merchant.choose(merchant.page(), "challenge")
    assert form_in(question.text).buttons == ["3ds", "authentication_failed"]
    assert sandbox.truth()[0]["status"] == "pending"


def test_an_abandoned_page_sends_nothing_and_can_still_be_paid(
    sandbox: SandboxProcess, merchant: Merchant
) -> None:
    page = merchant.page()
    assert "You left the page" in merchant.choose(page, "abandon").text
    assert sandbox.act(page["tran_ref"], "abandon")["status"] == "pending"
    assert sandbox.notices() == []
    merchant.choose(page, "approve")
    assert sandbox.truth()[0]["status"] == "captured"


@pytest.mark.parametrize(
    ("verb", "text"),
    [("approve", "already paid"), ("decline", "declined"), ("cancel", "cancelled")],
)
def test_a_page_that_ended_says_so_and_stays_so(
    sandbox: SandboxProcess, merchant: Merchant, receiver: Receiver, verb: str, text: str
) -> None:
    page = merchant.page()
    before = sandbox.act(page["tran_ref"], verb)
    assert text in requests.get(page["redirect_url"], timeout=30).text
    assert text in merchant.choose(page, "approve").text
    assert sandbox.truth() == [before]
    assert len(sandbox.notices()) == 2


def test_a_button_that_does_not_exist_changes_nothing(
    sandbox: SandboxProcess, merchant: Merchant
) -> None:
    assert merchant.choose(merchant.page(), "dispute").status_code == 400
    assert sandbox.truth()[0]["status"] == "pending"


def test_a_page_that_does_not_exist_is_not_found(merchant: Merchant) -> None:
    assert requests.get(f"{merchant.base}/payment/page/NONE/start", timeout=30).status_code == 404
