"""Every provider that has a folder of cases; the suite runs over all of them."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from tests.contracts.shape import Cases
from tests.contracts.vectors import FOLDERS

EVERY: list[Cases] = [
    import_module(f"tests.contracts.cases.{folder.name}").CASES
    for folder in FOLDERS
    if (folder / "__init__.py").exists()
]
every_provider = pytest.mark.parametrize("cases", EVERY, ids=lambda each: each.gateway.name)


def every_row(table: str) -> Callable[[Any], Any]:
    """A test of each row that the providers have in this table."""
    rows = [
        pytest.param(cases, row, id=f"{cases.gateway.name}-{place}")
        for cases in EVERY
        for place, row in enumerate(getattr(cases, table))
    ]
    return pytest.mark.parametrize(("cases", "row"), rows)
