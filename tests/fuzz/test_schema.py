"""The API against its own schema: whatever is sent, no 500, and no answer that it does not tell."""

from typing import Any

import pytest
import schemathesis
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given, settings
from pytest_django import Settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from config.wsgi import application
from payments.models import ApiKey
from tests.fakes import FakeTransport

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
METHODS = {"get", "post", "put", "patch", "delete"}
DESCRIBED = SchemaGenerator().get_schema(public=True)
OPERATIONS = [
    (path, method) for path, item in DESCRIBED["paths"].items() for method in METHODS & item.keys()
]


@pytest.fixture
def key(transactional_db: None, settings: Settings, provider: FakeTransport) -> str:
    settings.RATE_LIMITS_ENABLED = False
    return ApiKey.issue("fuzz", ["operator", "payments:write", "refunds:write"])[1]


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_path_keeps_to_its_schema(path: str, method: str, key: str) -> None:
    described = schemathesis.openapi.from_dict(DESCRIBED)
    described.app = application

    @given(case=described[path][method.upper()].as_strategy())
    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    def check(case: Any) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {key}"}, checks=CHECKS)

    check()
