"""An operator who is signed in, at the console."""

import pytest
from django.test import Client

from tests.factories import OperatorFactory


@pytest.fixture
def console(db: None) -> Client:
    client = Client()
    client.force_login(OperatorFactory.create())
    return client
