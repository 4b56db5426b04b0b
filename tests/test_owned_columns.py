"""Columns that only one module writes; no other does, in any way that Django allows."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
APPS = ("apikeys", "gateways", "invoices", "payments", "reporting")
POSTING = "invoices/ledger/posting.py"
TRANSITIONS = "invoices/payment_requests/transitions.py"
VERSIONS = "invoices/invoices/versions.py"
EXPIRY = "invoices/invoices/services.py"  # one UPDATE for many rows

OWNERS = {
    "paid_amount": {POSTING},
    "refunded_amount": {POSTING},
    "overpayment_amount": {POSTING},
    "settled_at": {POSTING},
    "review_flags": {POSTING},
    "version": {VERSIONS, EXPIRY},
    "updated_at": {VERSIONS, EXPIRY},
}
"""Columns by the modules that may set or save them."""

CREATED_BY = {
    "Transaction": {POSTING},
    "LedgerEntry": {POSTING},
    "LedgerTax": {POSTING},
}
"""Models by the modules that may make rows of them."""

OTHERS = {
    ("gateways/accounts/credentials.py", "updated_at"),  # an account's
    ("payments/refunds/transitions.py", "updated_at"),  # a refund's
    ("payments/disputes/services.py", "updated_at"),  # a dispute's
    ("payments/settlement/terms.py", "updated_at"),  # an account's terms
    ("reporting/statements/services.py", "updated_at"),  # a profile's
    # A row of its own keeps the balances of an invoice as they were.
    ("payments/changes/discrepancies.py", "paid_amount"),
    ("payments/changes/discrepancies.py", "overpayment_amount"),
    ("payments/changes/discrepancies.py", "review_flags"),
    # Sums of a report, which are rows of no table.
    ("reporting/financial/figures.py", "overpayment_amount"),
    ("reporting/financial/figures.py", "refunded_amount"),
    ("reporting/statements/selectors.py", "overpayment_amount"),
}
"""Columns of other tables that have the same name."""

WRITES = {"update", "create", "bulk_create", "update_or_create", "get_or_create"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if "/migrations/" not in name and "/sandbox/" not in name:
                yield name, ast.parse(path.read_text())


def written(tree: ast.AST) -> Iterator[str]:
    """Yield each name that a module assigns as an attribute, or passes to a write."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                yield from (
                    inner.attr for inner in ast.walk(target) if isinstance(inner, ast.Attribute)
                )
        elif isinstance(node, ast.Call) and called(node) in WRITES:
            yield from (word.arg for word in node.keywords if word.arg)
        elif isinstance(node, ast.Call) and called(node) in {"save", "bulk_update"}:
            for argument in (*node.args, *(word.value for word in node.keywords)):
                yield from (
                    inner.value
                    for inner in ast.walk(argument)
                    if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
                )


def called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def made(tree: ast.AST) -> Iterator[str]:
    """Yield each model of which a module makes a row."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name):
            yield node.func.id
        elif called(node) in WRITES and isinstance(node.func, ast.Attribute):
            yield from (
                inner.id for inner in ast.walk(node.func.value) if isinstance(inner, ast.Name)
            )


@pytest.mark.parametrize("column", OWNERS)
def test_a_column_is_written_by_its_owner_alone(column: str) -> None:
    writers = {
        name for name, tree in modules() if column in written(tree) and (name, column) not in OTHERS
    }

    assert writers == OWNERS[column]


@pytest.mark.parametrize("model", CREATED_BY)
def test_a_row_is_made_by_its_owner_alone(model: str) -> None:
    makers = {name for name, tree in modules() if model in made(tree)}

    assert makers == CREATED_BY[model]


def test_a_stranger_is_found() -> None:
    """Control: what the tests above look for is seen in each way of writing it."""
    for line in (
        "invoice.paid_amount = 1",
        "invoice.paid_amount += 1",
        "invoice.paid_amount, other = 1, 2",
        "Invoice.objects.update(paid_amount=1)",
        "invoice.save(update_fields=['paid_amount'])",
        "Installment.objects.bulk_update(parts, ['paid_amount'])",
    ):
        assert "paid_amount" in written(ast.parse(line)), line
    for line in ("LedgerEntry(amount=1)", "LedgerEntry.objects.create(amount=1)"):
        assert "LedgerEntry" in made(ast.parse(line)), line
