"""Who signed a notification: what is not exactly theirs is refused, whoever the provider is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.gateways.contract import Gateway, SignatureInvalid
from payments.gateways.wire import Headers
from tests.contracts.every import every_provider, every_row
from tests.contracts.shape import BODY, NOW, Cases, Signed


def judge(cases: Cases, gateway: Gateway, headers: Headers, body: bytes = BODY) -> None:
    gateway.evidence_request(headers, NOW)
    gateway.verify(headers, body, cases.evidence())


@every_provider
def test_what_it_signed_is_believed_whatever_the_case_of_a_name(cases: Cases) -> None:
    for spelt in (str, str.lower, str.upper):
        judge(cases, cases.gateway, tuple((spelt(name), v) for name, v in cases.sign(BODY)))


@every_row("believed")
def test_any_of_several_secrets_and_signatures_is_enough(cases: Cases, row: Signed) -> None:
    judge(cases, row.gateway, row.headers)


@every_row("forged")
def test_a_signature_that_is_not_exactly_theirs_is_refused(
    cases: Cases, row: tuple[str, Signed]
) -> None:
    reason, given_ = row
    with pytest.raises(SignatureInvalid, match=reason or None):
        judge(cases, given_.gateway, given_.headers)


@every_row("unset")
def test_an_unset_secret_verifies_nothing(cases: Cases, row: Signed) -> None:
    with pytest.raises(SignatureInvalid, match="no_secret"):
        row.gateway.verify(row.headers, BODY, cases.evidence())


@every_provider
def test_what_is_not_signed_is_refused(cases: Cases) -> None:
    for headers in ((), (("Content-Type", "application/json"),)):
        with pytest.raises(SignatureInvalid):
            judge(cases, cases.gateway, headers)


@every_provider
@given(body=st.binary(max_size=200), data=st.data())
def test_no_altered_body_passes(cases: Cases, body: bytes, data: st.DataObject) -> None:
    headers = cases.sign(body)
    other = data.draw(st.binary(max_size=200).filter(lambda drawn: cases.sign(drawn) != headers))
    judge(cases, cases.gateway, headers, body)
    with pytest.raises(SignatureInvalid):
        judge(cases, cases.gateway, headers, other)


@every_provider
@given(text=st.text(max_size=120))
def test_no_odd_header_does_more_than_be_refused(cases: Cases, text: str) -> None:
    for place in range(len(cases.sign(BODY))):
        headers = list(cases.sign(BODY))
        headers[place] = (headers[place][0], text)
        if tuple(headers) != cases.sign(BODY):
            with pytest.raises(SignatureInvalid):
                judge(cases, cases.gateway, tuple(headers))
