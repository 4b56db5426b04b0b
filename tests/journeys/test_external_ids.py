"""Order numbers that are used again: by the same order, and after an invoice that ended unpaid."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.utils import timezone

from invoices.invoices import services
from invoices.models import Invoice
from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body, rupiah_body

BODIES = {"xendit": invoice_body, "midtrans": rupiah_body}
GATEWAYS = pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
Body = Callable[..., dict[str, Any]]


def created(merchant: Merchant, body: dict[str, Any]) -> dict[str, Any]:
    answer = merchant.post("/invoices", json=body)
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def cancelled(merchant: Merchant, sandbox: Sandbox, invoice: dict[str, Any]) -> None:
    assert merchant.post(f"/invoices/{invoice['id']}/cancel").status_code == 200


def expired(merchant: Merchant, sandbox: Sandbox, invoice: dict[str, Any]) -> None:
    services.expire_invoices(now=timezone.now() + timedelta(days=2), limit=10)
    merchant.wait_for(invoice["id"], status="expired")


def over(merchant: Merchant, sandbox: Sandbox, invoice: dict[str, Any]) -> None:
    """Let its time end; the job that marks it has not come by yet."""
    Invoice.objects.filter(pk=invoice["id"]).update(expires_at=timezone.now())


def failed(merchant: Merchant, sandbox: Sandbox, invoice: dict[str, Any]) -> None:
    """Deny the only charge there is, which has no page to try again on."""
    sandbox.pay(charge_of(sandbox), "fail")
    merchant.wait_for(invoice["id"], status="failed")


def charge_of(sandbox: Sandbox) -> str:
    return str(sandbox.charges()[-1]["payment_url"])


@GATEWAYS
@pytest.mark.parametrize("end", [cancelled, expired, over])
def test_one_that_ended_unpaid_frees_it(
    merchant: Merchant, sandbox: Sandbox, body: Body, end: Callable[..., None]
) -> None:
    first = created(merchant, body(external_id="order-77"))
    end(merchant, sandbox, first)

    again = created(merchant, body(external_id="order-77"))
    repeated = merchant.post("/invoices", json=body(external_id="order-77"))

    assert again["id"] != first["id"]
    assert (repeated.status_code, repeated.json()["id"]) == (200, again["id"])
    listed = merchant.get("/invoices?external_id=order-77").json()["results"]
    assert [one["id"] for one in listed] == [again["id"], first["id"]]


def test_a_draft_whose_time_is_over_frees_it(merchant: Merchant, sandbox: Sandbox) -> None:
    sandbox.fault("xendit", "http_500", times=1)
    body = invoice_body(external_id="order-77")
    assert merchant.post("/invoices", json=body).status_code == 502
    draft = Invoice.objects.get()
    over(merchant, sandbox, {"id": draft.pk})

    again = created(merchant, body)

    draft.refresh_from_db()
    assert again["id"] != draft.pk
    assert (draft.status, draft.external_id_freed) == ("expired", True)


def test_a_denied_charge_frees_it_for_other_content_too(
    merchant: Merchant, sandbox: Sandbox
) -> None:
    qris = {"payment_method": {"type": "qris"}, "external_id": "order-77"}
    first = created(merchant, rupiah_body(**qris))
    failed(merchant, sandbox, first)

    again = created(merchant, rupiah_body(external_id="order-77"))

    assert again["id"] != first["id"]


def test_one_that_was_paid_keeps_it(merchant: Merchant, sandbox: Sandbox) -> None:
    body = invoice_body(external_id="order-77")
    first = created(merchant, body)
    sandbox.pay(first["payment_url"])
    merchant.wait_for(first["id"], status="fully_paid")

    other = merchant.post("/invoices", json=rupiah_body(external_id="order-77"))

    assert (other.status_code, other.json()["error"]) == (409, "external_id_conflict")
    assert merchant.post("/invoices", json=body).json()["id"] == first["id"]
    assert Invoice.objects.count() == 1


def test_money_that_comes_after_it_was_freed_is_booked(
    merchant: Merchant, sandbox: Sandbox
) -> None:
    first = created(merchant, invoice_body(external_id="order-77"))
    expired(merchant, sandbox, first)
    again = created(merchant, invoice_body(external_id="order-77"))

    sandbox.pay(first["payment_url"])

    late = merchant.wait_for(first["id"], status="fully_paid")
    assert late["external_id"] == again["external_id"] == "order-77"
    repeated = merchant.post("/invoices", json=invoice_body(external_id="order-77"))
    assert repeated.json()["id"] == again["id"]


def test_money_that_comes_before_it_was_freed_keeps_it(
    merchant: Merchant, sandbox: Sandbox
) -> None:
    body = invoice_body(external_id="order-77")
    first = created(merchant, body)
    expired(merchant, sandbox, first)
    sandbox.pay(first["payment_url"])
    merchant.wait_for(first["id"], status="fully_paid")

    repeated = merchant.post("/invoices", json=body)

    assert (repeated.status_code, repeated.json()["id"]) == (200, first["id"])


def test_the_key_of_a_call_still_shows_its_own_invoice(
    merchant: Merchant, sandbox: Sandbox
) -> None:
    call: dict[str, Any] = {
        "json": invoice_body(external_id="order-77"),
        "headers": {"Idempotency-Key": "once"},
    }
    first = merchant.post("/invoices", **call)
    cancelled(merchant, sandbox, first.json())
    created(merchant, invoice_body(external_id="order-77"))

    again = merchant.post("/invoices", **call)

    assert (again.status_code, again.content) == (200, first.content)


def test_times_that_have_passed_are_refused_for_the_new_invoice(
    merchant: Merchant, sandbox: Sandbox
) -> None:
    soon = timezone.now() + timedelta(hours=1, seconds=5)
    body = invoice_body(external_id="order-77", expires_at=soon.isoformat())
    first = created(merchant, body)
    cancelled(merchant, sandbox, first)
    body["expires_at"] = (timezone.now() + timedelta(minutes=1)).isoformat()

    refused = merchant.post("/invoices", json=body)

    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_expiry")
    assert Invoice.objects.count() == 1


def test_many_who_come_back_at_once_make_one_new_invoice(
    merchant: Merchant, sandbox: Sandbox
) -> None:
    first = created(merchant, invoice_body(external_id="order-77"))
    cancelled(merchant, sandbox, first)
    barrier = Barrier(8)

    def post(_: int) -> int:
        barrier.wait()
        return merchant.post("/invoices", json=invoice_body(external_id="order-77")).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(post, range(8)))

    assert statuses.count(201) == 1
    assert set(statuses) <= {200, 201, 409}
    assert Invoice.objects.count() == 2
    assert Invoice.objects.filter(external_id_freed=False).count() == 1
