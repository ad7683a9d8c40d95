"""How findings are written down for people's tables and for programs."""

import csv
from collections.abc import Iterable
from typing import Any, TextIO

from payments.services.reconciliation.findings import Deed, Finding, Report

COLUMNS = (
    "provider",
    "kind",
    "deed",
    "payment",
    "operation",
    "expected",
    "heard",
    "expected_amount",
    "heard_amount",
    "currency",
    "proposal",
)
# What a spreadsheet would take for a formula.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def facts_of(finding: Finding) -> dict[str, Any]:
    """One finding; amounts are in minor units of `currency`."""
    operation = finding.operation
    facts = {
        "provider": finding.provider,
        "kind": finding.kind.value,
        "deed": finding.deed and finding.deed.value,
        "payment": operation and str(operation.payment_id),
        "operation": operation and str(operation.pk),
        "expected": finding.expected,
        "heard": finding.heard,
        "proposal": finding.proposal,
    }
    return {name: (facts | finding.amounts)[name] for name in COLUMNS}


def summary_of(report: Report) -> dict[str, Any]:
    """What one provider's reconciliation held against each other, did, and did not see."""
    return {
        "provider": report.provider,
        "held": dict(report.held),
        "deeds": {deed.value: report.count(deed) for deed in Deed if report.count(deed)},
        "unseen": report.unseen,
        "cannot_be_seen": report.blind_to,
    }


def write_csv(file: TextIO, findings: Iterable[Finding]) -> None:
    """A table with one line a finding; nothing in it is a formula."""
    writer = csv.DictWriter(file, COLUMNS)
    writer.writeheader()
    writer.writerows(_harmless(facts_of(finding)) for finding in findings)


def _harmless(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in facts.items()}


def _plain(value: Any) -> Any:
    is_formula = isinstance(value, str) and value.startswith(_FORMULAS)
    return f"'{value}" if is_formula else value
