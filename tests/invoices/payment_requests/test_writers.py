"""Only `transitions` writes a payment request's state and lease."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
APPS = ("apikeys", "gateways", "invoices", "payments", "reporting", "paytrust", "events")
OWNER = "invoices/payment_requests/transitions.py"
COLUMNS = {"status", "leased_until", "next_check_at", "ended_at", "tries"}
ONLY_OURS = {"next_check_at"}  # except for refunds, whose own transitions write theirs
REFUNDS = "payments/refunds/transitions.py"
WRITES = {"update", "create", "get_or_create", "update_or_create", "bulk_create", "bulk_update"}
# What has a column of the same name, as it is called where it is written.
OTHERS = {
    "audit", "delivery", "dispute", "endpoint", "entry", "event", "installment", "invoice", "key",
    "proposal", "record", "refund", "row", "self", "transaction",
}  # fmt: skip


def writes_of(source: str) -> Iterator[str]:
    """Return each statement that writes a column of ours on what may be a payment request."""
    tree = ast.parse(source)
    knows = "PaymentRequest" in source or "payment_request" in source
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if knows and any(_is_ours(target) for one in targets for target in ast.walk(one)):
                yield ast.unparse(node)
        elif isinstance(node, ast.Call):
            named = {keyword.arg for keyword in node.keywords if keyword.arg}
            anywhere = isinstance(node.func, ast.Attribute) and node.func.attr in WRITES
            if (_is_write(node, knows=knows) and named & COLUMNS) or (
                anywhere and named & ONLY_OURS
            ):
                yield ast.unparse(node)


def _is_ours(target: ast.AST) -> bool:
    if not isinstance(target, ast.Attribute) or not isinstance(target.ctx, ast.Store):
        return False
    base = ast.unparse(target.value).rpartition(".")[2]
    return target.attr in ONLY_OURS or (target.attr in COLUMNS and base not in OTHERS)


def _is_write(call: ast.Call, *, knows: bool) -> bool:
    written_on = ast.unparse(call.func)
    if written_on == "PaymentRequest":
        return True
    if not knows or not isinstance(call.func, ast.Attribute) or call.func.attr not in WRITES:
        return False
    return "PaymentRequest" in written_on or "payment_requests" in written_on


def modules() -> Iterator[Path]:
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts and path not in {ROOT / OWNER, ROOT / REFUNDS}:
                yield path


def test_only_transitions_write() -> None:
    written = {
        str(path.relative_to(ROOT)): found
        for path in modules()
        if (found := list(writes_of(path.read_text())))
    }

    assert written == {}


def test_the_owner_writes_all_of_them() -> None:
    found = " ".join(writes_of((ROOT / OWNER).read_text()))

    assert all(column in found for column in COLUMNS - {"status", "ended_at"})


@pytest.mark.parametrize(
    "source",
    [
        "payment_request.status = 'paid'",
        "current: PaymentRequest; current.leased_until, current.tries = now, 1",
        "payment_request.tries += 1",
        "payment_request; invoice.next_check_at = None",
        "PaymentRequest(tries=1)",
        "PaymentRequest.objects.filter(pk=1).update(status='paid')",
        "invoice.payment_requests.active().update(ended_at=now)",
        "rows.update(next_check_at=now)",
    ],
)
def test_a_write_is_found(source: str) -> None:
    assert len(list(writes_of(source))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "invoice.status = 'paid'",
        "PaymentRequest.objects.filter(status='paid', next_check_at=now)",
        "event.leased_until = None; PaymentRequest.objects.filter(pk=1)",
        "WebhookEvent.objects.update(status='failed')",
    ],
)
def test_what_is_no_write_of_it_is_left_alone(source: str) -> None:
    assert list(writes_of(source)) == []
