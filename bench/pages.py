"""The pages of the back office that are measured, and why some addresses are not.

An address may name `{year_ago}`, `{today}`, the days of last month, `{payable}` (an invoice that
can be paid), and `{table}`: the newest row of a table. Other rows are of `bench.past`.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from bench.past import FIRST

ONE: Final = FIRST + 3  # an invoice whose notification failed
LATE: Final = FIRST + 7  # a discrepancy
HALF_PAID: Final = FIRST + 2  # an invoice whose second instalment is overdue, and its merchant
REFUNDED: Final = FIRST + 9
MERCHANT: Final = FIRST + 7

LISTS: Final = {
    "apikeys/tenant": MERCHANT,
    "apikeys/apikey": MERCHANT,
    "apikeys/apikeyauditentry": "{apikeys_apikeyauditentry}",
    "apikeys/staffact": "{apikeys_staffact}",
    "apikeys/staffproposal": "{apikeys_staffproposal}",
    "auth/user": FIRST + 1,
    "auth/group": 1,
    "events/webhookendpoint": MERCHANT,
    "events/delivery": "{events_delivery}",
    "gateways/gateway": 1,
    "gateways/gatewayfee": 1,
    "invoices/invoice": ONE,
    "invoices/installment": 2 * ONE,
    "invoices/paymentrequest": ONE,
    "invoices/transaction": ONE,
    "invoices/ledgerentry": "{invoices_ledgerentry}",
    "payments/webhookevent": ONE,
    "payments/proposal": "{payments_proposal}",
    "payments/refund": REFUNDED,
    "payments/dispute": FIRST + 25,
    "payments/settlementline": ONE,
    "payments/settlementmismatch": "{payments_settlementmismatch}",
    "payments/settlementimport": "{payments_settlementimport}",
    "payments/settlementreport": "{payments_settlementreport}",
    "payments/settlementterms": "{payments_settlementterms}",
    "payments/bankfile": "{payments_bankfile}",
    "payments/bankentry": "{payments_bankentry}",
    "payments/bankupload": "{payments_bankupload}",
    "reporting/discrepancy": LATE,
    "reporting/overdueinstallment": 2 * HALF_PAID + 1,
    "reporting/keptstatement": "{reporting_keptstatement}",
}
"""Each list, and one of its rows."""

PERIODS: Final = {
    "gateway accounts": "gateways/gatewayaccount/",
    "overview": "",
    "overview of 90 days": "?days=90",
    "financial report": "report/",
    "financial report of 3 months": "report/?first={quarter_ago}&last={today}",
    "financial report of a year": "report/?first={year_ago}&last={today}",
    "financial report of a merchant's year": (
        "report/?merchant=Merchant+7&first={year_ago}&last={today}"
    ),
    "financial report as CSV": "report/export.csv?first={year_ago}&last={today}",
    "gateway costs": "costs/",
    "gateway costs of a year": "costs/?first={year_ago}&last={today}",
    "gateway costs of a merchant's year": (
        "costs/?merchant=Merchant+7&first={year_ago}&last={today}"
    ),
    "payouts": "payments/settlementline/payouts/",
}
FOUND: Final = {
    "found by external id": f"find/?q=order-{ONE}",
    "found by gateway reference": f"find/?q=charge-{ONE}",
    "found by e-mail": "find/?q=customer3@example.test",
    "found by request id": f"find/?q=request-{ONE}",
    "found by a first name": "find/?q=siti",
    "found by a whole name": "find/?q=Dewi+Nasution",
    "found by part of an id": f"find/?q=er-{ONE}",
    "found by a common part of an id": "find/?q=order",
    "found by an amount": "find/?q=IDR+99.999",
    "found by a number": "find/?q=12345",
    "found nowhere": "find/?q=nothing",
    "merchants to choose from": (
        "autocomplete/?term=mer&app_label=invoices&model_name=invoice&field_name=tenant"
    ),
}
_OF_MERCHANT: Final = f"tenant__id__exact={MERCHANT}"
_OF_INVOICES: Final = f"invoice__tenant__id__exact={MERCHANT}"


def _month(column: str) -> str:
    return f"{column}_from={{month_first}}&{column}_to={{month_last}}"


NARROWED: Final = {
    "invoices, page 100": "invoices/invoice/?p=100",
    "invoices by state": "invoices/invoice/?status__exact=expired",
    "invoices of a state that none has": "invoices/invoice/?status__exact=draft",
    "invoices by currency": "invoices/invoice/?currency_code=MYR",
    "invoices of a month": f"invoices/invoice/?{_month('created_at')}",
    "invoices of a month and a state": (
        f"invoices/invoice/?{_month('created_at')}&status__exact=pending"
    ),
    "invoices of a merchant": f"invoices/invoice/?{_OF_MERCHANT}",
    "invoices of a merchant's month by amount": (
        f"invoices/invoice/?{_OF_MERCHANT}&{_month('created_at')}&o=-6"
    ),
    "invoices of a colleague": f"invoices/invoice/?assigned={FIRST + 1}",
    "invoices at a gateway": "invoices/invoice/?gateway__id__exact=2",
    "invoices, searched": "invoices/invoice/?q=order-77",
    "transactions of a month": f"invoices/transaction/?{_month('created_at')}",
    "transactions of a merchant's month": (
        f"invoices/transaction/?{_OF_MERCHANT}&{_month('created_at')}"
    ),
    "refunds among transactions": "invoices/transaction/?kind__exact=refund",
    "chargebacks among transactions": "invoices/transaction/?kind__exact=reversal",
    "transactions in a currency": "invoices/transaction/?currency_code=USD",
    "transactions at a gateway": "invoices/transaction/?gateway__id__exact=2",
    "transactions, page 100": "invoices/transaction/?p=100",
    "payment requests that failed": "invoices/paymentrequest/?status__exact=failed",
    "payment requests of a merchant's month": (
        f"invoices/paymentrequest/?{_OF_MERCHANT}&{_month('created_at')}"
    ),
    "instalments of a merchant": f"invoices/installment/?{_OF_INVOICES}",
    "instalments of a month": f"invoices/installment/?{_month('due_at')}",
    "instalments in a currency": "invoices/installment/?invoice__currency_code=USD",
    "instalments at a gateway": "invoices/installment/?invoice__gateway__id__exact=2",
    "unpaid instalments": "invoices/installment/?status__exact=unpaid",
    "ledger of a month": f"invoices/ledgerentry/?{_month('booked_at')}",
    "ledger of a merchant's month": f"invoices/ledgerentry/?{_OF_MERCHANT}&{_month('booked_at')}",
    "ledger of refunds": "invoices/ledgerentry/?kind__exact=refund",
    "ledger of chargebacks": "invoices/ledgerentry/?kind__exact=reversal",
    "ledger in a currency": "invoices/ledgerentry/?currency_code=USD",
    "failed webhooks": "payments/webhookevent/?status__exact=failed",
    "failed webhooks of a merchant": f"payments/webhookevent/?status__exact=failed&{_OF_MERCHANT}",
    "failed webhooks in groups": "payments/webhookevent/groups/",
    "ignored webhooks": "payments/webhookevent/?status__exact=ignored",
    "webhooks of a month": f"payments/webhookevent/?{_month('received_at')}",
    "webhooks of a merchant": f"payments/webhookevent/?{_OF_MERCHANT}",
    "webhooks, searched": f"payments/webhookevent/?q=event-{ONE}",
    "proposals that are open": "payments/proposal/?status__exact=open",
    "proposals of a merchant": f"payments/proposal/?{_OF_MERCHANT}",
    "proposals to ignore": "payments/proposal/?act__exact=ignore_webhook&status__exact=open",
    "refunds that wait": "payments/refund/?status__exact=requested",
    "refunds of a merchant": f"payments/refund/?{_OF_MERCHANT}",
    "refunds of a month": f"payments/refund/?{_month('created_at')}",
    "discrepancies by kind": "reporting/discrepancy/?kind=overpaid",
    "discrepancies that were resolved": "reporting/discrepancy/?state=resolved",
    "discrepancies of a merchant": f"reporting/discrepancy/?{_OF_MERCHANT}",
    "merchant with overdue instalments": f"apikeys/tenant/{HALF_PAID}/change/",
    "overdue instalments of a merchant": (
        f"reporting/overdueinstallment/?invoice__tenant__id__exact={HALF_PAID}"
    ),
    "overdue instalments in a currency": (
        "reporting/overdueinstallment/?invoice__currency_code=USD"
    ),
    "overdue instalments of a month": f"reporting/overdueinstallment/?{_month('due_at')}",
    "overdue instalments, page 100": "reporting/overdueinstallment/?p=100",
    "settlement lines that are missing here": (
        "payments/settlementline/?state__exact=missing_here"
    ),
    "settlement lines of a kind that none has": "payments/settlementline/?kind__exact=chargeback",
    "settlement lines in a currency": "payments/settlementline/?currency_code=USD",
    "settlement lines of a gateway": "payments/settlementline/?gateway__id__exact=2",
    "settlement lines of a payout": "payments/settlementline/?q=W-200-1-IDR",
    "mismatches of a state": "payments/settlementmismatch/?state__exact=fee_differs",
    "deliveries that failed": "events/delivery/?status__exact=failed",
    "audit log of creations": "apikeys/apikeyauditentry/?operation_type__exact=created",
    "audit log of refusals": "apikeys/apikeyauditentry/?success__exact=0",
    "acts of staff of a kind": "apikeys/staffact/?act=invoice_noted",
    "acts of staff of a kind that none did": "apikeys/staffact/?act=key_issued",
    "proposed acts that are open": "apikeys/staffproposal/?status__exact=open",
    "keys of a merchant": f"apikeys/apikey/?{_OF_MERCHANT}",
}
FILES: Final = {
    "invoices of a merchant's month as CSV": (
        f"invoices/invoice/export.csv?{_OF_MERCHANT}&{_month('created_at')}"
    ),
    "transactions of a merchant's month as CSV": (
        f"invoices/transaction/export.csv?{_OF_MERCHANT}&{_month('created_at')}"
    ),
    "transactions of a merchant's month as XLSX": (
        f"invoices/transaction/export.xlsx?{_OF_MERCHANT}&{_month('created_at')}"
    ),
    "ledger of a merchant's month as CSV": (
        f"invoices/ledgerentry/export.csv?{_OF_MERCHANT}&{_month('booked_at')}"
    ),
    "pain.001 of an invoice": f"invoices/invoice/{ONE}/pain001.xml",
    "pain.002 of an invoice": f"invoices/invoice/{ONE}/pain002.xml",
    "pain.002 of a transaction": f"invoices/invoice/transactions/{ONE}/pain002.xml",
    "receipt of a payment": f"invoices/invoice/transactions/{ONE}/receipt-en.pdf",
    "kept statement": "reporting/keptstatement/{reporting_keptstatement}/statement.pdf",
}
ACTS: Final = {
    "notices": "notices/",
    "change of one's password": "password_change/",
    "new colleague": "auth/user/add/",
    "password of a colleague": f"auth/user/{FIRST + 1}/set-password/",
    "sign-in of a colleague anew": f"auth/user/{FIRST + 1}/reset-sign-in/",
    "rotate a key": f"apikeys/apikey/{MERCHANT}/rotate/",
    "revoke a key": f"apikeys/apikey/{MERCHANT}/revoke/",
    "approve a proposed act": "apikeys/staffproposal/{apikeys_staffproposal}/approve/",
    "reject a proposed act": "apikeys/staffproposal/{apikeys_staffproposal}/reject/",
    "withdraw a proposed act": "apikeys/staffproposal/{apikeys_staffproposal}/withdraw/",
    "new tenant": "apikeys/tenant/make/",
    "new key": f"apikeys/tenant/{MERCHANT}/issue-key/",
    "statement profile": f"apikeys/tenant/{MERCHANT}/statement-profile/",
    "disable an endpoint": f"events/webhookendpoint/{MERCHANT}/disable/",
    "resend a delivery": "events/delivery/{events_delivery}/resend/",
    "change a fee": "gateways/gatewayfee/1/change-fee/",
    "credentials of Xendit": "gateways/gatewayaccount/xendit/",
    "credentials of Midtrans": "gateways/gatewayaccount/midtrans/",
    "note on an invoice": f"invoices/invoice/{ONE}/note/",
    "assign an invoice": f"invoices/invoice/{ONE}/assign/",
    "send a payment link": "invoices/invoice/{payable}/send-link/",
    "ask about a webhook": f"payments/webhookevent/{ONE}/ask/",
    "process a webhook again": f"payments/webhookevent/{ONE}/again/",
    "ignore a webhook": f"payments/webhookevent/{ONE}/ignore/",
    "process 20 webhooks again": (
        "payments/webhookevent/bulk/again/?ids="
        + ",".join(str(ONE + 1000 * number) for number in range(20))
    ),
    "ignore 200 webhooks": (
        "payments/webhookevent/bulk/ignore/?ids="
        + ",".join(str(ONE + 1000 * number) for number in range(200))
    ),
    "approve ignoring": "payments/proposal/bulk/approve/?ids={payments_proposal}",
    "resolve 200 discrepancies": (
        "reporting/discrepancy/bulk/resolve/?ids="
        + ",".join(str(LATE + 100 * number) for number in range(200))
    ),
    "propose an adjustment": "payments/proposal/adjust/{payable}/",
    "propose a cancellation": "payments/proposal/cancel/{payable}/",
    "propose a transfer": f"payments/proposal/transfer/{ONE}/",
    "approve a proposal": "payments/proposal/{payments_proposal}/approve/",
    "reject a proposal": "payments/proposal/{payments_proposal}/reject/",
    "withdraw a proposal": "payments/proposal/{payments_proposal}/withdraw/",
    "propose a refund": f"payments/refund/propose/{ONE}/",
    "propose a refund that was asked for": f"payments/refund/{FIRST + 19}/propose/",
    "note on a discrepancy": f"reporting/discrepancy/{LATE}/note/",
    "resolve a discrepancy": f"reporting/discrepancy/{LATE}/resolve/",
    "refund a discrepancy": f"reporting/discrepancy/{LATE}/refund/",
    "transfer a discrepancy": f"reporting/discrepancy/{LATE}/transfer/",
    "resolve a mismatch": ("payments/settlementmismatch/{payments_settlementmismatch}/resolve/"),
    "upload a settlement file": "payments/settlementimport/upload/",
    "preview of a settlement file": (
        "payments/settlementimport/{payments_settlementimport}/start/"
    ),
    "withdraw an import": "payments/settlementimport/{payments_settlementimport}/withdraw/",
    "columns of an account": "payments/settlementimport/{payments_settlementimport}/columns/",
    "new settlement terms": "payments/settlementterms/set/",
    "upload a bank statement": "payments/bankfile/import/",
    "withdraw a bank statement": "payments/bankfile/{payments_bankfile}/withdraw/",
}
LEFT_OUT: Final = {
    r"add|.*_add": "no form makes such a row",
    r".*_delete": "nothing is deleted by a form",
    r".*_history": "Django's own log, which no page links and nothing writes",
    r".*_export": "it streams as many rows as are asked for; those of FILES are measured",
    r".*_(begin|piece)": "it takes a piece of a file from a script",
    r"language|zone|saved_filter_(keep|remove)": "it takes a form and leads back",
    r"login|logout|second_factor|password_change_done": "before or after the back office",
    r"auth_user_password_change": "it leads to `set-password`",
    r"gateways_gatewayaccount_(change|do_end)": "the past has no account, which is sealed by a key",
    r"jsi18n": "texts of Django's scripts, without rows",
    r"search": "the theme's own search; `find` is ours",
    r"view_on_site|app_list": "it leads elsewhere, and nothing links to it",
}
"""Names of addresses that are not measured, and why."""


def pages() -> dict[str, str]:
    """Return the address of each page below /admin/, by what it is called."""
    return {**PERIODS, **FOUND, **dict(_of_lists()), **NARROWED, **FILES, **ACTS}


def _of_lists() -> Iterator[tuple[str, str]]:
    for model, row in LISTS.items():
        yield f"list {model}", f"{model}/"
        yield f"row of {model}", f"{model}/{row}/change/"


def address(path: str, values: Mapping[str, str]) -> str:
    """Return an address with what it names; `values` finds what is named."""
    return f"/admin/{path.format_map(values)}"
