"""What only PayTabs has: a payer's browser that brings signed fields back."""

from typing import Any
from urllib.parse import parse_qsl

import pytest

from payments.gateways.contract import SignatureInvalid
from tests.contracts.cases.paytabs.words import paytabs
from tests.contracts.vectors import body_of, name_of, vectors_of

RETURNS = [each for each in vectors_of("paytabs") if each["kind"].startswith("return")]


@pytest.mark.parametrize("vector", RETURNS, ids=name_of)
def test_each_return_of_the_vectors_gets_its_verdict(vector: dict[str, Any]) -> None:
    text, local = vector.get("query") or body_of(vector).decode(), vector.get("local_params", [])
    fields = dict(parse_qsl(text, keep_blank_values=True))
    given = {name: value for name, value in fields.items() if name not in local}
    if vector["expected"] == "accept":
        paytabs(vector["secret"]).verify_return(given)
    else:
        with pytest.raises(SignatureInvalid):
            paytabs(vector["secret"]).verify_return(given)
