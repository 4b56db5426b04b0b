"""The words of the OpenAPI documents: what a name means wherever it stands.

A field's own `help_text` goes before these. A name with its component (`Invoice.status`) goes
before the bare name.
"""

from typing import Final

MERCHANTS_TITLE, OPERATORS_TITLE = "PayTrust", "PayTrust for operators"
MERCHANTS_DESCRIPTION: Final = """\
One payment API in front of Xendit and Midtrans.

Send an invoice, get a payment URL, be told when it is paid. Amounts in answers are integers in the
currency's smallest unit (sen, cents; whole rupiah). Prices in requests are decimals of whole
currency: send them as strings, so that no float is on their way; JSON numbers are taken too.

Every call bears the header `X-API-Key`. A POST may bear an `Idempotency-Key`: sent again within 24
hours, the call changes nothing and gets its first answer. Each answer bears `X-Request-Id`. Errors
have one shape; branch on `error`.

Try things at the sandbox: its console stands at the sandbox's own address, its customers pay by a
button or `POST payment_url` with `action=pay`, and `/control/faults`, `/control/clock` and
`/control/trigger` make gateways fail, time pass and events come.
"""
OPERATORS_DESCRIPTION: Final = """\
What platform operators do: API keys and notifications that failed. Every call bears the header
`X-Admin-Key`.
"""
TAGS: Final = {
    "Invoices": "What customers are asked to pay: made, listed, shown, cancelled, added to.",
    "Installments": "The schedule of an invoice that is paid in 2 to 12 parts.",
    "Payments": "The payment that is open at the gateway, and what was paid beside what was asked.",
    "Transactions": "What was booked: payments, refunds and reversals, each kept for good.",
    "Refunds": "Money that goes back to customers as the merchant wants.",
    "ISO 20022": "Payment initiation (pain.001) and payment status (pain.002), as XML.",
    "Gateways": "Where customers pay: currencies, fees and how they are doing.",
    "Quotes": "What an invoice would come to, without making it.",
    "Customers": "Who was invoiced, read from the invoices.",
    "Reports": "Figures, differences, exports and statements, exact to the unit.",
    "Events": "What happened, in order; for reading and for sending again.",
    "Webhook endpoints": "Where PayTrust tells of events, signed by Standard Webhooks.",
    "Account": "The merchant's own keys, settings and calls.",
    "API keys": "Keys of all tenants, and what was done with them.",
    "Notifications": "Gateways' notifications that could not be processed.",
}
_SEGMENTS: Final = {
    "invoices": "Invoices",
    "supplementary": "Invoices",
    "installments": "Installments",
    "payments": "Payments",
    "overpayment": "Payments",
    "transactions": "Transactions",
    "refunds": "Refunds",
    "payment-initiation": "ISO 20022",
    "payment-status": "ISO 20022",
    "gateways": "Gateways",
    "quotes": "Quotes",
    "customers": "Customers",
    "reports": "Reports",
    "settlements": "Reports",
    "payouts": "Reports",
    "events": "Events",
    "webhook-endpoints": "Webhook endpoints",
    "account": "Account",
    "api-keys": "API keys",
    "webhooks": "Notifications",
}
_WHOLE_PATHS: Final = {"reports", "account", "api-keys", "webhook-endpoints", "webhooks"}


def tag_of(path: str) -> str:
    """Return the tag of an operation: its path's last noun, or the first where that rules."""
    segments = path.strip("/").split("/")
    if segments[0] in _WHOLE_PATHS:
        return _SEGMENTS[segments[0]]
    return next(_SEGMENTS[name] for name in reversed(segments) if name in _SEGMENTS)


def meaning_of(component: str, name: str) -> str | None:
    """Return what a property or parameter means; None if no words are written for it."""
    whose = component.removesuffix("Request")
    return (
        MEANINGS.get(f"{component}.{name}") or MEANINGS.get(f"{whose}.{name}") or MEANINGS.get(name)
    )


_MINOR = "in the currency's smallest unit"
MEANINGS: Final[dict[str, str]] = {
    "actor_identifier": "Who did it: `admin`, an operator's name, or the start of a key.",
    "address": "The merchant's postal address.",
    "allowed_addresses": "From which addresses the key is taken; from all if it is empty.",
    "scopes": "What the key may do.",
    "allocations": "Into which instalments the money went.",
    "answer": "The first KiB of what the endpoint answered.",
    "api_key_id": "The key that it is about.",
    "api_version": "The version of the API that made this event.",
    "attempted_at": "When it was tried.",
    "attempts": "How often it was tried.",
    "Delivery.attempts": "Each try, the first one first.",
    "bank": "The bank of a bank transfer.",
    "bank_reference": "The bank's reference of a transfer made by hand.",
    "bill_key": "The key of a bill at Mandiri.",
    "biller_code": "The biller's code at Mandiri.",
    "by_currency": "One entry per currency; nothing is summed across currencies.",
    "code": "A stable code.",
    "contact_email": "Who is told when the endpoint is disabled.",
    "count": "Into how many parts the total is split.",
    "country_code": "ISO 3166-1 alpha-2, such as MY.",
    "created_at": "When it was made (UTC).",
    "created_from": "Made at or after this moment.",
    "created_to": "Made before this moment.",
    "currencies": "ISO 4217 codes that it takes.",
    "currency": "Only this currency.",
    "currency_code": "ISO 4217: IDR, MYR or USD.",
    "cursor": "Where to go on from: taken from `next`, `previous` or an answer's `cursor`.",
    "custom_amounts": (
        f"What each part asks for, gross, {_MINOR}: `count` of them, or one less and the last"
        " takes the rest."
    ),
    "customer": "Who pays.",
    "data": "What the event is about.",
    "deeplink_url": "Opens the customer's app.",
    "description": "A text for people.",
    "details": "What exactly: for a 400 the fields that are wrong, nested as in the request.",
    "difference": f"`total_paid` or `paid_amount` less `total_amount`, {_MINOR}.",
    "disabled_at": "When it was disabled; null while it is enabled.",
    "disabled_reason": "Who or what disabled it; null while it is enabled.",
    "due_date": "Until when this part is to be paid (UTC).",
    "due_dates": "When each part is due, strictly increasing; instead of `interval_days`.",
    "email": "An e-mail address.",
    "end_date": "Up to, but without, this moment.",
    "ended_at": "When it reached its last state; null before.",
    "endpoint_id": "The webhook endpoint's id.",
    "entries": "The page's entries, newest first.",
    "error": "Stable: branch on it.",
    "DeliveryAttempt.error": "What went wrong, if it did.",
    "Attempt.error": "What went wrong; null if nothing did.",
    "error_message": "What went wrong; null if nothing did.",
    "event_id": "The event's id.",
    "event_type": "The event's type.",
    "event_types": 'Which events are told; all if `["*"]`.',
    "expires_at": "Until when it can be paid (UTC).",
    "external_id": "The merchant's own id, such as an order number.",
    "failing_since": "Since when all deliveries have failed; null if they do not.",
    "failure_code": "The gateway's code, where it refused.",
    "failure_message": "The gateway's words, where it refused.",
    "failure_reason": "Why it failed.",
    "failure_redirect_url": "Where the customer goes after a failure.",
    "fees": "What it charges, per currency.",
    "gateway": "The gateway's code.",
    "gateway_breakdown": "The totals per gateway; they sum to the totals above.",
    "gateway_id": "The gateway: 1 is Xendit, 2 is Midtrans.",
    "gateway_name": "The gateway's name.",
    "gateway_refund_id": "The gateway's id of the refund; null until it gave one.",
    "gateway_transaction_id": "The gateway's id of the transaction.",
    "http_status": "The endpoint's answer; null if there was none.",
    "id": "Its id.",
    "installment_number": "Which part of the schedule, from 1.",
    "installment_schedule": "The parts; only where 2 to 12 were asked for.",
    "installments": "The parts of the schedule.",
    "InvoiceCreateRequest.installments": "Pay in 2 to 12 parts; left out: in one.",
    "SupplementaryRequest.installments": "Pay in 2 to 12 parts; left out: in one.",
    "AdjustmentRequest.installments": "The unpaid parts to change, each once.",
    "interval_days": "Days between due dates, 14 unless given.",
    "import_id": "The id of the settlement import.",
    "invoice_count": "How many invoices.",
    "invoice_id": "The invoice's id.",
    "ip_address": "From where it was done.",
    "iso20022_message_id": "MsgId of the pain.002 with which it was booked.",
    "iso20022_transaction_status": "Its ISO 20022 status, such as ACSC.",
    "key_id": "The key's id.",
    "key_prefix": "The key's first 4 characters.",
    "kind": "Only differences of this kind.",
    "kinds": "In which ways the payments differ.",
    "language": "Of the texts: en, id or ms.",
    "last_used_at": "When it was last used; null if never.",
    "legal_name": "The merchant's name as its papers have it.",
    "limit": "Rows a page.",
    "line_items": "What is sold, 1 to 500 lines.",
    "message": "For people: what happened, and what to do.",
    "metadata": "Up to 50 pairs of the merchant's own; keys of at most 40 characters.",
    "method": "By what means.",
    "AuditEntry.method": "The request's HTTP method.",
    "month": "A month, such as 2026-11.",
    "ms": "How long it took, in milliseconds.",
    "name": "The name.",
    "next": "The page of older rows; null on the last page.",
    "next_attempt_at": "When it is tried next; null if it is not.",
    "note": "A note of the merchant's.",
    "number": "Its place, from 1.",
    "object": "What it is about, as GET showed it then, without line_items.",
    "only_failed": "Only those that did not arrive.",
    "operation_type": "What was done.",
    "outcome": "What came of it.",
    "overpayment_amount": f"What was paid beyond what was asked, {_MINOR}.",
    "overpayments": "What came in beyond all instalments.",
    "page": "The page, from 1.",
    "page_size": "Rows a page.",
    "pagination": "Where this page stands.",
    "paid_amount": f"What was paid, {_MINOR}.",
    "paid_at": "When it was paid (UTC); null before.",
    "parent_invoice_id": "The invoice that this one supplements; null if none.",
    "path": "The request's path.",
    "payment_channel": "The gateway's channel, such as a bank.",
    "payment_code": "What the customer says at the shop.",
    "payment_initiated_at": "When a payment was first asked for; from then on amounts are fixed.",
    "payment_instructions": "How to pay, where the gateway has no page of its own.",
    "payment_method": "How it was paid, in the gateway's words; null if not told.",
    "InvoiceCreateRequest.payment_method": "Only this method, shown on PayTrust's own page.",
    "SupplementaryRequest.payment_method": "Only this method, shown on PayTrust's own page.",
    "payment_url": "Where the customer pays; null while nothing is to be paid.",
    "percentage": "Percent of the subtotal.",
    "period": "The interval, half open.",
    "phone": "A phone number.",
    "previous": "The page of newer rows; null on the first page.",
    "previous_secret_until": "Until when the old secret signs too; null if it does not.",
    "processed_at": "When it was processed; null before.",
    "product_name": "What is sold.",
    "qr_image_url": "The QR code as a picture.",
    "qr_string": "What the QR code says.",
    "reason": "Why the money goes back.",
    "received_at": "When it came.",
    "reference": "PayTrust's reference at the gateway.",
    "refund_id": "The refund's id.",
    "refund_status": "How much of what was paid went back.",
    "refundable_in_part": "Whether less than all of it can be given back.",
    "refunded_amount": f"What went back as the merchant wanted, {_MINOR}.",
    "registration_number": "The merchant's number in the register of companies.",
    "request_id": "The X-Request-Id of the request.",
    "results": "The page's rows, newest first.",
    "revoked_at": "When it was revoked; null if it was not.",
    "rotated_at": "When its secret was last changed; null if never.",
    "selected_gateway": "The gateway's name.",
    "service_fee": f"This part's share of the service fee, {_MINOR}.",
    "service_fee_amount": f"Service fees received, {_MINOR}.",
    "since": "From this moment on.",
    "start_date": "From this moment on.",
    "status": "Its state.",
    "Refund.status": (
        "`requested` waits for two people, `sending` is not yet answered by the gateway, `pending`"
        " is accepted by it; the others are final."
    ),
    "Invoice.status": (
        "`draft` has no payment URL yet, `pending` waits for the customer, `partially_paid` for the"
        " rest; `failed`, `expired` and `cancelled` ended unpaid."
    ),
    "Installment.status": "`overdue` is unpaid and past due.",
    "status_code": "The answer's HTTP status.",
    "store": "The shop where the customer pays.",
    "success": "Whether it was done.",
    "success_redirect_url": "Where the customer goes after paying.",
    "tax": f"This part's share of the tax, {_MINOR}.",
    "tax_amount": f"Tax of the line, {_MINOR}.",
    "tax_breakdown": "Tax per rate; it sums to `total_tax_amount`.",
    "tax_category": "The tax's kind, such as VAT, GST or SST.",
    "tax_rate": "From 0 to 1, at most 4 decimals: 0.11 is 11 %.",
    "tax_number": "The merchant's number at the tax office.",
    "tenant_id": "The tenant's id.",
    "timestamp": "When it happened (UTC).",
    "total_amount": f"The total, {_MINOR}.",
    "total_count": "How many rows there are.",
    "total_pages": "How many pages there are.",
    "total_paid": f"What was paid, {_MINOR}.",
    "total_service_fee_amount": f"Service fees, {_MINOR}.",
    "total_tax_amount": f"Taxes, {_MINOR}.",
    "subtotal_amount": f"Without tax and fee, {_MINOR}.",
    "transaction_id": "The transaction's id.",
    "type": "Its kind.",
    "types": "Only these types; all if it is empty.",
    "until": "Before this moment.",
    "updated_at": "When it last changed (UTC).",
    "updated_from": "Changed at or after this moment.",
    "url": "The address.",
    "va_number": "The virtual account to pay into.",
    "zone": "Whose midnights separate months and days.",
}
