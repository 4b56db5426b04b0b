"""The play at Xendit: create, get, list, expire, pay and refund (A1 to A8, C1 to C5, C9)."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from gateways.certifying.playing import AMOUNT, Trial
from gateways.certifying.recording import Exchange

REQUIRED = (
    *("id", "external_id", "user_id", "status", "merchant_name", "amount", "expiry_date"),
    *("invoice_url", "available_banks", "available_retail_outlets", "available_ewallets"),
    *("available_qr_codes", "available_direct_debits", "available_paylaters"),
    *("should_send_email", "created", "updated"),
)


def play(trial: Trial, *, now: datetime) -> None:
    """Play all parts; what cannot be played is noted as not tried."""
    first = _create(trial, "create an invoice", f"{trial.run}-1")
    if not _judge_creation(trial, first):
        return
    _read(trial, first, now)
    _make_twice(trial, first)
    _expire(trial, first)
    _refusals(trial)
    _pay(trial, now)


def _create(trial: Trial, note: str, external_id: str, **more: object) -> Exchange:
    body = {
        "external_id": external_id,
        "amount": AMOUNT + 1_000,
        "currency": "IDR",
        "description": "A trial of the account",
        "invoice_duration": 3600,
        "items": [{"name": "Phone case", "quantity": 1, "price": AMOUNT}],
        "fees": [{"type": "Tax", "value": 1_000}],
        "customer": {"given_names": "Siti", "mobile_number": "+6281234567890"},
        **more,
    }
    return _call(trial, note, "POST", "/v2/invoices", json=body)


def _call(
    trial: Trial,
    note: str,
    method: str,
    path: str,
    *,
    key: str | None = None,
    json: Mapping[str, Any] | None = None,
    params: list[tuple[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Exchange:
    return trial.recorder.send(
        note,
        method,
        f"{trial.connection['base_url'].rstrip('/')}{path}",
        key=key or trial.connection["secret_key"],
        json=json,
        params=params,
        headers=headers,
    )


def _judge_creation(trial: Trial, made: Exchange) -> bool:
    check, said = trial.findings.check, made.fields
    taken = check("A2", "create answers HTTP 200", made.status == 200, seen=made.shown())
    missing = [name for name in REQUIRED if name not in said]
    check("A2", "it has the fields that the model requires", not missing, seen=missing or "all")
    check("A2", "status is PENDING", said.get("status") == "PENDING", seen=said.get("status"))
    asked = AMOUNT + 1_000
    check("A2", "amount is whole currency", said.get("amount") == asked, seen=said.get("amount"))
    both = said.get("items") and said.get("fees")
    check("C5", "items and fees come back", both, seen=f"{said.get('items')} {said.get('fees')}")
    limit = made.headers.get("Rate-Limit-Limit")
    check("C3", "Rate-Limit-* headers come along", limit, seen=f"{limit} calls a minute")
    return taken and bool(said.get("id"))


def _read(trial: Trial, made: Exchange, now: datetime) -> None:
    check, invoice_id = trial.findings.check, made.fields["id"]
    got = _call(trial, "get by id", "GET", f"/v2/invoices/{invoice_id}")
    check("A4", "GET by id answers it", got.fields.get("id") == invoice_id, seen=got.shown())
    query = [("external_id", f"{trial.run}-1")]
    found = _call(trial, "get by external id", "GET", "/v2/invoices", params=query)
    ids = [row.get("id") for row in found.rows]
    check("A4", "GET by external_id answers a bare array", ids == [invoice_id], seen=len(ids))
    nothing = _call(
        trial, "get nothing", "GET", "/v2/invoices", params=[("external_id", f"{trial.run}-0")]
    )
    check("A4", "nothing found is []", nothing.body == [], seen=nothing.body)
    _read_lists(trial, now)


def _read_lists(trial: Trial, now: datetime) -> None:
    check = trial.findings.check
    window = _window(now)
    repeated = [*window, ("statuses", "PAID"), ("statuses", "SETTLED"), ("limit", "100")]
    listed = _call(trial, "list what was paid", "GET", "/v2/invoices", params=repeated)
    states = {row.get("status") for row in listed.rows}
    fits = listed.status == 200 and states <= {"PAID", "SETTLED"}
    check("C2", "the list takes repeated statuses and a window", fits, seen=listed.shown())
    wide = [*window, ("limit", "101")]
    over = _call(trial, "list too many", "GET", "/v2/invoices", params=wide)
    check("C2", "a limit above 100 is refused", over.status == 400, seen=over.shown())


def _make_twice(trial: Trial, first: Exchange) -> None:
    again = _create(trial, "create with a used external id", f"{trial.run}-1")
    other = again.status == 200 and again.fields.get("id") != first.fields["id"]
    trial.findings.check("A2", "external_id is not unique", other, seen=again.shown())
    if other:
        _call(trial, "expire the second", "POST", f"/invoices/{again.fields['id']}/expire!")
    fees = [{"type": "Tax", "value": 2_000}, {"type": "Discount", "value": -1_000}]
    less = _create(trial, "create with a discount", f"{trial.run}-2", fees=fees)
    trial.findings.check("C5", "a fee may be negative", less.status == 200, seen=less.shown())
    if less.status == 200:
        _call(trial, "expire the discounted", "POST", f"/invoices/{less.fields['id']}/expire!")


def _expire(trial: Trial, made: Exchange) -> None:
    check, path = trial.findings.check, f"/invoices/{made.fields['id']}/expire!"
    ended = _call(trial, "expire", "POST", path)
    check("A4", "expire! answers EXPIRED", ended.fields.get("status") == "EXPIRED", seen=ended.code)
    again = _call(trial, "expire again", "POST", path)
    refused = 400 <= again.status < 500
    check("A4", "what is not pending cannot be expired", refused, seen=again.shown())


def _refusals(trial: Trial) -> None:
    check = trial.findings.check
    wrong = _call(trial, "no amount", "POST", "/v2/invoices", json={"external_id": trial.run})
    check("A8", "a bad request is HTTP 400", wrong.status == 400, seen=wrong.shown())
    unknown = _call(trial, "unknown id", "GET", f"/v2/invoices/{'0' * 24}")
    check("A8", "an unknown id is HTTP 404", unknown.status == 404, seen=unknown.shown())
    path, key = "/v2/invoices?limit=1", "xnd_development_wrong"
    stranger = _call(trial, "wrong key", "GET", path, key=key)
    check("A8", "a wrong key is HTTP 401", stranger.status == 401, seen=stranger.shown())


def _pay(trial: Trial, now: datetime) -> None:
    made = _create(trial, "create to be paid", f"{trial.run}-3")
    path = f"/v2/invoices/{made.fields.get('id')}"
    _simulate(trial, made)

    def paid() -> bool:
        got = _call(trial, "look whether it is paid", "GET", path)
        return got.fields.get("status") in {"PAID", "SETTLED"}

    if not (paid() or trial.until_paid(made.fields.get("invoice_url"), paid)):
        for source, fact in (
            ("A5", "a paid invoice is PAID with paid_amount and paid_at"),
            ("C1", "GET of a paid invoice names no payment"),
            ("C2", "the list shows it with its payment"),
            ("A7", "a refund takes invoice_id"),
        ):
            trial.findings.not_tried(source, fact, "nobody paid")
        ending = f"/invoices/{made.fields.get('id')}/expire!"
        _call(trial, "expire what nobody paid", "POST", ending)
        return
    got = _call(trial, "get when paid", "GET", path)
    check, said = trial.findings.check, got.fields
    whole = said.get("paid_amount") == AMOUNT + 1_000 and said.get("paid_at")
    check("A5", "a paid invoice is PAID with paid_amount and paid_at", whole, seen=got.shown())
    named = said.get("payment_id")
    check("C1", "GET of a paid invoice names no payment", not named, seen=named or "none")
    query = [*_window(now), ("statuses", "PAID"), ("statuses", "SETTLED"), ("limit", "100")]
    listed = _call(trial, "list it", "GET", "/v2/invoices", params=query)
    rows = [row for row in listed.rows if row.get("id") == said["id"]]
    shown = rows and rows[0].get("paid_amount") is not None and rows[0].get("paid_at")
    check("C2", "the list shows it with its payment", shown, seen=f"{len(rows)} rows")
    _refund(trial, str(said["id"]))


def _simulate(trial: Trial, made: Exchange) -> None:
    fact, banks = "a virtual account's payment can be simulated", made.fields.get("available_banks")
    account = next(
        (one for one in banks or [] if isinstance(one, dict) and one.get("bank_account_number")),
        None,
    )
    if account is None:
        trial.findings.not_tried("C9", fact, "the invoice shows no account number")
        return
    sent = {
        "bank_code": account.get("bank_code"),
        "bank_account_number": account["bank_account_number"],
        "transfer_amount": AMOUNT + 1_000,
    }
    path = "/pool_virtual_accounts/simulate_payment"
    done = _call(trial, "simulate a payment", "POST", path, json=sent)
    trial.findings.check("C9", fact, done.status == 200, seen=done.shown())


def _refund(trial: Trial, invoice_id: str) -> None:
    body = {"invoice_id": invoice_id, "amount": 1_000, "reason": "REQUESTED_BY_CUSTOMER"}
    headers = {"idempotency-key": f"{trial.run}-refund"}
    made = _call(trial, "refund", "POST", "/refunds", json=body, headers=headers)
    check = trial.findings.check
    if not check("A7", "a refund takes invoice_id", made.status == 200, seen=made.shown()):
        return
    got = _call(trial, "get the refund", "GET", f"/refunds/{made.fields.get('id')}")
    check("C1", "GET /refunds/{id} answers it", got.status == 200, seen=got.fields.get("status"))


def _window(now: datetime) -> list[tuple[str, str]]:
    ends = {"paid_after": now - timedelta(hours=1), "paid_before": now + timedelta(hours=1)}
    return [(name, f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.000Z}") for name, at in ends.items()]
