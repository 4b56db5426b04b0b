"""Every address of the sandbox."""

from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path

from gateways.sandbox import console, control, pages
from gateways.sandbox.messages import Answer
from gateways.sandbox.midtrans import statements as midtrans_statements
from gateways.sandbox.midtrans import views as midtrans
from gateways.sandbox.xendit import refund_views as xendit_refunds
from gateways.sandbox.xendit import reports as xendit_reports
from gateways.sandbox.xendit import transactions as xendit_transactions
from gateways.sandbox.xendit import views as xendit


def not_found(request: HttpRequest, **_exception: Exception) -> HttpResponse:
    """Answer in JSON for an address that does not exist."""
    body = {"error": "not_found", "message": f"the sandbox has no {request.path}"}
    return Answer(body, status=404).response()


handler404 = not_found

urlpatterns = [
    path("", console.home),
    path("healthz", console.alive),
    re_path(r"^xendit/v2/invoices/?$", xendit.invoices),
    path("xendit/v2/invoices/<str:invoice_id>", xendit.get_invoice),
    path("xendit/v2/invoices/<str:invoice_id>/", xendit.get_invoice),
    path("xendit/invoices/<str:invoice_id>/expire!", xendit.expire_invoice),
    re_path(r"^xendit/refunds/?$", xendit_refunds.refunds),
    path("xendit/refunds/<str:refund_id>", xendit_refunds.get_refund),
    path("xendit/refunds/<str:refund_id>/cancel", xendit_refunds.cancel_refund),
    path("xendit/ewallets/charges/<str:payment_id>", xendit_refunds.get_ewallet_charge),
    path(
        "xendit/ewallets/charges/<str:payment_id>/refunds",
        xendit_refunds.refund_by_product("ewallet"),
    ),
    path("xendit/ewallets/charges/<str:payment_id>/void", xendit_refunds.refund_by_product("void")),
    path(
        "xendit/paylater/charges/<str:payment_id>/refunds",
        xendit_refunds.refund_by_product("ewallet"),
    ),
    path(
        "xendit/qr_codes/payments/<str:payment_id>/refunds", xendit_refunds.refund_by_product("qr")
    ),
    re_path(r"^xendit/transactions/?$", xendit_transactions.transactions),
    re_path(r"^xendit/reports/?$", xendit_reports.create_report),
    path("xendit/reports/files/<str:report_id>.csv", xendit_reports.download_report),
    path("xendit/reports/<str:report_id>", xendit_reports.get_report),
    re_path(
        r"^midtrans/dashboard/balance-statement\.(?P<suffix>csv|xlsx)$",
        midtrans_statements.balance_statement,
    ),
    re_path(
        r"^midtrans/dashboard/withdrawals\.(?P<suffix>csv|xlsx)$",
        midtrans_statements.withdrawals,
    ),
    path("midtrans/v1/balance/mutation", midtrans_statements.balance_mutation),
    path("midtrans/snap/v1/transactions", midtrans.create_snap_transaction),
    path("midtrans/snap/v1/transactions/<str:token>/cancel", midtrans.cancel_snap_page),
    path("midtrans/v2/charge", midtrans.charge),
    path("midtrans/v2/<str:name>/status", midtrans.get_status),
    path("midtrans/v2/<str:name>/cancel", midtrans.cancel),
    path("midtrans/v2/<str:name>/expire", midtrans.expire),
    path("midtrans/v2/<str:name>/approve", midtrans.approve),
    path("midtrans/v2/<str:name>/deny", midtrans.deny),
    path("midtrans/v2/<str:name>/refund", midtrans.refund),
    path("midtrans/v2/<str:name>/refund/online/direct", midtrans.refund),
    re_path(
        r"^midtrans/v[24]/(?:qris|gopay|qris/gopay)/(?P<name>[^/]+)/qr-code$",
        midtrans.qr_code_image,
    ),
    path("pay/xendit/<str:invoice_id>", pages.xendit_page),
    path("pay/snap/<str:token>", pages.snap_page),
    path("pay/midtrans/<str:transaction_id>", pages.midtrans_page),
    path("control", console.console),
    path("control/", console.console),
    path(
        "control/faults",
        control.commands(
            GET=control.list_faults, POST=control.add_fault, DELETE=control.clear_faults
        ),
    ),
    path("control/charges", control.commands(GET=control.list_charges)),
    path("control/latency", control.commands(GET=control.show_latency, POST=control.set_latency)),
    path("control/limits", control.commands(GET=control.show_limits, POST=control.set_limit)),
    path("control/trigger", control.trigger),
    path("control/clock", control.commands(GET=control.show_clock, POST=control.set_clock)),
    path("control/config", control.commands(GET=control.show_config, POST=control.set_config)),
    path("control/reset", control.commands(POST=control.reset)),
    path("control/state", control.commands(GET=control.show_state)),
    path("control/deliveries", control.commands(GET=control.list_deliveries)),
    path("control/deliveries/<int:number>/resend", control.resend),
    path("control/pay", control.press),
    path("control/test-notification", control.commands(POST=control.send_test)),
]
